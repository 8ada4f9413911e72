"""The exercises of notebook 06, Pull together, push apart: contrastive learning."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import Edit, Exercise
from course_utils.exercises.cases import halves, quarters

# ---------------------------------------------------------------- 1


def margin_loss_reference(a, b, same, margin):
    distance = (a - b).norm(dim=1)  # (N,)
    gap = (margin - distance).clamp(min=0)
    return torch.where(same, distance**2, gap**2).mean()


margin_loss = Exercise(
    reference=margin_loss_reference,
    cases=lambda g: [
        (
            torch.tensor([[0.5, 1.0], [1.0, 0.25], [2.0, 1.0]]),
            torch.tensor([[1.0, -0.5], [0.5, 0.5], [-1.0, 0.5]]),
            torch.tensor([True, False, False]),
            1.5,
        ),
        (torch.tensor([[0.25, 0.5, -1.0]]), torch.tensor([[0.5, 0.0, -0.75]]), torch.tensor([False]), 1.0),
        (  # pairs at distance 0, of both kinds
            torch.tensor([[0.5, -1.0], [1.5, 0.25], [0.0, 1.0], [2.0, 0.5]]),
            torch.tensor([[0.5, -1.0], [1.5, 0.25], [0.75, 0.5], [1.0, 0.25]]),
            torch.tensor([False, True, False, True]),
            2.0,
        ),
        (quarters(g, 5, 3), quarters(g, 5, 3), torch.tensor([False, True, False, False, True]), 3.5),
        (quarters(g, 4, 2), quarters(g, 4, 2), torch.tensor([False, True, True, True]), 0.75),
        (quarters(g, 6, 4), quarters(g, 6, 4) / 2, torch.tensor([True, False, False, False, False, False]), 2.5),
        (quarters(g, 2, 3), quarters(g, 2, 3), torch.tensor([True, True]), 0.5),
    ],
    hints=[
        "First the distance of each pair, (N,). Then a cost for each pair, of one kind or of the other.",
        "`torch.where(same, x, y)` takes x where `same` is true and y elsewhere; `.clamp(min=0)` is max(0, …).",
        "With `distance = (a - b).norm(dim=1)`: `distance**2` for the same kind, `(margin - distance).clamp(min=0)**2` "
        "for the others, and one mean over all pairs. `norm` also has a gradient where the distance is 0.",
    ],
    mistakes=[
        Edit(
            "distance**2, gap**2",
            "gap**2, distance**2",
            "The two kinds are exchanged: pairs that belong together should be close, the others apart.",
        ),
        Edit(
            "gap**2",
            "(margin - distance**2).clamp(min=0)",
            "The margin is compared with the distance itself, not with its square, and what is missing is squared.",
        ),
        Edit("gap**2", "gap", "For pairs that do not belong together, max(0, margin − distance) is squared."),
        Edit(
            ".clamp(min=0)",
            "",
            "Pairs that are further apart than the margin cost nothing: max(0, …) before the square.",
        ),
        Edit(".mean()", ".sum()", "Take the *mean* over the pairs, not the sum."),
        Edit(
            "torch.where(same, distance**2, gap**2).mean()",
            "(distance[same] ** 2).mean() + (gap[~same] ** 2).mean()",
            "That is a mean for each kind, and their sum; take one mean over all pairs.",
        ),
        Edit("distance**2", "distance", "For pairs that belong together, the distance is squared."),
        Edit(
            "(a - b).norm(dim=1)",
            "(a - b).square().sum(1).sqrt()",
            "A root has an infinite slope at 0, and 0 times infinity is NaN: `.norm(dim=1)` has the gradient 0 there.",
        ),
    ],
    look_at="one pair at a time: its distance, its kind, and then the mean over all pairs",
    tolerance=1e-3,
    gradient_of=("a", "b"),
)

# ---------------------------------------------------------------- 2


def nt_xent_reference(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # (2N, D)
    scores = (z @ z.T / temperature).fill_diagonal_(-torch.inf)  # (2N, 2N)
    partner = torch.arange(len(z)).roll(len(z1))  # (2N,): N, ..., 2N - 1, 0, ..., N - 1
    return F.cross_entropy(scores, partner)


nt_xent = Exercise(
    reference=nt_xent_reference,
    cases=lambda g: [
        (torch.tensor([[1.0, 0.5], [-2.0, 1.0]]), torch.tensor([[0.5, 1.5], [0.25, -0.5]]), 0.5),
        (quarters(g, 3, 4), quarters(g, 3, 4), 0.2),
        (halves(g, 4, 3), 5 * halves(g, 4, 3), 2.0),
        (  # the first row is far from all others; e^100 is too large for float32
            torch.tensor([[2.0, 0.5], [-1.0, 1.5], [-0.5, -2.0]]),
            torch.tensor([[-1.0, -0.25], [-1.5, 2.0], [-1.0, -3.0]]),
            0.01,
        ),
        (quarters(g, 5, 2), quarters(g, 5, 2), 0.4),
        (halves(g, 2, 6) / 5, halves(g, 2, 6), 0.07),
        (torch.randn(512, 16, generator=g), torch.randn(512, 16, generator=g), 0.5),  # too large for loops
    ],
    hints=[
        "Stack both views into 2N rows, each of length 1. All cosines are then one matrix product.",
        "Row i is a question with 2N − 1 answers, one of which is right: a classification, and PyTorch has a loss for "
        "that. An anchor drops out of its own sum if its score is −∞, as e^−∞ is 0.",
        "With `z = F.normalize(torch.cat([z1, z2]), dim=1)`, the scores are "
        "`(z @ z.T / temperature).fill_diagonal_(-torch.inf)`. The partner of row i is row i + N in the first half and "
        "row i − N in the second. `F.cross_entropy(scores, partner)` does the rest, without overflow.",
    ],
    mistakes=[
        Edit(
            ".fill_diagonal_(-torch.inf)",
            "",
            "Each anchor is still in its own sum, with the cosine 1: leave the diagonal out.",
        ),
        Edit(
            "F.cross_entropy(scores, partner)",
            "F.cross_entropy(scores[: len(z1), len(z1) :], torch.arange(len(z1)))",
            "Only rows of the other view are in the sum; the other rows of the anchor's own view belong there too, and "
            "the rows of the second view are anchors as well.",
        ),
        Edit(
            "F.normalize(torch.cat([z1, z2]), dim=1)",
            "torch.cat([z1, z2])",
            "Those are products of rows as long as they come; make each row 1 long first.",
        ),
        Edit(" / temperature", "", "The temperature is not used: divide the cosines by it."),
        Edit(
            "F.cross_entropy(scores, partner)",
            "F.cross_entropy(scores[: len(z1)], partner[: len(z1)])",
            "Only the rows of the first view are anchors there; all 2N rows should be.",
        ),
        Edit(
            "F.cross_entropy(scores, partner)",
            "(scores.scatter(1, partner[:, None], -torch.inf).logsumexp(1)"
            " - scores.gather(1, partner[:, None])[:, 0]).mean()",
            "The partner is missing in the sum: it is one of the 2N − 1 other rows.",
        ),
        Edit(
            "F.cross_entropy(scores, partner)",
            "-(scores.exp()[torch.arange(len(z)), partner] / scores.exp().sum(1)).log().mean()",
            "The formula is right, but e^100 is too large for float32: `F.cross_entropy` and `logsumexp` avoid it.",
        ),
        Edit(
            "torch.cat([z1, z2])",
            "torch.cat([z1, z2.detach()])",
            "Both views are outputs of the network that learns: detach neither.",
        ),
    ],
    look_at="one anchor at a time: the 2N − 1 cosines in its sum, and which of them is its partner's; 0 × ∞ is NaN",
    tolerance=1e-3,
    gradient_of=("z1", "z2"),
)

# ---------------------------------------------------------------- 3


def linear_loss_reference(features, labels, weight, bias, decay):
    logits = features.detach() @ weight + bias  # (N, K)
    return F.cross_entropy(logits, labels) + decay * weight.square().sum()


linear_loss = Exercise(
    reference=linear_loss_reference,
    cases=lambda g: [
        (
            torch.tensor([[0.5, 1.0], [-1.0, 0.25], [1.5, -0.5]]),
            torch.tensor([0, 2, 2]),
            torch.tensor([[0.5, -0.25, 1.0], [-1.0, 0.75, 0.25]]),
            torch.tensor([0.25, -0.5, 0.75]),
            0.1,
        ),
        (quarters(g, 4, 3), torch.tensor([1, 0, 1, 1]), quarters(g, 3, 2), quarters(g, 2), 0.5),
        (quarters(g, 1, 4), torch.tensor([3]), quarters(g, 4, 5), quarters(g, 5), 0.03),
        (400 * quarters(g, 5, 4), torch.tensor([0, 5, 2, 2, 4]), quarters(g, 4, 6), quarters(g, 6), 0.25),
        (quarters(g, 6, 1), torch.tensor([3, 1, 0, 0, 2, 1]), quarters(g, 1, 4), quarters(g, 4), 2.0),
    ],
    hints=[
        "Two parts, added: how wrong the classes are, and how large the weights are.",
        "`F.cross_entropy` takes the logits as they are and gives a mean. `.detach()` gives the same features, but "
        "without a way back to the network that made them.",
        "`logits = features.detach() @ weight + bias`; then `F.cross_entropy(logits, labels)` plus `decay` times "
        "`weight.square().sum()`.",
    ],
    mistakes=[
        Edit(
            "features.detach()",
            "features",
            "The network that made the features would be trained too: take `features.detach()`.",
        ),
        Edit(
            "weight.square().sum()",
            "(weight.square().sum() + bias.square().sum())",
            "The bias is left out of the decay: only the weights count there.",
        ),
        Edit(
            "weight.square().sum()", "weight.norm()", "That is the root of the sum; take the sum of the squares itself."
        ),
        Edit(
            "weight.square().sum()", "weight.square().mean()", "Take the *sum* of the squared weights, not their mean."
        ),
        Edit(
            "F.cross_entropy(logits, labels)",
            "F.cross_entropy(logits.softmax(1), labels)",
            "`F.cross_entropy` takes the softmax itself: give it the logits as they are.",
        ),
        Edit(
            " + decay * weight.square().sum()",
            "",
            "The decay is missing: `decay` times the sum of all squared weights.",
        ),
        Edit(
            "features.detach() @ weight + bias",
            "(features @ weight + bias).detach()",
            "That cuts the weights off as well, and they should learn: detach the features alone.",
        ),
        Edit(
            "F.cross_entropy(logits, labels)",
            "-logits.softmax(1)[torch.arange(len(labels)), labels].log().mean()",
            "The formula is right, but a probability rounds to 0 if logits are large: `F.cross_entropy` avoids it.",
        ),
    ],
    look_at="the two parts one at a time: the cross-entropy, and decay times the sum of squared weights",
    gradient_of=("features", "weight", "bias"),
)

# ---------------------------------------------------------------- 4


def uniformity_reference(z):
    return (-2 * torch.pdist(z).square()).exp().mean().log()


uniformity = Exercise(
    reference=uniformity_reference,
    cases=lambda g: [
        (torch.tensor([[0.6, 0.8], [0.8, -0.6], [-1.0, 0.0]]),),
        (torch.tensor([[0.8, 0.0, -0.6], [0.0, 1.0, 0.0]]),),
        (torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.6, -0.8], [-0.8, 0.6]]),),  # two rows with the same numbers
        (torch.tensor([[1.0], [-1.0], [-1.0], [-1.0], [1.0]]),),
        (F.normalize(quarters(g, 6, 5) + 1),),
        (F.normalize(torch.randn(20, 3, generator=g)),),
        (F.normalize(torch.randn(2000, 4, generator=g)),),  # too many for loops
    ],
    hints=[
        "Inside out: the distance of each pair of rows, its square, times −2, e to that, the mean, the log.",
        "`torch.pdist(z)` gives the distance of every pair of two rows, each pair once, and no row with itself. "
        "`torch.cdist(z, z)` gives them twice, and a diagonal of zeros to leave out.",
        "`torch.pdist(z).square()`, times −2; then `.exp().mean().log()`, in this order.",
    ],
    mistakes=[
        Edit(
            "torch.pdist(z)",
            "torch.cdist(z, z)",
            "Each row is paired with itself too, at distance 0; only pairs of two rows count.",
        ),
        Edit(".square()", "", "The distance is squared before it is multiplied by −2."),
        Edit(".exp().mean().log()", ".mean()", "That is the mean of the logs; take the log of the mean: mean first."),
        Edit(".log()", "", "The log is missing: it comes last, after the mean."),
        Edit("-2 * ", "-", "A factor 2 is missing: e to −2 times the squared distance, which is 2 − 2 × cosine."),
        Edit("-2 * ", "2 * ", "The sign is wrong: e to *minus* 2 times the squared distance, large for close pairs."),
        Edit(".mean()", ".sum()", "Take the *mean* over the pairs, not the sum."),
        Edit(
            ".mean()",
            ".sum().div(len(z) * (len(z) - 1))",
            "Each pair is counted once, but divided by a number that counts it twice: take `.mean()`.",
        ),
    ],
    look_at="one pair of rows at a time: its squared distance, then e to −2 times that",
    tolerance=1e-4,
)

# ---------------------------------------------------------------- 5


def momentum_update_reference(slow, fast, keep):
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.copy_(keep * s + (1 - keep) * f)


def filled(g: torch.Generator, *layers: nn.Module) -> nn.Sequential:
    """Return a network of these layers, its parameters and buffers filled with quarters."""
    network = nn.Sequential(*layers)
    with torch.no_grad():
        for values in [*network.parameters(), *network.buffers()]:
            values.copy_(quarters(g, *values.shape))
    return network


momentum_update = Exercise(
    reference=momentum_update_reference,
    cases=lambda g: [
        (filled(g, nn.Linear(2, 1)), filled(g, nn.Linear(2, 1)), 0.75),
        (
            filled(g, nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 2))),
            filled(g, nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 2))),
            0.9,
        ),
        (  # with buffers: running means and variances
            filled(g, nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
            filled(g, nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
            0.6,
        ),
        (  # the slow one is frozen
            filled(g, nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2)).requires_grad_(False),
            filled(g, nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2)),
            0.25,
        ),
    ],
    hints=[
        "`slow.parameters()` and `fast.parameters()` come in the same order. What happens to one pair of them?",
        "In place means that the tensor itself changes: `s.copy_(…)`, or `s.mul_(…)` and `s.add_(…)`; `s = …` gives "
        "the name `s` to another tensor. And it takes `with torch.no_grad():`, or PyTorch refuses.",
        "Below `with torch.no_grad():`, go through `zip(slow.parameters(), fast.parameters())`, and fill each "
        "parameter of `slow` with `keep` times itself plus `1 - keep` times the one of `fast`.",
    ],
    mistakes=[
        Edit(
            "keep * s + (1 - keep) * f",
            "(1 - keep) * s + keep * f",
            "The two shares are exchanged: `keep` is the share of the old value of `slow`.",
        ),
        Edit(
            "s.copy_(keep * s + (1 - keep) * f)",
            "f.copy_(keep * f + (1 - keep) * s)",
            "That moves `fast` towards `slow`; it is `slow` that follows.",
        ),
        Edit(
            "keep * s + (1 - keep) * f",
            "s + (1 - keep) * f",
            "That only adds, and `slow` grows without end: the old value counts `keep` times.",
        ),
        Edit(
            "(1 - keep) * f)",
            "(1 - keep) * f)\n            break",
            "Only the first parameter has moved: go through all of them.",
        ),
        Edit("keep * s + (1 - keep) * f", "f", "That makes `slow` a copy of `fast`; it should move a part of the way."),
        Edit(
            "s.copy_(keep * s + (1 - keep) * f)",
            "s = keep * s + (1 - keep) * f",
            "`slow` is as it was: change each parameter itself, with `s.copy_(…)`; `s = …` only moves the name `s`.",
        ),
        Edit(
            "with torch.no_grad():",
            "if True:",
            "PyTorch would have to record this step as part of the loss: work below `with torch.no_grad():`.",
        ),
        Edit(
            "zip(slow.parameters(), fast.parameters(), strict=True)",
            "zip(slow.state_dict().values(), fast.state_dict().values(), strict=True)",
            "The buffers have moved too: `.state_dict()` holds them, `.parameters()` does not.",
        ),
    ],
    look_at="one parameter of `slow` before and after; `ex.momentum_update.case(1)` gives both networks",
)

# ---------------------------------------------------------------- 6


def sinkhorn_reference(scores, sharpness, rounds):
    shares = (scores.detach() / sharpness).exp()  # (B, K)
    for _ in range(rounds):
        shares = shares / shares.sum(0)
        shares = shares / shares.sum(1, keepdim=True)
    return shares


def tenths(g: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 multiples of a tenth, from -1 to 1, all equally likely."""
    return torch.randint(-10, 11, shape, generator=g) / 10


sinkhorn = Exercise(
    reference=sinkhorn_reference,
    cases=lambda g: [
        (torch.tensor([[0.5, -0.25], [0.75, 0.5], [-0.5, 0.25]]), 0.5, 1),
        (tenths(g, 4, 3), 0.25, 3),
        (tenths(g, 2, 5), 0.4, 2),
        (tenths(g, 6, 4), 0.1, 3),
        (tenths(g, 5, 3), 2.0, 10),
        (torch.tensor([[0.6, -0.5, 0.5], [0.7, -0.4, 0.65], [-0.3, -0.35, -0.2]]), 0.02, 4),
    ],
    hints=[
        "The table `e^(scores / sharpness)` has a row for each picture and a column for each prototype. Which of the "
        "two sums goes along dimension 0?",
        "`shares.sum(0)` holds the K column sums, `shares.sum(1, keepdim=True)` the B row sums as a column, (B, 1). "
        "The table is divided by the one, and the result by the other.",
        "Start from `scores.detach()`, so that no gradient flows. In each of the `rounds`, first "
        "`shares = shares / shares.sum(0)`, and then the rows in the same way, with `keepdim=True`.",
    ],
    mistakes=[
        Edit(
            "        shares = shares / shares.sum(0)\n        shares = shares / shares.sum(1, keepdim=True)",
            "        shares = shares / shares.sum(1, keepdim=True)\n        shares = shares / shares.sum(0)",
            "The rows come first there: divide the columns first and the rows last, so that the rows sum to 1.",
        ),
        Edit(
            "        shares = shares / shares.sum(0)\n",
            "",
            "That is a softmax of each row: nothing makes the prototypes share the pictures. Divide the columns too.",
        ),
        Edit(
            "        shares = shares / shares.sum(1, keepdim=True)\n",
            "",
            "Only the columns are divided: each row should sum to 1 after each round.",
        ),
        Edit("/ sharpness", "* sharpness", "The scores are divided by the sharpness, not multiplied."),
        Edit(
            "range(rounds)",
            "range(1)",
            "That is one round, or all columns and then all rows: alternate the two, as often as `rounds` says.",
        ),
        Edit(
            "        shares = shares / shares.sum(0)\n        shares = shares / shares.sum(1, keepdim=True)",
            "        shares = shares / shares.sum()",
            "That divides everything by one number, the total; each column and each row has its own sum.",
        ),
        Edit(
            ".detach()",
            "",
            "The shares are a target, and a target does not move: start from `scores.detach()`.",
        ),
        Edit(
            ", keepdim=True",
            "",
            "The row sums must be a column, (B, 1), to divide rows: `keepdim=True`.",
        ),
    ],
    look_at="one round at a time: the columns sum to 1 after the first division, the rows after the second",
    tolerance=1e-4,
    gradient_of=("scores",),
)
