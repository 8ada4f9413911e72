"""The exercises of notebook 05, Duel: generative adversarial networks."""

import torch
import torch.nn.functional as F

from course_utils.exercise import Edit, Exercise
from course_utils.exercises.cases import halves, quarters

# ---------------------------------------------------------------- 1


def best_discriminator_reference(p, q):
    total = p + q
    return torch.where(total > 0, p / total, 0.5)


best_discriminator = Exercise(
    reference=best_discriminator_reference,
    cases=lambda g: [
        (torch.tensor([0.5, 0.25, 0.1]), torch.tensor([0.25, 0.75, 0.1])),
        (torch.tensor([0.75, 0.0, 0.0, 0.5]), torch.tensor([0.5, 0.25, 0.0, 0.0])),
        (torch.tensor([12.5]), torch.tensor([2.5])),
        (torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.5])),
        (torch.tensor([3e-6, 2e-20, 0.3]), torch.tensor([1e-6, 3e-20, 0.9])),
        (torch.rand(20, generator=g), 3 * torch.rand(20, generator=g)),
    ],
    hints=[
        "Of many points near one place, a share is real. Both kinds are drawn equally often: which share is it?",
        "The real ones are as many as p says, all of them as many as p and q together.",
        "Where p + q is 0, the quotient is NaN: `torch.where(condition, a, b)` takes b there, and b may be 0.5.",
    ],
    mistakes=[
        Edit("torch.where(total > 0, p / total, 0.5)", "p / total", "Where both are 0 this divides 0 by 0: say 1/2."),
        Edit("0.5", "0.0", "Where both are 0, nothing speaks for either side: the answer there is 1/2."),
        Edit(
            "torch.where(total > 0, p / total, 0.5)",
            "q / total",
            "That is the probability that the point is made; `p` is for the real ones.",
        ),
        Edit(
            "torch.where(total > 0, p / total, 0.5)",
            "p / q",
            "That compares real with made; a probability is a share of *both* together.",
        ),
        Edit("p + q", "p + q + 1e-8", "A small number below changes small densities, and gives 0 where both are 0."),
        Edit(
            "torch.where(total > 0, p / total, 0.5)",
            "(p + 1e-8) / (total + 2e-8)",
            "A small number on both sides changes small densities: take the quotient as it is, except at 0.",
        ),
        Edit(
            "torch.where(total > 0, p / total, 0.5)",
            "(p > q).float()",
            "That says which is more likely; return *how* likely it is that the point is real.",
        ),
        Edit(
            "    total",
            "    p, q = p / p.sum(), q / q.sum()\n    total",
            "p and q are densities already, at a few places only: they need not add up to 1 there.",
        ),
    ],
    look_at="one place at a time: the share of p in p + q, and 1/2 where both are 0",
)

# ---------------------------------------------------------------- 2


def discriminator_loss_reference(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


discriminator_loss = Exercise(
    reference=discriminator_loss_reference,
    cases=lambda g: [
        (torch.tensor([2.0, -0.5]), torch.tensor([-1.0, 0.25, 1.5])),
        (torch.tensor([0.75]), torch.tensor([-2.25])),
        (quarters(g, 5) + 0.125, quarters(g, 2) - 0.125),
        (quarters(g, 4) + 1.1, quarters(g, 4) - 2.1),
        (torch.tensor([-1000.0, 0.5]), torch.tensor([0.25])),
        (torch.tensor([-0.75]), torch.tensor([-0.5, 1000.0, 900.0])),
        (torch.tensor([1000.0, 800.0, 0.5]), torch.tensor([-1000.0, 1.25])),
        (torch.tensor([-1000.0]), torch.tensor([1000.0])),
        (torch.tensor([25.0, -40.0]), torch.tensor([30.0, -20.0, 120.0])),
    ],
    hints=[
        "Two means, one over the real points and one over the made ones, added up. Which is small if D is near 1?",
        "1 − sigmoid(s) is sigmoid(−s). And −log sigmoid(s) is log(1 + exp(−s)): PyTorch has a function for it.",
        "`F.softplus(x)` is log(1 + exp(x)): take it of `-real` and of `fake`. "
        "`F.binary_cross_entropy_with_logits` with labels 1 and 0 gives the same two means.",
    ],
    mistakes=[
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "F.softplus(real).mean() + F.softplus(-fake).mean()",
            "The labels are exchanged: D should be near 1 for real points and near 0 for made ones.",
        ),
        Edit("F.softplus(fake)", "F.softplus(-fake)", "For made points it is −log(1 − D): D should be near 0 there."),
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "torch.cat([F.softplus(-real), F.softplus(fake)]).mean()",
            "That is one mean over all points; take a mean of each kind, and add the two.",
        ),
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "(F.softplus(-real).mean() + F.softplus(fake).mean()) / 2",
            "The two means are added here, not averaged.",
        ),
        Edit(".mean()", ".sum()", "Take the *mean* over each kind of points, not the sum."),
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "-real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()",
            "The formula is right, but sigmoid(−1000) rounds to 0, and log 0 is infinite: `F.softplus` avoids that.",
        ),
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "F.binary_cross_entropy(real.sigmoid(), torch.ones_like(real))"
            " + F.binary_cross_entropy(fake.sigmoid(), torch.zeros_like(fake))",
            "`F.binary_cross_entropy` cuts off at 100: give the scores to its sister `…_with_logits`.",
        ),
        Edit(
            "F.softplus(-real).mean() + F.softplus(fake).mean()",
            "F.softplus(-real.sigmoid()).mean() + F.softplus(fake.sigmoid()).mean()",
            "That takes the sigmoid twice: softplus and `…_with_logits` start from the scores.",
        ),
    ],
    look_at="the two means one at a time: −log D of the real points, −log(1 − D) of the made ones; "
    "a small number inside a log caps them",
    gradient_of=("real", "fake"),
)

# ---------------------------------------------------------------- 3


def generator_loss_reference(fake):
    return F.softplus(-fake).mean()


generator_loss = Exercise(
    reference=generator_loss_reference,
    cases=lambda g: [
        (torch.tensor([1.5, -0.5, -2.0]),),
        (torch.tensor([0.75]),),
        (quarters(g, 4) + 0.125,),
        (torch.tensor([-1000.0, 0.5]),),
        (torch.tensor([1000.0, -0.25, 900.0]),),
        (torch.tensor([-900.0, -1000.0]),),
        (torch.tensor([1000.0]),),
        (torch.tensor([-30.0, 25.0, -120.0]),),
        (2 * quarters(g, 15) + 0.125,),
    ],
    hints=[
        "The generator wants its points to be taken for real ones. Near which number should D be?",
        "−log sigmoid(s) is log(1 + exp(−s)). PyTorch has functions for it that do not overflow.",
        "`F.softplus(x)` is log(1 + exp(x)), `F.logsigmoid(x)` is −log(1 + exp(−x)). Then the mean.",
    ],
    mistakes=[
        Edit(
            "F.softplus(-fake)",
            "F.softplus(fake)",
            "That is −log(1 − D), the discriminator's loss on these points; the generator wants the opposite.",
        ),
        Edit(
            "F.softplus(-fake)",
            "-F.softplus(fake)",
            "That is log(1 − D): also smaller the larger D is, but flat where D is near 0, and so nothing is learned.",
        ),
        Edit("F.softplus(-fake)", "-F.softplus(-fake)", "The sign is wrong: the loss is −log D."),
        Edit(".mean()", ".sum()", "Take the *mean* over the points, not the sum."),
        Edit(
            "F.softplus(-fake)",
            "-fake.sigmoid().log()",
            "The formula is right, but sigmoid(−1000) rounds to 0, and log 0 is infinite: `F.softplus` avoids that.",
        ),
        Edit(
            "F.softplus(-fake).mean()",
            "F.binary_cross_entropy(fake.sigmoid(), torch.ones_like(fake))",
            "`F.binary_cross_entropy` cuts off at 100: give the scores to its sister `…_with_logits`.",
        ),
        Edit("F.softplus(-fake)", "-fake", "That is the score itself; take −log of its sigmoid."),
        Edit(
            "F.softplus(-fake)",
            "F.softplus(-fake.sigmoid())",
            "That takes the sigmoid twice: softplus and `…_with_logits` start from the scores.",
        ),
    ],
    look_at="one score at a time: a large one costs almost nothing, one of −1000 costs 1000",
    gradient_of=("fake",),
)

# ---------------------------------------------------------------- 4


def frechet_distance_reference(a, b):
    a, b = a.double(), b.double()
    shift = a.mean(0) - b.mean(0)
    C_a, C_b = a.T.cov(), b.T.cov()
    roots = torch.linalg.eigvals(C_a @ C_b).real.clamp(min=0).sqrt()
    return (shift.square().sum() + C_a.trace() + C_b.trace() - 2 * roots.sum()).item()


frechet_distance = Exercise(
    reference=frechet_distance_reference,
    cases=lambda g: [
        (
            torch.tensor([[0.5, 1.0], [2.0, -1.0], [-1.0, 0.0], [0.5, 2.5]]),
            torch.tensor([[1.0, 3.0], [-2.0, 0.5], [0.0, 4.0]]),
        ),
        (quarters(g, 4, 2) * torch.tensor([3.0, 1.0]) - 1, quarters(g, 4, 2)),
        (  # in float32 the means are too coarse
            torch.tensor([[9000.0, 1.0], [9001.0, 0.5], [9003.0, 0.0]]),
            torch.tensor([[9000.0, 0.0], [9001.0, 2.0], [9001.0, 1.5]]),
        ),
        (torch.tensor([[0.5, 1.0, -1.0], [1.5, -1.0, 0.0]]), torch.tensor([[0.0, 2.0, 1.0], [-1.0, 0.5, 3.0]])),
        (quarters(g, 6, 3), 2 * quarters(g, 9, 3) + 1),
        (quarters(g, 7, 5) + 0.5, quarters(g, 3, 5)),
        (quarters(g, 4, 12), quarters(g, 3, 12)),
        (quarters(g, 5, 16), quarters(g, 8, 16)),
    ],
    hints=[
        "Four parts. Compute each by itself: the means with `a.mean(0)`, the covariances with `a.T.cov()`.",
        "`torch.linalg.eigvals(C_a @ C_b)` gives all eigenvalues as complex numbers. They should be real and not "
        "negative, and only rounding makes them otherwise: `.real.clamp(min=0)`.",
        "Start with `a, b = a.double(), b.double()`. The result is the squared length of the difference of the means, "
        "plus `C_a.trace() + C_b.trace()`, minus twice the sum of the eigenvalues' roots.",
    ],
    mistakes=[
        Edit("shift.square().sum()", "shift.norm()", "The distance between the means enters *squared*."),
        Edit(
            "shift.square().sum() + ",
            "",
            "The means are missing: the squared distance between them belongs in the sum.",
        ),
        Edit(".cov()", ".cov(correction=0)", "Covariances are divided by N − 1 here, as `a.T.cov()` does."),
        Edit(".clamp(min=0).sqrt()", ".clamp(min=0)", "Take the *root* of each eigenvalue before you add them up."),
        Edit(
            "torch.linalg.eigvals(C_a @ C_b).real.clamp(min=0)",
            "(C_a.diagonal() * C_b.diagonal())",
            "That uses the variances only. The features vary together: take the eigenvalues of C_a C_b.",
        ),
        Edit(
            "a.double(), b.double()",
            "a, b",
            "That is float32, too coarse for these differences: start with `a.double()` and `b.double()`.",
        ),
        Edit(
            ".real.clamp(min=0)",
            ".real",
            "Rounding makes some eigenvalues slightly negative, and their roots NaN: `.clamp(min=0)` before `.sqrt()`.",
        ),
        Edit(
            ".real.clamp(min=0)",
            "",
            "`eigvals` gives complex numbers; only rounding makes them so: go on with their `.real`.",
        ),
    ],
    look_at="the four parts one at a time, in float64 from the start: squared distance of the means, the two traces, "
    "the sum of the roots",
)

# ---------------------------------------------------------------- 5


def arc_reference(a, b, t):
    lengths = a.norm(dim=1, keepdim=True) * b.norm(dim=1, keepdim=True)  # (B, 1)
    angle = torch.acos((a * b).sum(dim=1, keepdim=True) / lengths)
    return ((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b


arc = Exercise(
    reference=arc_reference,
    cases=lambda g: [
        (torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.25),
        (torch.tensor([[2.0, 1.0], [-0.5, 1.5]]), torch.tensor([[-1.0, 2.5], [-3.0, -1.0]]), 0.6),
        (
            torch.tensor([[1.0, 0.5, -2.0], [0.0, 3.0, 1.0]]),
            torch.tensor([[-0.5, 2.0, 1.0], [1.0, 2.0, -2.0]]),
            0.5,
        ),
        (torch.tensor([[0.6, 0.8], [0.0, -1.0], [0.8, 0.6]]), torch.tensor([[-0.8, 0.6], [0.6, 0.8], [1.0, 0.0]]), 0.4),
        (torch.tensor([[3.0, -4.0, 1.0]]), torch.tensor([[0.5, 2.0, -1.0]]), 0.0),
        (torch.tensor([[0.25, -0.5], [8.0, 6.0]]), torch.tensor([[1.5, 0.5], [-1.0, 7.0]]), 1.0),
        (quarters(g, 3, 5), quarters(g, 3, 5), 0.9),
        (quarters(g, 6, 6), 3 * quarters(g, 6, 6), 0.3),
    ],
    hints=[
        "Each row has an angle of its own: B angles. As a column, (B, 1), they multiply the rows of `a` and `b`.",
        "The cosine of the angle is `(a * b).sum(dim=1, keepdim=True)`, divided by the lengths of *both* rows; "
        "`.acos()` makes an angle of it. `F.cosine_similarity(a, b)` gives the cosines without `keepdim`.",
        "Two weights: sin((1 − t)·angle) / sin(angle) for `a`, sin(t·angle) / sin(angle) for `b`. "
        "`a` and `b` themselves stay as long as they are.",
    ],
    mistakes=[
        Edit(
            "((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b",
            "(1 - t) * a + t * b",
            "That is the straight line; it cuts through the sphere. The weights come from sines of the angle.",
        ),
        Edit(
            "((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b",
            "(t * angle).sin() / angle.sin() * a + ((1 - t) * angle).sin() / angle.sin() * b",
            "The walk goes backwards: at t = 0 it is at `a`, at t = 1 at `b`.",
        ),
        Edit(" / angle.sin()", "", "Both weights are divided by sin(angle): at t = 0 the weight of `a` is 1."),
        Edit(" / lengths", "", "The cosine is a·b divided by both lengths; without that, acos has no answer beyond 1."),
        Edit(
            "(a * b).sum(dim=1, keepdim=True) / lengths",
            "(a * b).sum() / (a.norm() * b.norm())",
            "That is one angle for the whole batch; each row has its own.",
        ),
        Edit(
            ", keepdim=True",
            "",
            "The angles must be a column, (B, 1), to multiply rows: `keepdim=True`.",
        ),
        Edit(
            "    lengths",
            "    a, b = F.normalize(a), F.normalize(b)\n    lengths",
            "`a` and `b` were made 1 long; only the angle needs that, the weights multiply the rows as they are.",
        ),
        Edit(
            "((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b",
            "F.normalize(((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b)",
            "The direction is right, but the result was made 1 long: leave its length as it comes.",
        ),
    ],
    look_at="one row at a time: its angle first, then the two weights",
    tolerance=1e-4,
)

# ---------------------------------------------------------------- 6


def gram_reference(h):
    rows = h.flatten(1)  # (C, H * W)
    return rows @ rows.T / rows.shape[1]


gram = Exercise(
    reference=gram_reference,
    cases=lambda g: [
        (halves(g, 2, 1, 3),),
        (halves(g, 3, 2, 2),),
        (halves(g, 2, 3, 2),),
        (halves(g, 1, 2, 4),),
        (halves(g, 4, 1, 1),),
        (halves(g, 3, 5, 4),),
        (halves(g, 6, 2, 3) + 10,),
    ],
    hints=[
        "Entry (i, j) compares map i with map j: multiply them place by place, then take the mean over all places.",
        "Where a place is does not matter: `h.flatten(1)` makes each map one row, (C, H * W).",
        "One matrix product of the rows with their own transpose has all the sums in it; divide by H * W.",
    ],
    mistakes=[
        Edit(" / rows.shape[1]", "", "Those are sums over the places; return means: divide by H · W."),
        Edit("rows.shape[1]", "rows.numel()", "Divide by the number of places, H · W, not by C · H · W."),
        Edit("rows.shape[1]", "rows.shape[0]", "Divide by the number of places, H · W, not by the number of maps."),
        Edit(
            "rows @ rows.T / rows.shape[1]",
            "rows.T @ rows / rows.shape[1]",
            "That compares places, (H · W, H · W); compare maps: (C, C).",
        ),
        Edit(
            "h.flatten(1)",
            "h.reshape(-1, len(h)).T",
            "Numbers of different maps are mixed: `reshape` cuts in order. Each map is one row, `h.flatten(1)`.",
        ),
        Edit(
            "rows @ rows.T / rows.shape[1]",
            "rows.cov()",
            "That is a covariance: leave the mean of each map where it is.",
        ),
        Edit(
            "rows @ rows.T / rows.shape[1]",
            "F.normalize(rows) @ F.normalize(rows).T",
            "Those are cosines; how strong the maps are counts too: do not divide by their lengths.",
        ),
        Edit(
            "rows @ rows.T / rows.shape[1]",
            "rows.square().mean(1)",
            "That is the diagonal alone, each map with itself; take every pair: (C, C).",
        ),
    ],
    look_at="every pair of maps i and j: entry (i, j) is the mean, over all places, of map i times map j",
    gradient_of=("h",),
)
