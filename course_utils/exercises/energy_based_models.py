"""The exercises of notebook 08, Shape a landscape: energy-based models."""

import math

import torch
import torch.nn.functional as F

from course_utils.exercise import Edit, Exercise, Mistake
from course_utils.exercises.cases import halves, quarters

# ---------------------------------------------------------------- energies, named as the feedback names them


def two_valleys(y):
    """One energy for each number, lowest at -1 and at 1."""
    return (y**2 - 1) ** 2


def ripples(y):
    """One energy for each number, a bowl with many small valleys."""
    return y**2 / 4 + torch.cos(3 * y)


def steep_wall(y):
    """One energy for each number, lowest at log 2, flat on its left and steep on its right."""
    return y.exp() - 2 * y


def long_valley(y):
    """One energy for each row, steep across and nearly flat along the valley in which its numbers add up to 1."""
    return 2 * (y.sum(-1) - 1) ** 2 + (y**2).sum(-1) / 8


def ring(y):
    """One energy for each row, lowest on a circle of radius 2, and a little lower on one side of it."""
    return ((y**2).sum(-1) - 4) ** 2 / 8 + y[..., 0] / 2


def springs(y):
    """One energy for each row, whose numbers are pulled towards their neighbours and the first one towards 1."""
    return (y.diff(dim=-1) ** 2).sum(-1) + (y[..., 0] - 1) ** 2


# ---------------------------------------------------------------- 1


def descend_reference(energy, y, lr, limit, steps):
    for _ in range(steps):
        y = y.detach().requires_grad_()
        (slope,) = torch.autograd.grad(energy(y).sum(), y)
        y = y - (lr * slope).clamp(-limit, limit)
    return y.detach()


descend = Exercise(
    reference=descend_reference,
    cases=lambda g: [
        (two_valleys, torch.tensor([0.5, -1.5, 2.0]), 0.1, 0.25, 1),
        (long_valley, torch.tensor([[0.5, -1.0, 2.25], [0.25, 0.5, -0.75]]), 0.05, 0.4, 3),
        (ripples, quarters(g, 2, 2, 3) + 0.125, 0.2, 0.37, 4),
        (steep_wall, torch.tensor([[3.0, -0.5, 1.25, -2.0]]), 1.5, 0.1, 8),
        (springs, quarters(g, 5), 0.3, 0.15, 10),
        (two_valleys, torch.tensor(1.75), 0.02, 10.0, 5),  # no step is too long
        (ring, quarters(g, 4, 2) + 0.125, 0.45, 1.3, 6),
        (two_valleys, torch.tensor([[-1.25], [0.75], [0.25]]), 0.5, 0.9, 4),  # too fast to settle
        (ring, quarters(g, 2, 2, 2) - 0.125, 0.1, 0.06, 2),
        (long_valley, quarters(g, 3, 3), 0.16, 0.55, 7),
        (long_valley, torch.tensor([[30.5, -18.25], [-40.0, 6.5]]), 0.125, 12.5, 3),  # far away
        (two_valleys, torch.tensor([0.25, -1.5]), 0.1, 0.2, 0),  # no step at all
    ],
    hints=[
        "A loop, and in it two things: the slope of the energy where y is now, and a step against it.",
        "`torch.autograd.grad` gives slopes, of a single number: energies of several numbers or rows are added up for "
        "it. It needs a y that asks for a gradient, `y.detach().requires_grad_()`, which leaves the argument alone. "
        "`.clamp` keeps each number between two others.",
        "In the loop: `y = y.detach().requires_grad_()`, then "
        "`(slope,) = torch.autograd.grad(energy(y).sum(), y)`, and take `(lr * slope).clamp(-limit, limit)` off y. "
        "After the loop, return `y.detach()`.",
    ],
    mistakes=[
        Edit("y - (lr", "y + (lr", "That goes uphill: the slope points to where the energy rises, so take it off."),
        Edit(
            "(lr * slope).clamp(-limit, limit)",
            "lr * slope",
            "A step can be longer than `limit` there: clamp it before you take it off.",
        ),
        Edit(
            "(lr * slope).clamp(-limit, limit)",
            "lr * slope.clamp(-limit, limit)",
            "That clamps the slope; it is the step, `lr` times the slope, that is at most `limit`.",
        ),
        Edit(
            "clamp(-limit, limit)",
            "clamp(max=limit)",
            "Steps are limited on one side only: a step up may not be longer than `limit` either.",
        ),
        Edit(
            "range(steps)", "range(1)", "That is one step: repeat it `steps` times, each from where the last one led."
        ),
        Edit(
            "energy(y).sum()",
            "energy(y).mean()",
            "The mean divides every slope by the number of energies: add them up instead.",
        ),
        Edit(
            "y - (lr * slope).clamp(-limit, limit)",
            "(y - lr * slope).clamp(-limit, limit)",
            "That keeps y itself between −`limit` and `limit`: only the step is limited.",
        ),
        Edit(
            "(lr * slope).clamp(-limit, limit)",
            "lr * slope * (limit / (lr * slope).norm()).clamp(max=1)",
            "That shortens the step as a whole; `limit` is for each number on its own, and the others keep theirs.",
        ),
    ],
    look_at="one number at a time: its slope, `lr` times that, and the same kept within `limit`",
    detached=True,
)

# ---------------------------------------------------------------- 2


def margin_loss_reference(right, wrong, margin):
    return (margin + right[:, None] - wrong).relu().mean()


margin_loss = Exercise(
    reference=margin_loss_reference,
    cases=lambda g: [
        (
            torch.tensor([0.5, -1.0]),
            torch.tensor([[1.0, 2.5, 0.0], [-1.5, -0.25, 1.5]]),
            torch.tensor([[1.0, 0.5, 0.25], [2.0, 0.5, 1.25]]),
        ),
        (quarters(g, 3), quarters(g, 3, 3), quarters(g, 3, 3).abs() + 0.1),
        (quarters(g, 1), quarters(g, 1, 4), quarters(g, 1, 4).abs() + 0.1),
        (quarters(g, 4), quarters(g, 4, 1), quarters(g, 4, 1).abs() + 0.1),
        (  # far from 0, and nothing asked of some
            torch.tensor([200.5, -300.0, 0.75]),
            torch.tensor([[201.75, 220.25], [-302.5, 40.0], [0.25, 1.5]]),
            torch.tensor([[3.0, 45.5], [0.0, 10.5], [0.0, 0.0]]),
        ),
        (quarters(g, 2), quarters(g, 2, 6) + 2, 2 * quarters(g, 2, 6).abs() + 0.1),
        (2 * halves(g, 5), 2 * halves(g, 5, 5), halves(g, 5, 5).abs() + 0.3),
    ],
    hints=[
        "A wrong answer far enough above the right one costs nothing. What does one cost that is too low?",
        "It should be at `margin` above the right energy, or higher: what is missing up to there is the cost, and 0 if "
        "nothing is. `right[:, None]` is a column, (B, 1), and goes with each row of (B, K).",
        "`margin + right[:, None] - wrong` is what is missing, or negative; `.relu()` makes that 0. Then the mean over "
        "all B × K.",
    ],
    mistakes=[
        Edit(
            "margin + right[:, None] - wrong",
            "margin - right[:, None] + wrong",
            "The signs are the wrong way round: it costs something if the *wrong* energy is low.",
        ),
        Edit(".mean()", ".sum()", "That is the sum; the loss is the mean over all B × K wrong answers."),
        Edit(
            ".relu()", "", "Wrong answers far above the margin earn something there: they count as 0, with `.relu()`."
        ),
        Edit(
            "right[:, None]",
            "right",
            "Each right energy belongs to one *row* of `wrong`: `right[:, None]` makes a column of them.",
        ),
        Edit(
            ".relu().mean()",
            ".relu().amax(1).mean()",
            "That counts the worst wrong answer of each row alone; here all K of them count.",
        ),
        Edit(".relu()", ".relu().square()", "What is missing counts as it is, not squared."),
        Edit(
            "(margin + right[:, None] - wrong).relu()",
            "(margin + (right[:, None] - wrong).relu())",
            "The margin is outside: it is added *before* negative numbers become 0.",
        ),
        Edit(
            "(margin + right[:, None] - wrong).relu().mean()",
            "(lambda cost: cost[cost > 0].mean())(margin + right[:, None] - wrong)",
            "That is the mean over the wrong answers that cost something; those that cost nothing count too.",
        ),
    ],
    look_at="one wrong answer at a time: the right energy plus the margin, and how far below that it is",
    gradient_of=("right", "wrong"),
)

# ---------------------------------------------------------------- 3


def noise_contrastive_loss_reference(log_p_data, log_p_noise, log_q_data, log_q_noise):
    B, N = len(log_p_data), len(log_p_noise)
    G_data = log_p_data - log_q_data - math.log(N / B)  # log odds of being data
    G_noise = log_p_noise - log_q_noise - math.log(N / B)
    return F.softplus(-G_data).mean() + N / B * F.softplus(G_noise).mean()


noise_contrastive_loss = Exercise(
    reference=noise_contrastive_loss_reference,
    cases=lambda g: [
        (
            torch.tensor([-1.25, 0.5]),
            torch.tensor([-2.25, -3.0, -0.25, -1.5]),
            torch.tensor([-1.5, -2.0]),
            torch.tensor([-0.5, -1.25, -3.0, -1.0]),
        ),
        (quarters(g, 3) - 1, quarters(g, 3) - 2.5, quarters(g, 3) - 2, quarters(g, 3) - 1.5),
        (quarters(g, 5) - 2, quarters(g, 2) - 1.5, quarters(g, 5) - 3, quarters(g, 2) - 1),
        (quarters(g, 1) - 0.5, quarters(g, 6) - 1, quarters(g, 1) - 1, quarters(g, 6) - 2),
        (quarters(g, 4) + 0.25, quarters(g, 1) - 2, quarters(g, 4) + 0.5, quarters(g, 1) - 3),
        (  # sure and wrong, sure and right, on either side
            torch.tensor([-1000.0, 1000.0, -1.75]),
            torch.tensor([1000.0, -1000.0, -2.5, -0.5]),
            torch.tensor([-2.0, 0.5, -1.5]),
            torch.tensor([-0.25, -2.5, -1.0, -1.75]),
        ),
        (quarters(g, 2) - 212, quarters(g, 3) - 212, quarters(g, 2) - 212.5, quarters(g, 3) - 212.5),  # nearly cancel
        (  # sure and right everywhere but once
            torch.tensor([92.0, -0.5]),
            torch.tensor([-298.0, -798.0]),
            torch.tensor([-40.5, -1.0]),
            torch.tensor([-150.0, 20.25]),
        ),
    ],
    hints=[
        "Two classes, and one number for each draw, the log odds of data against noise. How likely is the draw under "
        "the model, how likely under the noise, and how many draws of each are there?",
        "The odds are the quotient of both densities, and `N / B` times smaller, as there are N draws of noise for B "
        "of the data. Data cost minus the log of the sigmoid of the log odds, noise that of minus the log odds; "
        "`F.softplus` gives both without a sigmoid that rounds to 0.",
        "With `G = log_p - log_q - math.log(N / B)` for either half, data cost `F.softplus(-G)` and noise "
        "`F.softplus(G)`. Add both sums and divide by B: that is the first mean plus `N / B` times the second.",
    ],
    mistakes=[
        Edit(
            "    G_data",
            "    log_q_data = log_q_noise = 0\n    G_data",
            "The noise's own density is missing: what counts is the model's log density minus `log_q`.",
        ),
        Edit("- math.log(N / B)", "+ math.log(N / B)", "The more noise there is, the *lower* are the odds of data."),
        Edit(
            " - math.log(N / B)",
            "",
            "The odds depend on how many of each there are: take `math.log(N / B)` off the log odds.",
        ),
        Edit(
            "N / B * F.softplus",
            "F.softplus",
            "All N draws of noise count as much as one of the data each: the mean over noise counts N / B times.",
        ),
        Edit(
            "F.softplus(G_noise)",
            "F.softplus(-G_noise)",
            "For noise the right class is the other one: its log odds have the other sign than those of data.",
        ),
        Edit(
            "F.softplus(-G_data).mean() + N / B * F.softplus(G_noise).mean()",
            "F.softplus(G_data).mean() + N / B * F.softplus(-G_noise).mean()",
            "The two classes have changed places: high log odds should make data cheap and noise dear.",
        ),
        Edit(
            "F.softplus(-G_data).mean() + N / B * F.softplus(G_noise).mean()",
            "torch.cat([F.softplus(-G_data), F.softplus(G_noise)]).mean()",
            "That divides by B + N; the sum over all draws is divided by B, the number of data.",
        ),
        Edit(
            "F.softplus(-G_data).mean() + N / B * F.softplus(G_noise).mean()",
            "-G_data.sigmoid().log().mean() - N / B * (1 - G_noise.sigmoid()).log().mean()",
            "The formula is right, but a sigmoid may round to 0 or 1, and the log of 0 is −∞, or e^1000 is infinite: "
            "`F.softplus` or `F.logsigmoid` avoids it.",
        ),
    ],
    look_at="one draw at a time: its log odds, and then what it costs as data or as noise",
    gradient_of=("log_p_data", "log_p_noise"),
)

# ---------------------------------------------------------------- 4


def contrastive_divergence_reference(v, h, v_model, h_model):
    dW = v.T @ h / len(v) - v_model.T @ h_model / len(v_model)
    db = v.mean(0) - v_model.mean(0)
    dc = h.mean(0) - h_model.mean(0)
    return dW, db, dc


def bits(g: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 zeros and ones, both equally likely."""
    return torch.randint(0, 2, shape, generator=g).float()


def eighths(g: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 multiples of an eighth between 0 and 1."""
    return torch.randint(1, 8, shape, generator=g) / 8


contrastive_divergence = Exercise(
    reference=contrastive_divergence_reference,
    cases=lambda g: [
        (
            torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
            torch.tensor([[0.75, 0.25], [0.5, 0.125]]),
            torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]),
            torch.tensor([[0.25, 0.5], [0.125, 0.875]]),
        ),
        (bits(g, 2, 3), eighths(g, 2, 4), bits(g, 5, 3), eighths(g, 5, 4)),
        (bits(g, 4, 3), bits(g, 4, 3), bits(g, 2, 3), eighths(g, 2, 3)),
        (bits(g, 1, 4), eighths(g, 1, 2), bits(g, 3, 4), eighths(g, 3, 2)),
        (quarters(g, 3, 2), quarters(g, 3, 3), quarters(g, 1, 2), quarters(g, 1, 3)),
        (quarters(g, 3, 3), quarters(g, 3, 3), quarters(g, 3, 3), quarters(g, 3, 3)),
        (eighths(g, 6, 1), bits(g, 6, 5), eighths(g, 4, 1), bits(g, 4, 5)),
        (halves(g, 4, 5), quarters(g, 4, 1), halves(g, 7, 5), quarters(g, 7, 1)),
    ],
    hints=[
        "Three differences, each of what data do on average and what the model does. Which two numbers meet at a "
        "weight, and which single one at a bias?",
        "A weight between v_i and h_j rises by the mean of their product over the data, and falls by the mean over "
        "the samples. A product of two matrices gives all V × H sums at once; B and N may differ.",
        "`v.T @ h / len(v)` is the mean product over the data, (V, H). Take the same of `v_model` and `h_model` off "
        "it, divided by their own number. For the biases, `v.mean(0) - v_model.mean(0)`, and the same with h.",
    ],
    mistakes=[
        Edit(
            "return dW, db, dc",
            "return -dW, -db, -dc",
            "The signs are the wrong way round: what data do counts plus, what the model does counts minus.",
        ),
        Edit(
            "v.T @ h / len(v) - v_model.T @ h_model / len(v_model)",
            "v.T @ h - v_model.T @ h_model",
            "The steps for W are *sums* over the rows: divide each product by its own number of rows.",
        ),
        Edit(
            "/ len(v_model)",
            "/ len(v)",
            "Both products are divided by B there: there are N samples, so divide theirs by N.",
        ),
        Edit(
            "v.T @ h / len(v) - v_model.T @ h_model / len(v_model)",
            "torch.outer(v.mean(0), h.mean(0)) - torch.outer(v_model.mean(0), h_model.mean(0))",
            "That is the product of the means, which does not see what goes together: take the mean of the products.",
        ),
        Edit(
            "dW = v.T @ h / len(v) - v_model.T @ h_model / len(v_model)",
            "dW = h.T @ v / len(v) - h_model.T @ v_model / len(v_model)",
            "The step for W is transposed: a row for each of the V visible numbers, a column for each hidden one.",
        ),
        Edit("return dW, db, dc", "return dW, dc, db", "Both biases changed places: b, of v, comes before c, of h."),
        Edit(
            "v_model.T @ h_model",
            "v_model.T @ h",
            "The samples have hidden numbers of their own: `v_model` goes with `h_model`.",
        ),
        Mistake(
            lambda v, h, v_model, h_model: (
                v.T @ h - v_model.T @ h_model,
                v.sum(0) - v_model.sum(0),
                h.sum(0) - h_model.sum(0),
            ),
            "Those are *sums* over the rows: take means, of the data and of the samples.",
        ),
    ],
    look_at="the item that is named: for W the means of v_i times h_j, for b and c those of v and of h; data first",
)

# ---------------------------------------------------------------- 5


def log_normaliser_reference(log_z0, log_factors):
    log_weights = log_factors.sum(0)  # (N,)
    return log_z0 + log_weights.logsumexp(0) - math.log(len(log_weights))


log_normaliser = Exercise(
    reference=log_normaliser_reference,
    cases=lambda g: [
        (2.5, torch.tensor([[0.5, -1.0, 1.25], [-0.75, 2.0, 0.25]])),
        (-1.75, quarters(g, 4, 2)),
        (4.0, quarters(g, 1, 5)),
        (0.6, quarters(g, 5, 1)),
        (-3.25, quarters(g, 3, 3)),
        (12.5, quarters(g, 4, 3) - 300),  # too small for exp, even in float64
        (-8.0, quarters(g, 5, 4) + 250),  # too large for it
        (1.3, torch.tensor([[100000.0, -99999.5, 100.25], [-99999.0, 100000.5, -98.5], [0.5, -0.25, -1.5]])),
        (-0.5, torch.tensor([[-100000.0, 2.5, -1200.25, 1.25], [-3.0, -1.75, 800.0, -0.75]])),  # two count
        (693.5, quarters(g, 6, 7) - 112),
    ],
    hints=[
        "What is one chain worth after all its steps? And what do all chains say together?",
        "A product of factors is a sum of their logs, over the T steps. Then the mean over the N chains is one of the "
        "weights, not of their logs; but e^1000 is too large for a computer: PyTorch has a function that gives the "
        "log of a sum from logs, without ever leaving them.",
        "`log_weights = log_factors.sum(0)` has one for each chain, and `log_weights.logsumexp(0)` is the log of their "
        "sum. For the mean, take `math.log` of N off, and add `log_z0`.",
    ],
    mistakes=[
        Edit(
            "log_weights.logsumexp(0) - math.log(len(log_weights))",
            "log_weights.mean()",
            "That is the mean of the logs, which is too low; here it is the log of the mean weight.",
        ),
        Edit(
            "log_weights.logsumexp(0) - math.log(len(log_weights))",
            "(log_factors.logsumexp(1) - math.log(len(log_weights))).sum()",
            "That takes a mean over the chains at every step; multiply the factors of each chain first.",
        ),
        Edit(
            " - math.log(len(log_weights))",
            "",
            "That is the log of the *sum* of the weights; for their mean, take off the log of N.",
        ),
        Edit(
            "len(log_weights)",
            "log_factors.numel()",
            "The mean is over the N chains alone: a chain's T factors are multiplied, and not counted.",
        ),
        Edit(
            "log_weights.logsumexp(0) - math.log(len(log_weights))",
            "log_weights.amax()",
            "That is the largest weight alone; all N chains count in the mean.",
        ),
        Edit(
            "log_weights.logsumexp(0) - math.log(len(log_weights))",
            "log_weights.exp().mean().log()",
            "The formula is right, but e^1000 is too large for a computer and e^−1000 is 0: `torch.logsumexp` avoids "
            "both.",
        ),
        Edit("log_z0 + ", "", "That is the log of the quotient alone: add the log Z at the start, `log_z0`."),
        Edit(
            "log_factors.sum(0)",
            "log_factors.sum(1)",
            "That sums over the chains; the steps are the rows, dimension 0.",
        ),
    ],
    look_at="the sum of each column, and then the log of the mean of e to each of these sums",
)

# ---------------------------------------------------------------- 6


def langevin_step_reference(energy, x, lr, temperature, noise):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(energy(x).sum(), x)
    return x.detach() - lr * slope + math.sqrt(2 * lr * temperature) * noise


langevin_step = Exercise(
    reference=langevin_step_reference,
    cases=lambda g: [
        (two_valleys, torch.tensor([0.5, -1.5, 2.0]), 0.05, 2.0, torch.tensor([1.5, -0.25, 0.75])),
        (
            ring,
            torch.tensor([[1.5, -0.5], [0.25, 2.0]]),
            0.2,
            0.4,
            torch.tensor([[-1.25, 0.5], [0.75, 2.0]]),
        ),
        (ripples, quarters(g, 2, 2, 3), 0.3, 1.0, quarters(g, 2, 2, 3)),
        (long_valley, quarters(g, 1, 4), 0.15, 0.0, quarters(g, 1, 4)),  # plain descent
        (springs, quarters(g, 5), 0.6, 30.0, 3 * quarters(g, 5)),
        (steep_wall, torch.tensor(1.25), 1.5, 0.02, torch.tensor(-0.75)),
        (ring, quarters(g, 2, 3, 2), 0.01, 0.7, quarters(g, 2, 3, 2)),
        (two_valleys, quarters(g, 3, 1) / 2, 0.5, 0.25, quarters(g, 3, 1)),
        (long_valley, quarters(g, 3, 3), 0.25, 5.0, quarters(g, 3, 3)),
    ],
    hints=[
        "A step downhill, as in exercise 1 but without a limit, and a push in a random direction. What sets the size "
        "of the push?",
        "The push's *variance* is two times `lr` times the temperature, so that its size is the root of that. The "
        "slope is taken where x is now, before the push.",
        "With the slope from `torch.autograd.grad(energy(x).sum(), x)`, of an x that asks for a gradient, return "
        "`x - lr * slope` plus `math.sqrt(2 * lr * temperature)` times the noise, without a graph.",
    ],
    mistakes=[
        Edit("- lr * slope", "+ lr * slope", "That goes uphill: `lr` times the slope is taken off."),
        Edit(
            "math.sqrt(2 * lr * temperature)",
            "2 * lr * temperature",
            "That is the variance of the push; the noise is multiplied by its root, the deviation.",
        ),
        Edit(
            "2 * lr * temperature",
            "2 * temperature",
            "The push does not get smaller with `lr`: it belongs below the root, too.",
        ),
        Edit(
            "2 * lr * temp", "lr * temp", "The 2 below the root is missing: the variance is 2 × `lr` × `temperature`."
        ),
        Edit(
            "2 * lr * temperature",
            "2 * lr",
            "The temperature is not used: it belongs below the root, so that at 0 there is no push at all.",
        ),
        Edit(
            "math.sqrt(2 * lr * temperature)",
            "math.sqrt(2 * lr) * temperature",
            "The temperature is outside the root: it multiplies the *variance* of the push.",
        ),
        Edit(
            "energy(x)",
            "energy(x + math.sqrt(2 * lr * temperature) * noise)",
            "The slope is taken after the push there: take it at x itself.",
        ),
        Edit(
            "* noise",
            "* torch.randn_like(x)",
            "That draws noise of its own: use the argument `noise`, so that the same noise gives the same step.",
        ),
    ],
    look_at="one number at a time: `lr` times its slope, and the root of 2 × `lr` × `temperature` times its noise",
    detached=True,
)
