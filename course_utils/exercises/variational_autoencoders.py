"""The exercises of notebook 07, Compress to noise: variational autoencoders."""

import math

import torch
import torch.nn.functional as F

from course_utils.exercise import Edit, Exercise
from course_utils.exercises.cases import halves, quarters

# ---------------------------------------------------------------- 1


def reparametrise_reference(mean, log_s, noise):
    return mean + log_s.exp() * noise


reparametrise = Exercise(
    reference=reparametrise_reference,
    cases=lambda g: [
        (
            torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.5, -0.75]]),
            torch.tensor([[0.0, -0.5, 1.0], [-2.0, 0.25, 0.5]]),
            torch.tensor([[-1.5, 0.5, 0.25], [1.0, -0.75, 2.0]]),
        ),
        (quarters(g, 1, 4), quarters(g, 1, 4), quarters(g, 1, 4)),
        (quarters(g, 5, 1), quarters(g, 5, 1), quarters(g, 5, 1)),
        (  # nearly no deviation, and large ones
            torch.tensor([[1.25, -0.5], [-2.0, 0.75], [0.25, 3.0]]),
            torch.tensor([[-12.0, 3.0], [4.5, -8.0], [-30.0, 2.25]]),
            torch.tensor([[2.0, -1.25], [0.5, -0.75], [-1.0, 1.5]]),
        ),
        (quarters(g, 3, 3), quarters(g, 3, 3), quarters(g, 3, 3)),
        (quarters(g, 6, 5), quarters(g, 6, 5), quarters(g, 6, 5)),
        (quarters(g, 3, 2), quarters(g, 3, 2), quarters(g, 4, 3, 2)),  # four draws of each
    ],
    hints=[
        "Standard normal noise has mean 0 and deviation 1. What gives it another deviation, and what another mean?",
        "A factor changes the deviation, something added changes the mean, and the factor comes first. The network "
        "gives the factor's log, as that may be any number and the factor itself must be positive.",
        "The deviation is `log_s.exp()`. It multiplies `noise`, and `mean` is added; draw nothing of your own.",
    ],
    mistakes=[
        Edit("log_s.exp()", "log_s", "`log_s` is the *log* of the deviation: the deviation itself is `log_s.exp()`."),
        Edit(
            "log_s.exp()",
            "(log_s / 2).exp()",
            "The half belongs to the log of a variance; here it is the log of the deviation itself.",
        ),
        Edit(
            "log_s.exp()",
            "(2 * log_s).exp()",
            "That is the variance, the square of the deviation: noise is multiplied by the deviation.",
        ),
        Edit(" * noise", "", "The noise is not used: the deviation multiplies it."),
        Edit(
            "mean + log_s.exp() * noise",
            "(mean + noise) * log_s.exp()",
            "The mean is multiplied too: only the noise is, and the mean is added afterwards.",
        ),
        Edit(
            "* noise",
            "* torch.randn_like(mean)",
            "That draws noise of its own: use the argument `noise`, so that the same noise gives the same draw.",
        ),
        Edit(
            "log_s.exp()",
            "log_s.exp().detach()",
            "The encoder learns its deviations through the draw: do not detach them.",
        ),
    ],
    look_at="one number at a time: its deviation, that times its noise, and then its mean",
    gradient_of=("mean", "log_s"),
)

# ---------------------------------------------------------------- 2


def gaussian_kl_reference(mean, log_s):
    return 0.5 * (mean.square() + (2 * log_s).exp() - 1) - log_s


gaussian_kl = Exercise(
    reference=gaussian_kl_reference,
    cases=lambda g: [
        (torch.tensor([[0.0, 1.5, -0.5], [2.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, -1.0], [0.5, 1.0, -0.25]])),
        (quarters(g, 1, 5), quarters(g, 1, 5) / 2),
        (quarters(g, 4, 1), halves(g, 4, 1) / 2),
        (  # sharp and wide ones, and means far away
            torch.tensor([[-0.25, 0.75], [20.0, -6.5], [1.0, 0.5]]),
            torch.tensor([[-25.0, 3.5], [-4.0, 0.25], [6.0, -6.0]]),
        ),
        (quarters(g, 3, 3), quarters(g, 3, 3)),
        (halves(g, 5, 4), quarters(g, 5, 4)),
    ],
    hints=[
        "The closed form has the mean, the variance and the log of the deviation in it, for each number on its own.",
        "The log of the deviation is there already. The variance is e to *twice* that. The result is 0 where the mean "
        "is 0 and the deviation 1, and nowhere below 0: try that.",
        "Half of `mean.square() + (2 * log_s).exp() - 1`, minus `log_s`. No sum: the result has the arguments' shape.",
    ],
    mistakes=[
        Edit(
            "(2 * log_s).exp() - 1) - log_s",
            "log_s.exp() - 1 - log_s)",
            "That is the formula for the log of a *variance*, which is twice the log of the deviation.",
        ),
        Edit(
            "(2 * log_s).exp()",
            "log_s.exp()",
            "`log_s.exp()` is the deviation; the formula has its square there, the variance.",
        ),
        Edit(
            "- 1) - log_s",
            "- 1 - log_s)",
            "The half is for the squared mean, the variance and the 1 only; the log of the deviation counts whole.",
        ),
        Edit(" - log_s", " + log_s", "The log of the deviation is taken off: a sharp Gaussian costs more, not less."),
        Edit(" - 1", "", "The −1 is missing: the standard Gaussian itself should cost 0."),
        Edit("(2 * log_s).exp()", "log_s.square()", "`log_s` is a log: the variance is `(2 * log_s).exp()`."),
        Edit(
            "0.5 * (mean.square() + (2 * log_s).exp() - 1) - log_s",
            "(0.5 * (mean.square() + (2 * log_s).exp() - 1) - log_s).sum(1)",
            "That is the sum over a code's numbers; here each number keeps its own.",
        ),
        Edit(
            "0.5 * (mean.square() + (2 * log_s).exp() - 1) - log_s",
            "0.5 * ((mean.square() + 1) * (-2 * log_s).exp() - 1) + log_s",
            "That is the other divergence, of the standard Gaussian from this one.",
        ),
    ],
    look_at="one number at a time: the square of its mean, its variance, the log of its deviation",
    gradient_of=("mean", "log_s"),
)

# ---------------------------------------------------------------- 3


def elbo_reference(logits, x, mean, log_s):
    log_likelihood = (x * logits - F.softplus(logits)).sum(1)  # (B,)
    rate = (0.5 * (mean.square() + (2 * log_s).exp() - 1) - log_s).sum(1)  # (B,)
    return log_likelihood - rate


def bits(g: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 zeros and ones, both equally likely."""
    return torch.randint(0, 2, shape, generator=g).float()


elbo = Exercise(
    reference=elbo_reference,
    cases=lambda g: [
        (
            torch.tensor([[0.5, -1.0, 2.0], [-0.25, 1.5, 0.75]]),
            torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
            torch.tensor([[0.5, -1.0, 0.75], [1.5, 0.25, -0.5]]),
            torch.tensor([[-0.5, 0.25, -0.75], [-1.0, 0.5, 0.125]]),
        ),
        (  # greys
            quarters(g, 3, 4) + 0.125,
            torch.tensor([[0.25, 1.0, 0.0, 0.5], [0.75, 0.1, 1.0, 0.9], [0.0, 0.6, 0.3, 1.0]]),
            quarters(g, 3, 1),
            quarters(g, 3, 1) / 2,
        ),
        (quarters(g, 1, 7) - 0.125, bits(g, 1, 7), quarters(g, 1, 3), quarters(g, 1, 3) / 2),
        (  # sure and right: these pixels cost nothing
            torch.tensor([[1000.0, -1000.0, 0.5], [-200.0, 30.0, 1.0]]),
            torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]),
            torch.tensor([[0.5, 0.0], [0.25, 0.75]]),  # two of these code numbers cost little or nothing
            torch.tensor([[-0.25, 0.0], [0.125, -1.0]]),
        ),
        (  # sure and wrong, on either side
            torch.tensor([[1000.0, 0.5], [-1000.0, 1.0], [25.0, -0.5], [-25.0, 0.75]]),
            torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]),
            quarters(g, 4, 2),
            quarters(g, 4, 2) / 2,
        ),
        (2 * quarters(g, 4, 4) + 0.25, bits(g, 4, 4), quarters(g, 4, 4), quarters(g, 4, 4)),
    ],
    hints=[
        "Two parts for each picture: the log of the probability of its pixels, and what its code costs. Which one is "
        "a sum over P numbers, which one over Z?",
        "The log of the sigmoid of −1000 is −1000, but the sigmoid itself rounds to 0, and its log is −∞: go from "
        "logits to logs in one step. PyTorch has a cross-entropy for two classes that takes logits; "
        "`reduction='none'` keeps each pixel's.",
        "`F.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(1)` is the distortion, and "
        "`x * logits - F.softplus(logits)` is minus that for each pixel. The rate is the sum over Z of the formula of "
        "exercise 2. The bound is minus the one, minus the other.",
    ],
    mistakes=[
        Edit(
            "F.softplus(logits)).sum(1)",
            "F.softplus(logits)).mean(1)",
            "The pixels' logs are *added*: a picture's probability is the product of all its pixels'.",
        ),
        Edit("log_likelihood - rate", "log_likelihood + rate", "The rate is a price: it is taken off."),
        Edit(
            "log_s).sum(1)",
            "log_s).mean(1)",
            "The rate is the *sum* over the code's numbers: each of them costs.",
        ),
        Edit(
            "log_likelihood - rate",
            "rate - log_likelihood",
            "That is distortion plus rate, what training makes small; the bound is minus that.",
        ),
        Edit(
            "log_likelihood - rate", "(log_likelihood - rate).mean()", "Each picture has its own bound: take no mean."
        ),
        Edit(
            "(x * logits - F.softplus(logits))",
            "(x * logits.sigmoid() - F.softplus(logits.sigmoid()))",
            "The sigmoid is taken twice: what works with logits takes it itself.",
        ),
        Edit(
            "(x * logits - F.softplus(logits))",
            "(x * logits.sigmoid().log() + (1 - x) * (1 - logits.sigmoid()).log())",
            "The formula is right, but the sigmoid of a large number rounds to 0 or 1, and the log of 0 is −∞: "
            "`F.binary_cross_entropy_with_logits` avoids it.",
        ),
        Edit(
            "(x * logits - F.softplus(logits))",
            "-F.binary_cross_entropy(logits.sigmoid(), x, reduction='none')",
            "`F.binary_cross_entropy` cuts every log off at −100; `F.binary_cross_entropy_with_logits` does not.",
        ),
    ],
    look_at="one picture at a time: the sum over its pixels, and the sum over its code",
    gradient_of=("logits", "mean", "log_s"),
)

# ---------------------------------------------------------------- 4


def importance_bound_reference(log_joint, log_q):
    return torch.logsumexp(log_joint - log_q, 0) - math.log(len(log_q))


importance_bound = Exercise(
    reference=importance_bound_reference,
    cases=lambda g: [
        (
            torch.tensor([[-3.5, -2.0, -4.25], [-2.0, -5.5, -4.0]]),
            torch.tensor([[-1.0, -2.5, 0.5], [-1.5, 0.25, -2.0]]),
        ),
        (quarters(g, 4, 2) - 3, quarters(g, 4, 2)),
        (quarters(g, 1, 3) - 2, quarters(g, 1, 3)),
        (quarters(g, 3, 3) - 4, quarters(g, 3, 3) - 1),
        (quarters(g, 5, 2) - 2000, quarters(g, 5, 2)),  # too small for exp, even in float64
        (quarters(g, 2, 4) + 500, quarters(g, 2, 4) - 300),  # too large for it
        (quarters(g, 3, 2) + torch.tensor([-2000.0, 500.0]), quarters(g, 3, 2)),  # one of each
        (  # one draw counts, the others are too small
            torch.tensor([[-90.0, -1200.5], [-4500.0, -1230.0], [-95.5, -60.25], [-400.0, -71.0]]),
            torch.tensor([[-2.5, 3.0], [1.5, -1.0], [0.25, -4.5], [-3.0, 2.0]]),
        ),
    ],
    hints=[
        "Inside out, for each picture: the log of each draw's weight, the mean of the k weights, and its log.",
        "A weight is a quotient, so that its log is a difference. e^−2000 is 0 for a computer, and the log of 0 is −∞: "
        "PyTorch has a function that gives the log of a sum from logs, without ever leaving them.",
        "`torch.logsumexp(log_joint - log_q, 0)` is the log of the sum over the draws. For the mean, the sum is "
        "divided by k: take off `math.log(k)`, with k the number of rows.",
    ],
    mistakes=[
        Edit(
            "torch.logsumexp(log_joint - log_q, 0) - math.log(len(log_q))",
            "(log_joint - log_q).mean(0)",
            "That is the mean of the logs, the bound of exercise 3; here it is the log of the mean.",
        ),
        Edit(
            "torch.logsumexp(log_joint - log_q, 0) - math.log(len(log_q))",
            "(log_joint - log_q).exp().mean(0).log()",
            "The formula is right, but a weight like e^−2000 rounds to 0: `torch.logsumexp` avoids it.",
        ),
        Edit(
            " - math.log(len(log_q))",
            "",
            "That is the log of the *sum* of the weights; for their mean, take off the log of k.",
        ),
        Edit("- math.log", "+ math.log", "The log of k is taken off: the mean is less than the sum."),
        Edit(
            "- math.log(len(log_q))",
            "/ len(log_q)",
            "It is the sum that is divided by k, not its log: take off the log of k.",
        ),
        Edit(
            ", 0) - math.log(len(log_q))",
            ", 1) - math.log(log_q.shape[1])",
            "That is a mean over the pictures; the draws are the rows, dimension 0.",
        ),
        Edit("log_joint - log_q", "log_joint + log_q", "A weight is p *divided* by q: the log of q is taken off."),
        Edit(
            "log_joint - log_q",
            "log_joint / log_q",
            "The log of a quotient is the *difference* of the logs, not their quotient.",
        ),
    ],
    look_at="one column at a time: the k differences in it, and the log of the mean of e to each",
)

# ---------------------------------------------------------------- 5


def beta_loss_reference(distortion, kl, beta, free):
    rate = kl.mean(0).clamp(min=free).sum()
    return distortion.mean() + beta * rate


beta_loss = Exercise(
    reference=beta_loss_reference,
    cases=lambda g: [
        (
            torch.tensor([5.0, 2.5]),
            torch.tensor([[0.25, 1.5, 0.0], [0.5, 0.25, 0.125]]),
            2.0,
            0.5,
        ),
        (10 * quarters(g, 4).abs(), quarters(g, 4, 3).abs(), 0.25, 0.7),
        (halves(g, 3).abs() + 4, quarters(g, 3, 5).square(), 4.0, 0.0),  # nothing is free
        (halves(g, 1).abs() + 3, torch.tensor([[0.1, 0.8, 1.4, 0.05]]), 1.5, 0.3),
        (halves(g, 5).abs(), quarters(g, 5, 3).abs() / 4 + torch.tensor([0.0, 3.0, 0.0]), 3.0, 2.0),  # one is above
        (halves(g, 3).abs() + 2, torch.tensor([[3.0, 0.5, 0.1], [0.2, 0.1, 4.0], [0.1, 0.3, 0.2]]), 0.5, 1.2),
        (9 * halves(g, 6).abs(), halves(g, 6, 4).square(), 0.1, 4.1),
    ],
    hints=[
        "Three steps for the rate: one mean for each of the Z numbers, the larger of that and `free`, and a sum.",
        "The mean over the batch goes along dimension 0. `.clamp(min=…)` works on each number of a tensor; where it "
        "puts in its own number, no gradient flows.",
        "With `rate = kl.mean(0).clamp(min=free).sum()`, the loss is the mean distortion plus `beta` times `rate`.",
    ],
    mistakes=[
        Edit(
            "kl.mean(0).clamp(min=free)",
            "kl.clamp(min=free).mean(0)",
            "That compares each picture's KL with `free`: take the mean over the batch first.",
        ),
        Edit(
            ".clamp(min=free).sum()",
            ".sum().clamp(min=free)",
            "`free` is not used, or only for the sum: the mean KL of each of the Z numbers counts as at least `free`.",
        ),
        Edit("(min=free).sum()", "(min=free).mean()", "Take the *sum* over the code's numbers, not the mean."),
        Edit(
            "kl.mean(0).clamp(min=free)",
            "(kl.mean(0) - free).clamp(min=0)",
            "The gradient is right, the value is not: below `free` a number counts as `free`, above it as it is.",
        ),
        Edit(
            "distortion.mean() + beta * rate",
            "beta * distortion.mean() + rate",
            "`beta` is the price of the *rate*; the distortion counts once.",
        ),
        Edit("distortion.mean()", "distortion.sum()", "Take the *mean* of the distortions, as for the KL."),
        Edit("min=free", "max=free", "That is the smaller of the two; a number's mean KL counts as *at least* `free`."),
        Edit(
            "kl.mean(0).clamp(min=free).sum()\n    return distortion.mean() + beta * rate",
            "(beta * kl.mean(0)).clamp(min=free).sum()\n    return distortion.mean() + rate",
            "The KL itself is compared with `free`; `beta` multiplies what comes out.",
        ),
    ],
    look_at="the mean KL of each of the Z numbers, the larger of that and `free`, and then the sum of these",
    gradient_of=("distortion", "kl"),
)

# ---------------------------------------------------------------- 6


def slerp_reference(a, b, share):
    angle = F.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()[:, None]  # (B, 1)
    straight = (1 - share) * a + share * b  # (B, Z)
    arc = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    return torch.where(angle.sin() < 1e-4, straight, arc)


slerp = Exercise(
    reference=slerp_reference,
    cases=lambda g: [
        (torch.tensor([[3.0, 0.0, 0.0], [0.5, 1.0, 0.0]]), torch.tensor([[0.0, 2.0, 0.0], [-1.0, 0.75, 0.5]]), 0.25),
        (  # the second pair points the same way
            torch.tensor([[1.0, 0.5, -0.25], [0.3, 0.7, 1.9], [0.5, -1.0, 2.0]]),
            torch.tensor([[-0.5, 1.0, 1.5], [0.9, 2.1, 5.7], [0.25, 1.5, -0.5]]),
            0.5,
        ),
        (quarters(g, 4, 5), quarters(g, 4, 5), 0.7),
        (torch.tensor([[0.5, -1.25, 2.0]]), torch.tensor([[1.5, 0.25, -0.75]]), 0.0),
        (quarters(g, 2, 3), 2 * quarters(g, 2, 3), 1.0),
        (  # nearly the same way, exactly the same, the same but longer, a small angle, a wide one
            torch.tensor([[1.0, 2.0], [-0.7, 1.1], [1.3, -0.2], [2.0, 0.5], [1.0, 0.25]]),
            torch.tensor([[1.0, 2.0001], [-0.7, 1.1], [3.9, -0.6], [1.95, 0.7], [-2.0, 0.5]]),
            0.4,
        ),
    ],
    hints=[
        "First the angle of each pair, one for each row, from its cosine. Then a factor for a and one for b.",
        "`F.cosine_similarity` gives the cosines, `.acos()` makes angles of them, `[:, None]` a column, (B, 1). "
        "Rounding can make a cosine a little more than 1. Where the sine is nearly 0, a quotient by it is of no use: "
        "`torch.where` takes the straight line there.",
        "With `angle = F.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()[:, None]`, the factors are the sines of "
        "`(1 - share) * angle` and of `share * angle`, each divided by `angle.sin()`. Where `angle.sin() < 1e-4`, take "
        "`(1 - share) * a + share * b`.",
    ],
    mistakes=[
        Edit(
            "torch.where(angle.sin() < 1e-4, straight, arc)",
            "straight",
            "That is the straight line, which comes nearer to 0 on its way than both codes: use the two sines.",
        ),
        Edit("[:, None]", "", "The angles must be a column, (B, 1), to multiply rows: `[:, None]`."),
        Edit(
            "(((1 - share) * angle).sin() * a + (share * angle).sin() * b)",
            "((share * angle).sin() * a + ((1 - share) * angle).sin() * b)",
            "The way is from b to a there: at `share` 0 it should be at a.",
        ),
        Edit(
            "    angle =",
            "    a, b = F.normalize(a), F.normalize(b)\n    angle =",
            "The codes lose their lengths: only the cosine is of codes 1 long, the way goes from a itself to b itself.",
        ),
        Edit(
            "F.cosine_similarity(a, b, dim=1)",
            "F.cosine_similarity(a.flatten(), b.flatten(), dim=0)[None]",
            "That is one angle for the whole batch: each pair has its own.",
        ),
        Edit(
            "torch.where(angle.sin() < 1e-4, straight, arc)",
            "arc",
            "Where a and b point the same way, the sine is 0, and 0 / 0 is NaN: take the straight line there.",
        ),
        Edit(
            " / angle.sin()",
            "",
            "Both factors are divided by the sine of the whole angle: at `share` 0 the factor of a should be 1.",
        ),
        Edit(
            "F.cosine_similarity(a, b, dim=1)",
            "(a * b).sum(1)",
            "The product is the cosine only if both codes are 1 long: divide it by both lengths.",
        ),
    ],
    look_at="one row at a time: its angle (rounding may make a cosine more than 1), then its two factors, 1 and 0 if "
    "`share` is 0, 0 and 1 if it is 1",
    tolerance=1e-4,
)
