"""The exercises of notebook 06: references against PyTorch and closed forms, wrong answers, other right ones."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from declared import judged
from torch import nn

from course_utils.exercises import contrastive_learning as ex
from course_utils.trial import Trial


def cases(exercise):
    """The cases of an exercise, a list of tuples."""
    return Trial(exercise.reference, exercise.cases).cases


# ---------------------------------------------------------------- references


@pytest.mark.parametrize("margin", [0.5, 2.0, 4.5])
@pytest.mark.parametrize("N, D", [(1, 3), (7, 2), (20, 5)])
def test_the_margin_loss_is_the_written_formula_pair_by_pair(N, D, margin):
    torch.manual_seed(0)
    a, b, same = torch.randn(N, D).double(), torch.randn(N, D).double(), torch.rand(N) < 0.5
    costs = []
    for x, y, belongs in zip(a.tolist(), b.tolist(), same.tolist(), strict=True):
        distance = math.dist(x, y)
        costs.append(distance**2 if belongs else max(0, margin - distance) ** 2)
    got = ex.margin_loss.reference(a, b, same, margin)
    assert got.shape == () and got.item() == pytest.approx(sum(costs) / N)


def test_the_margin_losss_gradient_is_that_of_finite_differences_and_finite_at_distance_0():
    torch.manual_seed(0)
    a, b = (torch.randn(6, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    same = torch.tensor([True, False, False, True, False, True])
    assert torch.autograd.gradcheck(lambda a, b: ex.margin_loss.reference(a, b, same, 2.5), (a, b))
    ex.margin_loss.reference(a, a.detach(), same, 2.5).backward()
    assert torch.equal(a.grad, torch.zeros(6, 3).double())


def test_the_cases_have_pairs_of_either_kind_at_distance_0_within_and_beyond_the_margin():
    found = set()
    for a, b, same, margin in cases(ex.margin_loss):
        distance = (a - b).norm(dim=1)
        found |= set(zip(same.tolist(), (distance == 0).tolist(), (distance < margin).tolist(), strict=True))
        assert ((distance - margin).abs() > 1e-3).all()
    assert found == {(kind, *rest) for kind in (True, False) for rest in ((True, True), (False, True), (False, False))}


@pytest.mark.parametrize("temperature", [0.01, 0.07, 0.5, 3.0])
@pytest.mark.parametrize("N, D", [(1, 2), (2, 3), (9, 4)])
def test_nt_xent_is_the_written_formula_anchor_by_anchor(N, D, temperature):
    torch.manual_seed(0)
    z1, z2 = 3 * torch.randn(N, D).double(), torch.randn(N, D).double()
    z, total = [*z1, *z2], 0.0
    for i, anchor in enumerate(z):
        exps = [(F.cosine_similarity(anchor, other, dim=0) / temperature).exp() for other in z]
        total -= (exps[(i + N) % (2 * N)] / sum(e for j, e in enumerate(exps) if j != i)).log()
    got = ex.nt_xent.reference(z1, z2, temperature)
    assert got.shape == () and got.item() == pytest.approx(total.item() / (2 * N))


def test_nt_xent_does_not_see_lengths_nor_which_view_is_first_and_is_log_of_the_others_where_all_are_alike():
    torch.manual_seed(0)
    z1, z2, lengths = torch.randn(8, 3).double(), torch.randn(8, 3).double(), torch.rand(8, 1) + 0.1
    expected = ex.nt_xent.reference(z1, z2, 0.2)
    torch.testing.assert_close(ex.nt_xent.reference(lengths * z1, z2 / lengths, 0.2), expected)
    torch.testing.assert_close(ex.nt_xent.reference(z2, z1, 0.2), expected)
    alike = torch.ones(8, 3)
    assert ex.nt_xent.reference(alike, alike, 0.01).item() == pytest.approx(math.log(15))


def test_nt_xent_has_a_finite_gradient_at_a_low_temperature():
    torch.manual_seed(0)
    z1, z2 = (torch.randn(6, 3, requires_grad=True) for _ in range(2))
    ex.nt_xent.reference(z1, z2, 0.01).backward()
    assert z1.grad.isfinite().all() and z2.grad.isfinite().all() and z1.grad.abs().sum() > 0


def test_in_no_case_is_a_row_0_and_in_one_the_formula_overflows_float32():
    overflows = []
    for z1, z2, temperature in cases(ex.nt_xent):
        z = torch.cat([z1, z2])
        assert z.norm(dim=1).min() > 0.2
        cosines = F.cosine_similarity(z[:, None], z[None], dim=2).fill_diagonal_(-1)
        overflows.append(bool((cosines / temperature).exp().isinf().any()))
    assert any(overflows) and not all(overflows)


@pytest.mark.parametrize("N, D, K", [(1, 2, 3), (12, 5, 4)])
def test_the_linear_loss_is_pytorchs_with_weight_decay_as_a_gradient_would_have_it(N, D, K):
    torch.manual_seed(0)
    layer, features, labels = nn.Linear(D, K).double(), torch.randn(N, D).double(), torch.randint(K, (N,))
    weight, bias = layer.weight.detach().T.clone().requires_grad_(), layer.bias.detach().clone().requires_grad_()
    got = ex.linear_loss.reference(features, labels, weight, bias, 0.3)
    nn.CrossEntropyLoss()(layer(features), labels).backward()
    got.backward()
    torch.testing.assert_close(weight.grad, layer.weight.grad.T + 2 * 0.3 * weight.detach())
    torch.testing.assert_close(bias.grad, layer.bias.grad)
    expected = F.nll_loss((features @ weight + bias).log_softmax(1), labels) + 0.3 * (weight**2).sum()
    torch.testing.assert_close(got, expected)


def test_the_linear_loss_leaves_the_network_that_made_the_features_alone():
    torch.manual_seed(0)
    network = nn.Linear(4, 3)
    weight, bias = torch.randn(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)
    labels = torch.tensor([0, 1, 1, 0, 1])
    ex.linear_loss.reference(network(torch.randn(5, 4)), labels, weight, bias, 0.1).backward()
    assert network.weight.grad is None and weight.grad is not None and bias.grad is not None


@pytest.mark.parametrize("N, D", [(2, 2), (5, 3), (30, 8)])
def test_uniformity_is_the_written_formula_pair_by_pair(N, D):
    torch.manual_seed(0)
    z = F.normalize(torch.randn(N, D, dtype=torch.float64))
    pairs = [math.exp(-2 * math.dist(x, y) ** 2) for x, y in itertools.permutations(z.tolist(), 2)]
    got = ex.uniformity.reference(z)
    assert got.shape == () and got.item() == pytest.approx(math.log(sum(pairs) / len(pairs)))
    torch.testing.assert_close(got, (4 * (z @ z.T)[~torch.eye(N).bool()] - 4).logsumexp(0) - math.log(N * N - N))


def test_uniformity_is_0_in_one_place_minus_8_at_two_poles_and_known_for_many_even_rows():
    assert ex.uniformity.reference(torch.tensor([[0.0, 1.0]] * 4)).item() == 0
    assert ex.uniformity.reference(torch.tensor([[0.0, 1.0], [0.0, -1.0]])).item() == pytest.approx(-8)
    angles = torch.arange(4000, dtype=torch.float64) / 4000 * 2 * math.pi
    even = torch.stack([angles.cos(), angles.sin()], dim=1)
    circle = torch.special.i0e(torch.tensor(4.0).double()).log()  # e^-4 I0(4), the mean over the circle
    assert ex.uniformity.reference(even).item() == pytest.approx(circle.item(), abs=2e-3)


def test_in_every_case_the_rows_are_1_long_and_in_some_two_rows_are_the_same():
    twice = []
    for (z,) in cases(ex.uniformity):
        torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))
        twice.append(bool((torch.pdist(z) == 0).any()))
    assert any(twice) and not all(twice)


def test_the_momentum_update_is_pytorchs_lerp_and_leaves_buffers_and_the_fast_network_alone():
    torch.manual_seed(0)
    make = lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    slow, fast = make(), make()
    fast(torch.randn(9, 3))  # moves the running means
    before, still = copy.deepcopy(slow), copy.deepcopy(fast)
    identities = [*map(id, slow.parameters())]
    assert ex.momentum_update.reference(slow, fast, 0.9) is None
    assert [*map(id, slow.parameters())] == identities
    for new, old, other in zip(slow.parameters(), before.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(new, old.lerp(other, 0.1))
        assert new.is_leaf and new.grad_fn is None and new.requires_grad
    for new, old in zip([*slow.buffers()], [*before.buffers()], strict=True):
        assert torch.equal(new, old)
    for name, value in fast.state_dict().items():
        assert torch.equal(value, still.state_dict()[name])


def test_after_many_momentum_updates_the_difference_has_shrunk_by_a_power_of_keep():
    torch.manual_seed(0)
    slow, fast = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    gap = slow.weight.detach() - fast.weight.detach()
    for _ in range(20):
        ex.momentum_update.reference(slow, fast, 0.8)
    torch.testing.assert_close(slow.weight.detach() - fast.weight.detach(), 0.8**20 * gap)


def test_the_slow_network_has_buffers_in_some_cases_and_is_frozen_in_some():
    slow = [case[0] for case in cases(ex.momentum_update)]
    assert {bool([*s.buffers()]) for s in slow} == {True, False}
    assert {next(s.parameters()).requires_grad for s in slow} == {True, False}


@pytest.mark.parametrize("B, K", [(4, 4), (30, 5), (3, 7)])
def test_sinkhorns_rows_sum_to_1_and_after_many_rounds_its_columns_to_their_share(B, K):
    torch.manual_seed(0)
    scores = torch.rand(B, K, dtype=torch.float64) * 2 - 1
    shares = ex.sinkhorn.reference(scores, 0.2, 1)
    torch.testing.assert_close(shares.sum(1), torch.ones(B).double())
    shares = ex.sinkhorn.reference(scores, 0.2, 3000)
    torch.testing.assert_close(shares.sum(1), torch.ones(B).double())
    torch.testing.assert_close(shares.sum(0), torch.full((K,), B / K).double(), rtol=0, atol=1e-4)


def test_sinkhorn_only_ever_multiplies_rows_and_columns():
    torch.manual_seed(0)
    scores = torch.rand(6, 4, dtype=torch.float64) * 2 - 1
    rest = ex.sinkhorn.reference(scores, 0.3, 5).log() - scores / 0.3
    rest = rest - rest.mean(0) - rest.mean(1, keepdim=True) + rest.mean()
    torch.testing.assert_close(rest, torch.zeros(6, 4).double())


def test_sinkhorn_is_a_target_without_a_gradient_and_leaves_its_scores_as_they_are():
    scores = torch.tensor([[0.5, -1.0], [1.0, 0.25]], requires_grad=True)
    before = scores.detach().clone()
    assert not ex.sinkhorn.reference(scores, 0.02, 3).requires_grad
    assert torch.equal(scores, before) and scores.requires_grad


def test_the_scores_in_the_cases_are_cosines_and_the_sharpness_at_least_a_fiftieth():
    for scores, sharpness, rounds in cases(ex.sinkhorn):
        assert scores.abs().max() <= 1 and sharpness >= 0.02 and rounds >= 1
    assert len({rounds for *_, rounds in cases(ex.sinkhorn)}) > 3


# ---------------------------------------------------------------- wrong answers


def margin_by(
    distance=lambda a, b: (a - b).norm(dim=1),
    near=torch.square,
    far=lambda margin, d: (margin - d).relu() ** 2,
    mean=torch.mean,
):
    """A margin loss with other parts."""
    return lambda a, b, same, margin: mean(
        torch.where(same, near(distance(a, b)), far(margin, distance(a, b)))  # (N,)
    )


right_margin = margin_by()


def margin_in_place(a, b, same, margin):
    with torch.no_grad():
        a -= b
    return torch.where(same, a.norm(dim=1) ** 2, (margin - a.norm(dim=1)).relu() ** 2).mean()


MARGIN = {
    "kinds exchanged": lambda a, b, same, margin: right_margin(a, b, ~same, margin),
    "the margin and the square": margin_by(far=lambda m, d: (m - d**2).relu() ** 2),
    "the margin and the square, once": margin_by(far=lambda m, d: (m - d**2).relu()),
    "the squares of both": margin_by(far=lambda m, d: (m**2 - d**2).relu()),
    "the hinge not squared": margin_by(far=lambda m, d: (m - d).relu()),
    "the distance not squared": margin_by(near=lambda d: d),
    "nothing squared": margin_by(near=lambda d: d, far=lambda m, d: (m - d).relu()),
    "no hinge": margin_by(far=lambda m, d: (m - d) ** 2),
    "the hinge after the square": margin_by(far=lambda m, d: ((m - d) ** 2).relu()),
    "the hinge turned": margin_by(far=lambda m, d: (d - m).relu() ** 2),
    "the hinge at the margin": margin_by(far=lambda m, d: (m - d).clamp(max=m) ** 2),
    "the margin 1": margin_by(far=lambda m, d: (1 - d).relu() ** 2),
    "a sum": margin_by(mean=torch.sum),
    "no mean": margin_by(mean=lambda costs: costs),
    "the root of the mean": margin_by(mean=lambda costs: costs.mean().sqrt()),
    "halves": margin_by(mean=lambda costs: costs.mean() / 2),
    "over one less": margin_by(mean=lambda costs: costs.sum() / max(len(costs) - 1, 1)),
    "apart": lambda a, b, same, margin: (
        (a - b)[same].norm(dim=1).square().mean() + (margin - (a - b)[~same].norm(dim=1)).relu().square().mean()
    ),
    "apart, empty ones 0": lambda a, b, same, margin: (
        (a - b)[same].norm(dim=1).square().mean().nan_to_num()
        + (margin - (a - b)[~same].norm(dim=1)).relu().square().mean().nan_to_num()
    ),
    "weighted means": lambda a, b, same, margin: (
        same.float().mean() * (a - b)[same].norm(dim=1).square().mean()
        + (~same).float().mean() * (margin - (a - b)[~same].norm(dim=1)).relu().square().mean()
    ),
    "only those that belong together": lambda a, b, same, margin: (same * (a - b).norm(dim=1) ** 2).mean(),
    "only those that do not": lambda a, b, same, margin: (~same * (margin - (a - b).norm(dim=1)).relu() ** 2).mean(),
    "both costs for all": lambda a, b, same, margin: (
        (a - b).norm(dim=1) ** 2 + (margin - (a - b).norm(dim=1)).relu() ** 2
    ).mean(),
    "sizes instead of the distance": margin_by(lambda a, b: (a - b).abs().sum(1)),
    "the largest difference": margin_by(lambda a, b: (a - b).abs().amax(1)),
    "the mean of the squares": margin_by(lambda a, b: (a - b).norm(dim=1) / math.sqrt(a.shape[1])),
    "columns": margin_by(lambda a, b: (a - b).norm(dim=0)),
    "one distance": margin_by(lambda a, b: (a - b).norm()),
    "of rows 1 long": margin_by(lambda a, b: (F.normalize(a) - F.normalize(b)).norm(dim=1)),
    "cosines": margin_by(lambda a, b: 1 - F.cosine_similarity(a, b)),
    "all pairs": margin_by(torch.cdist),
    "a root": margin_by(lambda a, b: (a - b).square().sum(1).sqrt()),
    "a power": margin_by(lambda a, b: (a - b).pow(2).sum(1) ** 0.5),
    "a root only in the hinge": lambda a, b, same, margin: torch.where(
        same, (a - b).square().sum(1), (margin - (a - b).square().sum(1).sqrt()).relu() ** 2
    ).mean(),
    "NaN put away in the value": margin_by(lambda a, b: (a - b).square().sum(1).sqrt().nan_to_num()),
    "a root, 0 put in": margin_by(
        lambda a, b: torch.where((a == b).all(1), 0.0, (a - b).square().sum(1).sqrt()),
    ),
    "much added below the root": margin_by(lambda a, b: ((a - b).square().sum(1) + 1e-2).sqrt()),
    "a number": lambda *args: right_margin(*args).item(),
    "without a gradient": torch.no_grad()(right_margin),
    "b cut off": lambda a, b, same, margin: right_margin(a, b.detach(), same, margin),
    "the hinge cut off": margin_by(far=lambda m, d: (m - d.detach()).relu() ** 2),
    "NumPy": lambda a, b, same, margin: right_margin(a, torch.from_numpy(b.detach().numpy()), same, margin),
    "shape (1,)": lambda *args: right_margin(*args)[None],
    "in place": margin_in_place,
}


def contrast(
    norm=F.normalize,
    scale=lambda scores, t: scores / t,
    keep=lambda N: ~torch.eye(2 * N, dtype=torch.bool),
    loss=F.cross_entropy,
    partner=lambda N: torch.arange(2 * N).roll(N),
    product=lambda z: z @ z.T,
):
    """NT-Xent with other parts; `keep(N)` says which rows are in whose sum."""

    def nt_xent(z1, z2, temperature):
        scores = scale(product(norm(torch.cat([z1, z2]))), temperature)
        return loss(scores.masked_fill(~keep(len(z1)), -torch.inf), partner(len(z1)))

    return nt_xent


right_contrast = contrast()


def views(N):
    """Which rows are in which view, (2N, 2N): true where they differ."""
    first = torch.arange(2 * N) < N
    return first[:, None] != first


def formula(dtype=torch.float32, below=0.0, most=math.inf):
    """The formula as it is written."""

    def nt_xent(z1, z2, temperature):
        z = F.normalize(torch.cat([z1, z2])).to(dtype)
        exps = (z @ z.T / temperature).exp().clamp(max=most)
        exps = exps * (1 - torch.eye(len(z)))
        own = exps[torch.arange(len(z)), torch.arange(len(z)).roll(len(z1))]
        return -(own / (exps.sum(1) + below)).log().mean()

    return nt_xent


def parts(z1, z2, temperature):
    """The cosines of the partners (2N,) and all others' (2N, 2N), divided by the temperature."""
    z = F.normalize(torch.cat([z1, z2]))
    scores = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return scores[torch.arange(len(z)), torch.arange(len(z)).roll(len(z1))], scores


def without_partner(z1, z2, temperature):
    own, scores = parts(z1, z2, temperature)
    rest = scores.scatter(1, torch.arange(len(scores)).roll(len(z1))[:, None], -torch.inf)
    return (rest.logsumexp(1) - own).mean()


def contrast_in_python(z1, z2, temperature):
    rows = [[x / math.hypot(*row) for x in row] for row in [*z1.tolist(), *z2.tolist()]]
    N, total = len(z1), 0.0
    for i, anchor in enumerate(rows):
        scores = [sum(p * q for p, q in zip(anchor, row, strict=True)) / temperature for row in rows]
        total += math.log(sum(math.exp(s) for j, s in enumerate(scores) if j != i)) - scores[(i + N) % (2 * N)]
    return total / (2 * N)


NT_XENT = {
    "plain numbers, from which nothing learns": contrast_in_python,
    "item": lambda z1, z2, t: right_contrast(z1, z2, t).item(),
    "no gradient": torch.no_grad()(right_contrast),
    "one view detached": lambda z1, z2, t: right_contrast(z1, z2.detach(), t),
    "one factor detached": contrast(product=lambda z: z @ z.detach().T),
    "lengths detached": contrast(norm=lambda z: z / z.norm(dim=1, keepdim=True).detach()),
    "itself in the sum": contrast(keep=lambda N: torch.ones(2 * N, 2 * N, dtype=torch.bool)),
    "the other view only": contrast(keep=views),
    "the own view and the partner": contrast(
        keep=lambda N: ~views(N) & ~torch.eye(2 * N).bool() | torch.eye(2 * N).roll(N, 0).bool()
    ),
    "CLIP": lambda z1, z2, t: (
        F.cross_entropy(F.normalize(z1) @ F.normalize(z2).T / t, torch.arange(len(z1))) / 2
        + F.cross_entropy(F.normalize(z2) @ F.normalize(z1).T / t, torch.arange(len(z1))) / 2
    ),
    "one direction": lambda z1, z2, t: F.cross_entropy(F.normalize(z1) @ F.normalize(z2).T / t, torch.arange(len(z1))),
    "not 1 long": contrast(lambda z: z),
    "columns 1 long": contrast(lambda z: F.normalize(z, dim=0)),
    "all together 1 long": contrast(lambda z: z / z.norm()),
    "the first view 1 long": lambda z1, z2, t: contrast(lambda z: z)(F.normalize(z1), z2, t),
    "means taken off": contrast(lambda z: F.normalize(z - z.mean(0))),
    "multiplied": contrast(scale=lambda s, t: s * t),
    "no temperature": contrast(scale=lambda s, t: s),
    "temperature 1/2": contrast(scale=lambda s, t: s / 0.5),
    "divided by the root": contrast(scale=lambda s, t: s / math.sqrt(t)),
    "divided twice": contrast(scale=lambda s, t: s / t**2),
    "distances": contrast(product=lambda z: -torch.cdist(z, z)),
    "squared distances": contrast(product=lambda z: -(torch.cdist(z, z) ** 2)),
    "the sign": contrast(product=lambda z: -z @ z.T),
    "sizes of cosines": contrast(product=lambda z: (z @ z.T).abs()),
    "the first view's anchors": contrast(loss=lambda s, p: F.cross_entropy(s[: len(s) // 2], p[: len(s) // 2])),
    "the second view's anchors": contrast(loss=lambda s, p: F.cross_entropy(s[len(s) // 2 :], p[len(s) // 2 :])),
    "no partner in the sum": without_partner,
    "a sum": contrast(loss=lambda s, p: F.cross_entropy(s, p, reduction="sum")),
    "over N": contrast(loss=lambda s, p: 2 * F.cross_entropy(s, p)),
    "half": contrast(loss=lambda s, p: F.cross_entropy(s, p) / 2),
    "one for each anchor": contrast(loss=lambda s, p: F.cross_entropy(s, p, reduction="none")),
    "the sign turned": contrast(loss=lambda s, p: -F.cross_entropy(s, p)),
    "times the temperature": lambda z1, z2, t: t * right_contrast(z1, z2, t),
    "minus the log of the others": lambda z1, z2, t: right_contrast(z1, z2, t) - math.log(2 * len(z1) - 1),
    "mean instead of sum in the denominator": lambda z1, z2, t: right_contrast(z1, z2, t) - math.log(2 * len(z1)),
    "the neighbour as partner": contrast(partner=lambda N: torch.arange(2 * N) ^ 1),
    "itself as partner": contrast(
        keep=lambda N: torch.ones(2 * N, 2 * N, dtype=torch.bool), partner=lambda N: torch.arange(2 * N)
    ),
    "the partner by one": contrast(partner=lambda N: torch.arange(2 * N).roll(1)),
    "softmax twice": contrast(loss=lambda s, p: F.cross_entropy(s.softmax(1), p)),
    "sigmoids": lambda z1, z2, t: -F.logsigmoid(parts(z1, z2, t)[0]).mean(),
    "the diagonal at 0": contrast(
        keep=lambda N: torch.ones(2 * N, 2 * N).bool(),
        scale=lambda s, t: s.masked_fill(torch.eye(len(s)).bool(), 0) / t,
    ),
    "the log of the mean": lambda z1, z2, t: (
        -(parts(z1, z2, t)[0] - parts(z1, z2, t)[1].logsumexp(1)).exp().mean().log()
    ),
    "the formula in float32": formula(),
    "the formula, a little added": formula(torch.float64, below=1e-8),
    "the formula, a little more added": formula(torch.float64, below=1e-6),
    "the formula, cut off": formula(most=1e30),
    "infinity put away": lambda z1, z2, t: formula()(z1, z2, t).nan_to_num(),
    "cosines within 0 and 1": contrast(product=lambda z: (z @ z.T).clamp(min=0)),
    "the accuracy": lambda z1, z2, t: (
        (parts(z1, z2, t)[1].argmax(1) == torch.arange(2 * len(z1)).roll(len(z1))).float().mean()
    ),
    "the cosine of the partner": lambda z1, z2, t: -parts(z1, z2, t)[0].mean(),
    "rounded": lambda z1, z2, t: right_contrast(z1, z2, t).round(decimals=1),
    "shape (1,)": lambda z1, z2, t: right_contrast(z1, z2, t)[None],
}


def linear(
    cut=torch.Tensor.detach,
    loss=F.cross_entropy,
    penalty=lambda weight, bias: weight.square().sum(),
    logits=lambda features, weight, bias: features @ weight + bias,
):
    """The linear loss with other parts."""
    return lambda features, labels, weight, bias, decay: (
        loss(logits(cut(features), weight, bias), labels) + decay * penalty(weight, bias)
    )


right_linear = linear()


def linear_backward_too(features, labels, weight, bias, decay):
    loss = right_linear(features, labels, weight, bias, decay)
    loss.backward()
    return loss


def linear_frozen(features, labels, weight, bias, decay):
    features.requires_grad_(False)
    return right_linear(features, labels, weight, bias, decay)


LINEAR = {
    "not detached": linear(lambda f: f),
    "a copy": linear(torch.clone),
    "float64, not detached": linear(lambda f: f.double().float()),
    "half detached": linear(lambda f: 0.5 * f + 0.5 * f.detach()),
    "weights detached": lambda f, labels, w, b, decay: right_linear(f, labels, w.detach(), b, decay),
    "the bias detached": lambda f, labels, w, b, decay: right_linear(f, labels, w, b.detach(), decay),
    "logits detached": linear(logits=lambda f, w, b: (f @ w + b).detach()),
    "the decay's weights detached": linear(penalty=lambda w, b: w.data.square().sum()),
    "a number": lambda *args: right_linear(*args).item(),
    "the decay as a number": linear(penalty=lambda w, b: w.square().sum().item()),
    "no gradient at all": torch.no_grad()(right_linear),
    "backward already": linear_backward_too,
    "the argument frozen": linear_frozen,
    "decay of the bias too": linear(penalty=lambda w, b: w.square().sum() + b.square().sum()),
    "decay of the bias only": linear(penalty=lambda w, b: b.square().sum()),
    "the norm": linear(penalty=lambda w, b: w.norm()),
    "the mean of squares": linear(penalty=lambda w, b: w.square().mean()),
    "sizes": linear(penalty=lambda w, b: w.abs().sum()),
    "the sum squared": linear(penalty=lambda w, b: w.sum() ** 2),
    "halves": linear(penalty=lambda w, b: w.square().sum() / 2),
    "over the classes": linear(penalty=lambda w, b: w.square().sum() / len(b)),
    "the sum of the norms": linear(penalty=lambda w, b: w.norm(dim=0).sum()),
    "no decay": linear(penalty=lambda w, b: 0),
    "minus": linear(penalty=lambda w, b: -w.square().sum()),
    "decay squared": lambda f, labels, w, b, decay: right_linear(f, labels, w, b, decay**2),
    "decay over the examples": lambda f, labels, w, b, decay: right_linear(f, labels, w, b, decay / len(f)),
    "decay of the features": lambda f, labels, w, b, decay: (
        F.cross_entropy(f.detach() @ w + b, labels) + decay * f.detach().square().sum()
    ),
    "decay of both losses": lambda f, labels, w, b, decay: decay * right_linear(f, labels, w, b, 1),
    "1 − decay": lambda f, labels, w, b, decay: (
        (1 - decay) * F.cross_entropy(f.detach() @ w + b, labels) + decay * w.square().sum()
    ),
    "softmax first": linear(loss=lambda s, y: F.cross_entropy(s.softmax(1), y)),
    "log of softmax": linear(loss=lambda s, y: F.nll_loss(s.softmax(1).log(), y)),
    "softmax without log": linear(loss=lambda s, y: F.nll_loss(s.softmax(1), y)),
    "sum": linear(loss=lambda s, y: F.cross_entropy(s, y, reduction="sum")),
    "none": linear(loss=lambda s, y: F.cross_entropy(s, y, reduction="none")),
    "over examples": linear(loss=lambda s, y: F.nll_loss(s.log_softmax(0), y)),
    "smoothed": linear(loss=lambda s, y: F.cross_entropy(s, y, label_smoothing=0.1)),
    "squares": linear(loss=lambda s, y: F.mse_loss(s, F.one_hot(y, s.shape[1]).float())),
    "a sigmoid for each class": linear(
        loss=lambda s, y: F.binary_cross_entropy_with_logits(s, F.one_hot(y, s.shape[1]).float())
    ),
    "no bias": linear(logits=lambda f, w, b: f @ w + 0 * b),
    "bias taken off": linear(logits=lambda f, w, b: f @ w - b),
    "turned weights": linear(logits=lambda f, w, b: f @ w.T + b),
    "normalised features": linear(F.normalize, logits=lambda f, w, b: f.detach() @ w + b),
    "base 2": linear(loss=lambda s, y: F.cross_entropy(s, y) / math.log(2)),
}


def squares(z):
    return torch.cdist(z, z).square()


def apart(z):
    """The squared distances of all pairs of two different rows."""
    return squares(z)[~torch.eye(len(z), dtype=torch.bool)]


UNIFORMITY = {
    "itself too": lambda z: (-2 * squares(z)).exp().mean().log(),
    "itself too, in the number only": lambda z: ((-2 * apart(z)).exp().sum() / len(z) ** 2).log(),
    "itself too, in the sum only": lambda z: ((-2 * squares(z)).exp().sum() / (len(z) * (len(z) - 1))).log(),
    "half the pairs, itself too": lambda z: (
        (-2 * squares(z))[torch.ones(len(z), len(z)).triu().bool()].exp().mean().log()
    ),
    "no zeros": lambda z: (-2 * squares(z)[squares(z) > 0]).exp().mean().log(),
    "not squared": lambda z: (-2 * torch.pdist(z)).exp().mean().log(),
    "roots": lambda z: (-2 * torch.pdist(z).sqrt()).exp().mean().log(),
    "the fourth power": lambda z: (-2 * torch.pdist(z) ** 4).exp().mean().log(),
    "mean of logs": lambda z: (-2 * apart(z)).mean(),
    "no log": lambda z: (-2 * apart(z)).exp().mean(),
    "no 2": lambda z: (-apart(z)).exp().mean().log(),
    "4": lambda z: (-4 * apart(z)).exp().mean().log(),
    "2 outside": lambda z: 2 * (-apart(z)).exp().mean().log(),
    "the sign of the exponent": lambda z: (2 * apart(z)).exp().mean().log(),
    "the sign of all": lambda z: -(-2 * apart(z)).exp().mean().log(),
    "both signs": lambda z: -(2 * apart(z)).exp().mean().log(),
    "sum": lambda z: (-2 * apart(z)).exp().sum().log(),
    "sum of half": lambda z: (-2 * torch.pdist(z).square()).exp().sum().log(),
    "half the pairs over all": lambda z: ((-2 * torch.pdist(z).square()).exp().sum() / (len(z) * (len(z) - 1))).log(),
    "all pairs over half": lambda z: ((-2 * apart(z)).exp().sum() / (len(z) * (len(z) - 1) / 2)).log(),
    "over N": lambda z: ((-2 * apart(z)).exp().sum() / len(z)).log(),
    "the largest": lambda z: (-2 * apart(z)).max(),
    "neighbours": lambda z: (-2 * (z[1:] - z[:-1]).square().sum(1)).exp().mean().log(),
    "with the next, around": lambda z: (-2 * (z - z.roll(1, 0)).square().sum(1)).exp().mean().log(),
    "the mean over rows of logs": lambda z: (((-2 * squares(z)).exp().sum(1) - 1) / (len(z) - 1)).log().mean(),
    "cosines": lambda z: (-2 * (z @ z.T)[~torch.eye(len(z)).bool()]).exp().mean().log(),
    "2 cosines": lambda z: (2 * (z @ z.T)[~torch.eye(len(z)).bool()]).exp().mean().log(),
    "1 − cosine": lambda z: (2 * (z @ z.T)[~torch.eye(len(z)).bool()] - 2).exp().mean().log(),
    "sizes": lambda z: (-2 * torch.pdist(z, p=1) ** 2).exp().mean().log(),
    "the mean of squares": lambda z: (-2 * torch.pdist(z) ** 2 / z.shape[1]).exp().mean().log(),
    "columns": lambda z: (-2 * torch.pdist(z.T) ** 2).exp().mean().log(),
    "the mean taken off": lambda z: (-2 * torch.pdist(F.normalize(z - z.mean(0))) ** 2).exp().mean().log(),
    "base 2": lambda z: (-2 * apart(z)).exp().mean().log2(),
    "base 10": lambda z: (-2 * apart(z)).exp().mean().log10(),
    "log of 1 + the mean": lambda z: (-2 * apart(z)).exp().mean().log1p(),
    "powers of 2": lambda z: (-2 * apart(z)).exp2().mean().log(),
    "a little added": lambda z: ((-2 * apart(z)).exp().mean() + 1e-5).log(),
    "the median": lambda z: (-2 * apart(z)).exp().median().log(),
    "one for each row": lambda z: (-2 * squares(z)).exp().mean(1).log(),
    "rounded": lambda z: (-2 * apart(z)).exp().mean().log().round(decimals=2),
    "shape (1,)": lambda z: (-2 * apart(z)).exp().mean(0, keepdim=True).log(),
}


def moving(new=lambda s, f, keep: keep * s + (1 - keep) * f, which=lambda network: network.parameters()):
    """A momentum update with another new value, or of other tensors."""

    def momentum_update(slow, fast, keep):
        with torch.no_grad():
            for s, f in zip(which(slow), which(fast), strict=True):
                s.copy_(new(s, f, keep))

    return momentum_update


right_moving = moving()


def both_ways(slow, fast, keep):
    right_moving(slow, fast, keep)
    right_moving(fast, slow, keep)


def update_recorded(slow, fast, keep):
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.mul_(keep).add_(f, alpha=1 - keep)


def update_frozen_and_recorded(slow, fast, keep):
    slow.requires_grad_(False)
    update_recorded(slow, fast, keep)


def update_frozen(slow, fast, keep):
    right_moving(slow.requires_grad_(False), fast, keep)


def update_renamed(slow, fast, keep):
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s = keep * s + (1 - keep) * f


def update_returned(slow, fast, keep):
    right_moving(slow, fast, keep)
    return slow


def update_of_a_copy(slow, fast, keep):
    slow = copy.deepcopy(slow)
    right_moving(slow, fast, keep)


def update_listed(slow, fast, keep):
    return [keep * s + (1 - keep) * f for s, f in zip(slow.parameters(), fast.parameters(), strict=True)]


def update_one_after_another(slow, fast, keep):
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.mul_(keep)
            s.add_((1 - keep) * s + f)


def update_fast_spoiled(slow, fast, keep):
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.mul_(keep).add_(f.mul_(1 - keep))


def update_by_state(slow, fast, keep):
    theirs = fast.state_dict()
    slow.load_state_dict({name: keep * s + (1 - keep) * theirs[name] for name, s in slow.state_dict().items()})


def update_with_buffers_copied(slow, fast, keep):
    right_moving(slow, fast, keep)
    for s, f in zip(slow.buffers(), fast.buffers(), strict=True):
        s.copy_(f)


MOMENTUM = {
    "shares exchanged": moving(lambda s, f, keep: (1 - keep) * s + keep * f),
    "fast moves": lambda slow, fast, keep: right_moving(fast, slow, keep),
    "both move": both_ways,
    "only added": moving(lambda s, f, keep: s + (1 - keep) * f),
    "added whole": moving(lambda s, f, keep: keep * s + f),
    "a sum": moving(lambda s, f, keep: keep * (s + f)),
    "taken away": moving(lambda s, f, keep: keep * s - (1 - keep) * f),
    "keep and keep": moving(lambda s, f, keep: keep * s + keep * f),
    "only shrunk": moving(lambda s, f, keep: keep * s),
    "only fast's share": moving(lambda s, f, keep: (1 - keep) * f),
    "the half": moving(lambda s, f, keep: (s + f) / 2),
    "a copy": moving(lambda s, f, keep: f),
    "nothing": lambda slow, fast, keep: None,
    "keep 0.99": moving(lambda s, f, keep: 0.99 * s + 0.01 * f),
    "twice": lambda slow, fast, keep: (right_moving(slow, fast, keep), right_moving(slow, fast, keep))[2:] or None,
    "one after another": update_one_after_another,
    "fast spoiled": update_fast_spoiled,
    "the first only": moving(which=lambda network: [next(network.parameters())]),
    "the last only": moving(which=lambda network: [*network.parameters()][-1:]),
    "the first layer only": moving(which=lambda network: network[0].parameters()),
    "matrices only": moving(which=lambda network: [p for p in network.parameters() if p.ndim > 1]),
    "linear layers only": moving(
        which=lambda network: [p for m in network if isinstance(m, nn.Linear) for p in m.parameters()]
    ),
    "those with a gradient only": moving(which=lambda network: [p for p in network.parameters() if p.requires_grad]),
    "buffers too": moving(which=lambda network: network.state_dict().values()),
    "buffers only": moving(which=lambda network: network.buffers()),
    "buffers copied": update_with_buffers_copied,
    "by state": update_by_state,
    "recorded": update_recorded,
    "frozen and recorded": update_frozen_and_recorded,
    "frozen": update_frozen,
    "renamed": update_renamed,
    "a copy moves": update_of_a_copy,
    "a list": update_listed,
    "returned": update_returned,
    "rounded": moving(lambda s, f, keep: (keep * s + (1 - keep) * f).round(decimals=1)),
}


def dividing(
    start=lambda scores, sharpness: (scores / sharpness).exp(),
    first=lambda s: s / s.sum(0),
    second=lambda s: s / s.sum(1, keepdim=True),
    number=lambda rounds: rounds,
    last=lambda s: s,
):
    """Sinkhorn with other parts."""

    def sinkhorn(scores, sharpness, rounds):
        shares = start(scores.detach(), sharpness)
        for _ in range(number(rounds)):
            shares = second(first(shares))
        return last(shares)

    return sinkhorn


right_dividing = dividing()
OVER_ROWS, OVER_COLUMNS = (lambda s: s / s.sum(1, keepdim=True)), (lambda s: s / s.sum(0))


def in_its_own_place(scores, sharpness, rounds):
    with torch.no_grad():
        scores.div_(sharpness).exp_()
        for _ in range(rounds):
            scores /= scores.sum(0)
            scores /= scores.sum(1, keepdim=True)
    return scores


def until_the_last_with_a_gradient(scores, sharpness, rounds):
    with torch.no_grad():
        shares = right_dividing(scores, sharpness, rounds - 1) if rounds > 1 else None
    return right_dividing(scores, sharpness, rounds) + 0 * scores if shares is None else shares


SINKHORN = {
    "not detached": lambda scores, sharpness, rounds: dividing(lambda s, e: (scores / e).exp())(
        scores, sharpness, rounds
    ),
    "rows first": dividing(first=OVER_ROWS, second=OVER_COLUMNS),
    "softmax of rows": lambda scores, sharpness, rounds: (scores.detach() / sharpness).softmax(1),
    "softmax of columns": lambda scores, sharpness, rounds: (scores.detach() / sharpness).softmax(0),
    "softmax of all": lambda scores, sharpness, rounds: (
        (scores.detach() / sharpness).flatten().softmax(0).view_as(scores)
    ),
    "rows only": dividing(first=lambda s: s),
    "columns only": dividing(second=lambda s: s),
    "multiplied": dividing(lambda scores, sharpness: (scores * sharpness).exp()),
    "no sharpness": dividing(lambda scores, sharpness: scores.exp()),
    "the sharpness outside": dividing(lambda scores, sharpness: scores.exp() / sharpness),
    "minus": dividing(lambda scores, sharpness: (-scores / sharpness).exp()),
    "no exp": dividing(lambda scores, sharpness: scores / sharpness),
    "powers of 2": dividing(lambda scores, sharpness: (scores / sharpness).exp2()),
    "a little added": dividing(lambda scores, sharpness: (scores / sharpness).exp() + 0.1),
    "one round": dividing(number=lambda rounds: 1),
    "three rounds": dividing(number=lambda rounds: 3),
    "one round more": dividing(number=lambda rounds: rounds + 1),
    "one round less": dividing(number=lambda rounds: rounds - 1),
    "no rounds": dividing(number=lambda rounds: 0),
    "the total only": dividing(first=lambda s: s / s.sum(), second=lambda s: s),
    "a softmax of columns at first": dividing(first=OVER_ROWS, number=lambda rounds: 1),
    "both at once": dividing(first=lambda s: s / s.sum(0) / s.sum(1, keepdim=True), second=lambda s: s),
    "columns once more": dividing(last=OVER_COLUMNS),
    "columns by their mean last": dividing(last=lambda s: s / s.sum(0) * len(s) / s.shape[1]),
    "the largest instead of the sum": dividing(
        first=lambda s: s / s.amax(0), second=lambda s: s / s.amax(1, keepdim=True)
    ),
    "lengths instead of sums": dividing(first=lambda s: F.normalize(s, dim=0), second=lambda s: F.normalize(s, dim=1)),
    "all over B": dividing(last=lambda s: s / len(s)),
    "all times K": dividing(last=lambda s: s * s.shape[1]),
    "hard": dividing(last=lambda s: F.one_hot(s.argmax(1), s.shape[1]).float()),
    "numbers": dividing(last=lambda s: s.argmax(1)),
    "a gradient": lambda scores, sharpness, rounds: (
        right_dividing(scores, sharpness, rounds) + (scores.sum() - scores.sum())
    ),
    "a gradient until the last": until_the_last_with_a_gradient,
    "detached too late for softmax": lambda scores, sharpness, rounds: (scores / sharpness).softmax(1).detach(),
    "no keepdim": dividing(second=lambda s: s / s.sum(1)),
    "turned over": dividing(last=lambda s: s.T),
    "logs": dividing(last=torch.log),
    "a list": dividing(last=lambda s: s.tolist()),
    "rounded": dividing(last=lambda s: s.round(decimals=2)),
    "in place": in_its_own_place,
}

WRONG = {
    "margin_loss": MARGIN,
    "nt_xent": NT_XENT,
    "linear_loss": LINEAR,
    "uniformity": UNIFORMITY,
    "momentum_update": MOMENTUM,
    "sinkhorn": SINKHORN,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


def test_a_wrong_gradient_is_told_once_the_values_are_right():
    said = lambda name, some, key: getattr(ex, name).judge(some[key])[1]
    assert "`nan` is not a finite number" in said("margin_loss", MARGIN, "a root")
    assert "infinite slope" in said("margin_loss", MARGIN, "a power")
    assert "no gradient flows back into `b`: is it cut off" in said("margin_loss", MARGIN, "b cut off")
    assert "no gradient flows back into `a`: is it cut off" in said("margin_loss", MARGIN, "a number")
    assert "no gradient flows back into `z1`: is it cut off" in said("nt_xent", NT_XENT, "item")
    assert "no gradient flows back into `z2`" in said("nt_xent", NT_XENT, "one view detached")
    assert "detach neither" in said("nt_xent", NT_XENT, "one view detached")
    assert "not the gradient with respect to `z1`" in said("nt_xent", NT_XENT, "one factor detached")
    assert "a gradient flows back into `features`, and none should. The network" in said(
        "linear_loss", LINEAR, "a copy"
    )
    assert "or changes `requires_grad` of its argument `features`" in said("linear_loss", LINEAR, "the argument frozen")
    assert "calls `.backward()` or" in said("linear_loss", LINEAR, "backward already")
    assert "records a step in the parameters of `slow`" in said("momentum_update", MOMENTUM, "frozen and recorded")
    assert "not the gradient with respect to `weight`, for `features=" in said(
        "linear_loss", LINEAR, "the decay's weights detached"
    )
    assert "a gradient flows back into `scores`, and none should. The shares" in said(
        "sinkhorn", SINKHORN, "not detached"
    )


# ---------------------------------------------------------------- right answers in other styles


def margin_in_a_loop(a, b, same, margin):
    total = 0
    for x, y, belongs in zip(a, b, same, strict=True):
        d = torch.dist(x, y)
        total = total + (d**2 if belongs else torch.clamp(margin - d, min=0) ** 2)
    return total / len(a)


def margin_by_masks(a, b, same, margin):
    near, far = (a[same] - b[same]).square().sum(), torch.linalg.vector_norm(a[~same] - b[~same], dim=1)
    return (near + F.relu(margin - far).square().sum()) / len(same)


def margin_with_a_safe_root(a, b, same, margin):
    squared = ((a - b) ** 2).sum(1)
    distance = torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0)
    return (same * squared + ~same * (margin - distance).clamp(min=0) ** 2).mean()


def contrast_in_a_loop(z1, z2, temperature):
    z, N = F.normalize(torch.cat([z1, z2])), len(z1)
    losses = []
    for i in range(2 * N):
        others = [j for j in range(2 * N) if j != i]
        scores = torch.stack([z[i] @ z[j] for j in others]) / temperature
        losses.append(scores.logsumexp(0) - z[i] @ z[(i + N) % (2 * N)] / temperature)
    return sum(losses) / len(losses)


def contrast_of_views(z1, z2, temperature):
    """The four blocks of the table, as in the paper's own code."""
    z1, z2, N = F.normalize(z1), F.normalize(z2), len(z1)
    mask = torch.eye(N) * 1e9
    aa, bb = z1 @ z1.T / temperature - mask, z2 @ z2.T / temperature - mask
    ab = z1 @ z2.T / temperature
    labels = torch.arange(N)
    first = F.cross_entropy(torch.cat([ab, aa], 1), labels)
    second = F.cross_entropy(torch.cat([ab.T, bb], 1), labels)
    return (first + second) / 2


def contrast_without_the_diagonal(z1, z2, temperature):
    """The table without its diagonal, (2N, 2N - 1); the partner's column moves by one in the first half."""
    z, N = torch.cat([z1, z2]), len(z1)
    cosines = F.cosine_similarity(z[:, None], z[None], dim=2)
    rest = cosines[~torch.eye(2 * N, dtype=torch.bool)].view(2 * N, 2 * N - 1) / temperature
    partner = torch.cat([torch.arange(N) + N - 1, torch.arange(N)])
    return -rest.log_softmax(1)[torch.arange(2 * N), partner].mean()


def linear_in_a_loop(features, labels, weight, bias, decay):
    total = 0
    for x, y in zip(features.data, labels, strict=True):
        logits = x @ weight + bias
        total = total + logits.logsumexp(0) - logits[y]
    return total / len(features) + decay * (weight * weight).sum()


def linear_by_pytorch(features, labels, weight, bias, decay):
    with torch.no_grad():
        features = features.clone()
    return nn.CrossEntropyLoss()(F.linear(features, weight.T, bias), labels) + decay * weight.norm() ** 2


def uniformity_in_a_loop(z):
    values = [(-2 * (x - y).square().sum()).exp() for x, y in itertools.combinations(z, 2)]
    return torch.log(sum(values) / len(values))


def uniformity_in_python(z):
    pairs = [math.exp(-2 * math.dist(x, y) ** 2) for x, y in itertools.permutations(z.tolist(), 2)]
    return math.log(sum(pairs) / len(pairs))


def uniformity_by_masks(z):
    squared = (z[:, None] - z[None]).square().sum(2)
    others = ~torch.eye(len(z), dtype=torch.bool)
    return squared[others].mul(-2).exp().mean().log()


def update_by_lerp(slow, fast, keep):
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.lerp_(f, 1 - keep)


def update_by_data(slow, fast, keep):
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.data = keep * s.data + (1 - keep) * f.data


def update_by_data_in_place(slow, fast, keep):
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.data.mul_(keep).add_(f.data, alpha=1 - keep)


def update_by_name(slow, fast, keep):
    theirs = dict(fast.named_parameters())
    for name, value in slow.named_parameters():
        value.detach().mul_(keep).add_((1 - keep) * theirs[name].detach())


@torch.no_grad()
def update_decorated(slow, fast, keep):
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s -= (1 - keep) * (s - f)


def update_as_one_vector(slow, fast, keep):
    vector, fill = nn.utils.parameters_to_vector, nn.utils.vector_to_parameters
    fill(keep * vector(slow.parameters()).detach() + (1 - keep) * vector(fast.parameters()).detach(), slow.parameters())


def update_by_state_without_buffers(slow, fast, keep):
    ours, theirs = slow.state_dict(), fast.state_dict()
    for name, _ in slow.named_parameters():
        ours[name] = keep * ours[name] + (1 - keep) * theirs[name]
    slow.load_state_dict(ours)


def update_by_foreach(slow, fast, keep):
    with torch.inference_mode():
        torch._foreach_mul_([*slow.parameters()], keep)
        torch._foreach_add_([*slow.parameters()], [*fast.parameters()], alpha=1 - keep)


@torch.no_grad()
def sinkhorn_of_swav(scores, sharpness, rounds):
    """As the paper's own code has it: turned over, and with sums of 1/K and 1/B."""
    Q = torch.exp(scores / sharpness).t()
    K, B = Q.shape
    Q /= Q.sum()
    for _ in range(rounds):
        Q /= Q.sum(dim=1, keepdim=True)
        Q /= K
        Q /= Q.sum(dim=0, keepdim=True)
        Q /= B
    Q *= B
    return Q.t()


def sinkhorn_in_logs(scores, sharpness, rounds):
    logs = scores.detach() / sharpness
    for _ in range(rounds):
        logs = logs.log_softmax(0).log_softmax(1)
    return logs.exp()


def sinkhorn_in_loops(scores, sharpness, rounds):
    table = [[math.exp(s / sharpness) for s in row] for row in scores.tolist()]
    for _ in range(rounds):
        sums = [sum(column) for column in zip(*table, strict=True)]
        table = [[x / s for x, s in zip(row, sums, strict=True)] for row in table]
        table = [[x / sum(row) for x in row] for row in table]
    return torch.tensor(table)


def sinkhorn_by_factors(scores, sharpness, rounds):
    """Cuturi's form: the table stays, two vectors scale it."""
    table = (scores.detach().double() / sharpness).exp()
    rows = torch.ones(len(table)).double()
    for _ in range(rounds):
        columns = 1 / (rows @ table)
        rows = 1 / (table @ columns)
    return rows[:, None] * table * columns


RIGHT = {
    "margin_loss": {
        "a loop": margin_in_a_loop,
        "masks": margin_by_masks,
        "a safe root": margin_with_a_safe_root,
        "pairwise_distance": margin_by(F.pairwise_distance),
        "clamped below the root": margin_by(lambda a, b: (a - b).square().sum(1).clamp(min=1e-12).sqrt()),
        "a little below the root": margin_by(lambda a, b: ((a - b).square().sum(1) + 1e-8).sqrt()),
        "einsum": margin_by(lambda a, b: (torch.einsum("nd,nd->n", a - b, a - b) + 1e-12).sqrt()),
        "float64": lambda a, b, same, margin: right_margin(a.double(), b.double(), same, margin),
        "cdist": margin_by(lambda a, b: torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").diagonal()),
        "maximum": margin_by(far=lambda m, d: torch.maximum(m - d, torch.zeros(())).square()),
        "labels as numbers": lambda a, b, same, margin: (
            same.float() * (a - b).norm(dim=1) ** 2 + (1 - same.float()) * (margin - (a - b).norm(dim=1)).relu() ** 2
        ).mean(),
        "hinge_embedding": lambda a, b, same, margin: (
            F.hinge_embedding_loss((a - b).norm(dim=1), torch.where(same, 1, -1), margin, reduction="none")
            .square()
            .mean()
        ),
        "in place, on its own": lambda a, b, same, margin: right_margin(a.clone().sub_(b), 0 * b, same, margin),
    },
    "nt_xent": {
        "four blocks": contrast_of_views,
        "without the diagonal": contrast_without_the_diagonal,
        "the formula in float64": formula(torch.float64),
        "a partner's score and logsumexp": lambda z1, z2, t: (
            parts(z1, z2, t)[1].logsumexp(1) - parts(z1, z2, t)[0]
        ).mean(),
        "a large negative number": lambda z1, z2, t: F.cross_entropy(
            parts(z1, z2, t)[1].clamp(min=-1e9), torch.arange(2 * len(z1)).roll(len(z1))
        ),
        "einsum": contrast(product=lambda z: torch.einsum("id,jd->ij", z, z)),
        "lengths": contrast(lambda z: z / z.norm(dim=1, keepdim=True)),
        "cosines from distances": contrast(product=lambda z: 1 - (z[:, None] - z).square().sum(2) / 2),
        "xor order": lambda z1, z2, t: contrast(partner=lambda N: torch.arange(2 * N) ^ 1)(
            *torch.stack([z1, z2], 1).flatten(0, 1).chunk(2), t
        ),
        "labels as shares": contrast(loss=lambda s, p: F.cross_entropy(s.clamp(min=-1e6), F.one_hot(p).float())),
        "views exchanged": lambda z1, z2, t: right_contrast(z2, z1, t),
        "float64": lambda z1, z2, t: right_contrast(z1.double(), z2.double(), t),
        "the largest taken off": contrast(loss=lambda s, p: F.cross_entropy(s - s.amax(1, keepdim=True), p)),
    },
    "linear_loss": {
        "a loop": linear_in_a_loop,
        "PyTorch's layers": linear_by_pytorch,
        "data": linear(lambda f: f.data),
        "a tensor of its own": linear(lambda f: torch.tensor(f.tolist())),
        "einsum": linear(logits=lambda f, w, b: torch.einsum("nd,dk->nk", f, w) + b),
        "addmm": linear(logits=lambda f, w, b: torch.addmm(b, f, w)),
        "log_softmax": linear(loss=lambda s, y: -s.log_softmax(1)[torch.arange(len(y)), y].mean()),
        "one hot": linear(loss=lambda s, y: F.cross_entropy(s, F.one_hot(y, s.shape[1]).float())),
        "pow": linear(penalty=lambda w, b: w.pow(2).sum()),
        "float64": linear(lambda f: f.detach().double(), logits=lambda f, w, b: f @ w.double() + b.double()),
    },
    "uniformity": {
        "Python": uniformity_in_python,
        "masks": uniformity_by_masks,
        "cdist": lambda z: (-2 * apart(z)).exp().mean().log(),
        "cosines": lambda z: (4 * (z @ z.T)[~torch.eye(len(z)).bool()] - 4).exp().mean().log(),
        "float64": lambda z: (-2 * torch.pdist(z.double()).square()).exp().mean().log(),
        "the diagonal taken off": lambda z: (((-2 * squares(z)).exp().sum() - len(z)) / (len(z) * (len(z) - 1))).log(),
        "above the diagonal": lambda z: (
            (-2 * squares(z))[tuple(torch.triu_indices(len(z), len(z), 1))].exp().mean().log()
        ),
        "logsumexp": lambda z: (-2 * apart(z)).logsumexp(0) - math.log(len(z) * (len(z) - 1)),
        "an infinite diagonal": lambda z: (
            (-2 * squares(z)).fill_diagonal_(-torch.inf).exp().sum() / (len(z) ** 2 - len(z))
        ).log(),
    },
    "momentum_update": {
        "lerp": update_by_lerp,
        "data": update_by_data,
        "data in place": update_by_data_in_place,
        "by name": update_by_name,
        "decorated": update_decorated,
        "one vector": update_as_one_vector,
        "by state without buffers": update_by_state_without_buffers,
        "foreach in inference mode": update_by_foreach,
        "from the other side": moving(lambda s, f, keep: f + keep * (s - f)),
        "float64": moving(lambda s, f, keep: keep * s.double() + (1 - keep) * f.double()),
    },
    "sinkhorn": {
        "SwAV's own": sinkhorn_of_swav,
        "logs": sinkhorn_in_logs,
        "loops": sinkhorn_in_loops,
        "factors": sinkhorn_by_factors,
        "detached at the end": lambda scores, sharpness, rounds: dividing(lambda s, e: (scores / e).exp())(
            scores, sharpness, rounds
        ).detach(),
        "no_grad": torch.no_grad()(lambda scores, sharpness, rounds: right_dividing(scores, sharpness, rounds)),
        "a total first": dividing(lambda s, e: (s / e).exp() / (s / e).exp().sum()),
        "the largest taken off": dividing(lambda s, e: ((s - s.max()) / e).exp()),
        "normalize": dividing(first=lambda s: F.normalize(s, p=1, dim=0), second=lambda s: F.normalize(s, p=1, dim=1)),
        "a softmax of columns at first": lambda scores, sharpness, rounds: dividing(lambda s, e: (s / e).softmax(0))(
            scores, sharpness, rounds
        ),
        "float64": lambda scores, sharpness, rounds: right_dividing(scores.double(), sharpness, rounds),
        "NumPy": lambda scores, sharpness, rounds: torch.from_numpy(
            right_dividing(torch.from_numpy(scores.detach().numpy().copy()), sharpness, rounds).numpy()
        ),
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")

LOOPS = {"nt_xent": {"a loop": contrast_in_a_loop}, "uniformity": {"a loop": uniformity_in_a_loop}}
test_loops_over_single_numbers_take_too_long = judged(ex, LOOPS, "wrong")
