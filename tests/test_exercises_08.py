"""The exercises of notebook 08: references against PyTorch and closed forms, wrong answers, other right ones."""

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from declared import judged

from course_utils.exercises import energy_based_models as ex
from course_utils.trial import Trial

OF_NUMBERS, OF_ROWS = [ex.two_valleys, ex.ripples, ex.steep_wall], [ex.long_valley, ex.ring, ex.springs]
ENERGIES = OF_NUMBERS + OF_ROWS
AT_ANY_SHAPE = [
    pytest.param(energy, shape, id=f"{energy.__name__}, {shape}")
    for shape in [(), (4,), (2, 3), (2, 2, 3)]
    for energy in ENERGIES
    if shape or energy in OF_NUMBERS
]


def cases(exercise):
    """The cases of an exercise, a list of tuples."""
    return Trial(exercise.reference, exercise.cases).cases


def doubles(*shape, gradient=False):
    """Standard normal float64 numbers, which may ask for a gradient."""
    return torch.randn(shape, dtype=torch.float64, requires_grad=gradient)


def slope_of(energy, y):
    """The slope of the sum of all energies, by central differences in float64."""
    y, slope = y.double(), torch.zeros_like(y, dtype=torch.float64)
    for i in range(y.numel()):
        aside = torch.zeros(y.numel(), dtype=torch.float64)
        aside[i] = 1e-6
        aside = aside.reshape(y.shape)
        slope.view(-1)[i] = (energy(y + aside).sum() - energy(y - aside).sum()) / 2e-6
    return slope


def asking(y):
    """A copy that asks for a gradient."""
    return y.detach().clone().requires_grad_()


def autograd(energy, y):
    """The slope of the sum of all energies, of a copy of y."""
    y = asking(y)
    return torch.autograd.grad(energy(y).sum(), y)[0]


# ---------------------------------------------------------------- references


@pytest.mark.parametrize("energy, shape", AT_ANY_SHAPE)
def test_descent_and_langevin_go_along_the_slope_of_finite_differences(energy, shape):
    torch.manual_seed(0)
    y, noise = doubles(*shape), doubles(*shape)
    expected = y
    for _ in range(3):
        expected = expected - (0.1 * slope_of(energy, expected)).clamp(-0.2, 0.2)
    torch.testing.assert_close(ex.descend.reference(energy, y, 0.1, 0.2, 3), expected, rtol=1e-6, atol=1e-6)
    expected = y - 0.1 * slope_of(energy, y) + math.sqrt(0.1) * noise
    torch.testing.assert_close(ex.langevin_step.reference(energy, y, 0.1, 0.5, noise), expected, rtol=1e-6, atol=1e-6)


def test_descent_and_langevin_leave_no_graph_and_their_argument_alone():
    y = torch.tensor([0.5, -0.25], requires_grad=True)
    results = ex.descend.reference(ex.ripples, y, 0.1, 0.2, 2), ex.langevin_step.reference(ex.ripples, y, 0.1, 2.0, y)
    assert y.tolist() == [0.5, -0.25] and y.grad is None
    assert not results[0].requires_grad
    assert not ex.langevin_step.reference(ex.ripples, y, 0.1, 2.0, torch.ones(2)).requires_grad


def test_no_step_of_descent_in_the_cases_is_close_to_its_limit_and_float64_goes_the_same_way():
    beyond = []
    for energy, y, lr, limit, steps in cases(ex.descend):
        for _ in range(steps):
            step = lr * autograd(energy, y.double())
            assert ((step.abs() - limit).abs() > 1e-3).all()
            beyond += [(step > limit).any().item(), (step < -limit).any().item() * 2]
            y = ex.descend.reference(energy, y.double(), lr, limit, 1)
    assert set(beyond) == {0, 1, 2}
    for energy, y, lr, limit, steps in cases(ex.descend):
        got, wide = (ex.descend.reference(energy, y.to(t), lr, limit, steps) for t in (torch.float32, torch.float64))
        torch.testing.assert_close(got.double(), wide, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("exercise", [ex.descend, ex.langevin_step], ids=lambda exercise: exercise.name)
def test_the_cases_have_several_ranks_and_energies_and_more_than_one_number_for_most(exercise):
    some = cases(exercise)
    assert {case[1].ndim for case in some} == {0, 1, 2, 3}
    assert {case[0] for case in some} == set(ENERGIES)
    assert sum(case[0](case[1]).numel() > 1 for case in some) >= 5
    for energy in ENERGIES:
        pairs = torch.autograd.functional.hessian(lambda y: energy(y).sum(), torch.tensor([0.5, 1.25]))  # noqa: B023
        assert (pairs[0, 1] != 0) == (energy in OF_ROWS)


@pytest.mark.parametrize("B, K", [(1, 3), (4, 1), (3, 3), (6, 9)])
def test_the_margin_loss_is_the_written_one_pair_by_pair(B, K):
    torch.manual_seed(0)
    right, wrong, margin = 3 * doubles(B), 3 * doubles(B, K), doubles(B, K).abs()
    total = sum(
        max(0.0, margin[i, j].item() + right[i].item() - wrong[i, j].item()) for i in range(B) for j in range(K)
    )
    got = ex.margin_loss.reference(right, wrong, margin)
    assert got.shape == () and got.item() == pytest.approx(total / B / K)


def test_in_the_cases_some_margins_are_kept_some_not_and_none_exactly():
    shapes, kept = set(), []
    for right, wrong, margin in cases(ex.margin_loss):
        cost = margin + right[:, None] - wrong
        assert (cost.abs() > 1e-3).all() and (cost > 0).any() and (margin >= 0).all()
        shapes.add((1 if len(right) == 1 else 2, 1 if wrong.shape[1] == 1 else 2, wrong.shape[0] == wrong.shape[1]))
        kept.append((cost < 0).any().item())
    assert sum(kept) >= 4 and {(1, 2, False), (2, 1, False), (2, 2, False), (2, 2, True)} <= shapes
    assert any((margin == 0).any() for *_, margin in cases(ex.margin_loss))


def by_cross_entropy(p_data, p_noise, q_data, q_noise):
    """The sum of the two-class cross-entropy over all draws, divided by the number of data."""
    B, N = len(p_data), len(p_noise)
    odds = math.log(B) + torch.cat([p_data, p_noise]) - (math.log(N) + torch.cat([q_data, q_noise]))
    targets = torch.cat([torch.ones_like(p_data), torch.zeros_like(p_noise)])
    return F.binary_cross_entropy_with_logits(odds, targets, reduction="sum") / B


@pytest.mark.parametrize("size", [1, 30, 1000])
@pytest.mark.parametrize("B, N", [(1, 3), (4, 1), (3, 3), (5, 50), (8, 2)])
def test_the_noise_contrastive_loss_is_pytorchs_cross_entropy_and_so_is_its_gradient(B, N, size):
    torch.manual_seed(0)
    arguments = [size * doubles(n) for n in (B, N, B, N)]
    slopes = []
    for loss in (ex.noise_contrastive_loss.reference, by_cross_entropy):
        asked = [asking(a) for a in arguments]
        value = loss(*asked)
        slopes.append([value, *torch.autograd.grad(value, asked)])
    torch.testing.assert_close(*slopes)
    assert all(slope.isfinite().all() for slope in slopes[0])


def test_the_cases_have_more_data_more_noise_as_many_of_each_and_log_odds_far_out_on_both_sides():
    sizes, low, high = set(), [0, 0], [0, 0]
    for p_data, p_noise, q_data, q_noise in cases(ex.noise_contrastive_loss):
        B, N = len(p_data), len(p_noise)
        sizes.add((B > N) - (B < N))
        for i, odds in enumerate((p_data - q_data - math.log(N / B), p_noise - q_noise - math.log(N / B))):
            low[i], high[i] = min(low[i], odds.min().item()), max(high[i], odds.max().item())
    assert sizes == {-1, 0, 1} and max(low) < -900 and min(high) > 900


@pytest.mark.parametrize("B, N, V, H", [(1, 3, 4, 2), (5, 2, 3, 3), (4, 4, 1, 6), (6, 1, 2, 1), (3, 8, 5, 4)])
def test_the_steps_are_autograds_slopes_of_the_mean_energies(B, N, V, H):
    torch.manual_seed(0)
    v, h, v_model, h_model = doubles(B, V), doubles(B, H), doubles(N, V), doubles(N, H)
    W, b, c = doubles(V, H, gradient=True), doubles(V, gradient=True), doubles(H, gradient=True)
    energy = lambda v, h: -torch.einsum("iv,vh,ih->i", v, W, h) - v @ b - h @ c
    loss = energy(v, h).mean() - energy(v_model, h_model).mean()
    expected = tuple(-slope for slope in torch.autograd.grad(loss, (W, b, c)))
    torch.testing.assert_close(ex.contrastive_divergence.reference(v, h, v_model, h_model), expected)


def exactly(log_z0, log_factors):
    """The estimate from fractions: the largest sum of logs aside, exponentials in float64."""
    logs = [sum(map(Fraction, column)) for column in log_factors.double().T.tolist()]
    most = max(logs)
    mean = math.fsum(math.exp(max(-700, w - most)) for w in logs) / len(logs)
    return float(Fraction(log_z0) + most + Fraction(math.log(mean)))


@pytest.mark.parametrize("shift", [-100_000, -1000, 0, 1000])
@pytest.mark.parametrize("T, N", [(1, 4), (5, 1), (3, 3), (20, 7)])
def test_the_log_normaliser_is_that_of_exact_sums_at_any_height(T, N, shift):
    torch.manual_seed(0)
    log_factors = doubles(T, N) + shift / T
    got = ex.log_normaliser.reference(3.5, log_factors)
    assert got.shape == () and got.item() == pytest.approx(exactly(3.5, log_factors), rel=1e-9)


def test_the_cases_have_one_step_one_chain_and_weights_beyond_float64_on_both_sides():
    some = cases(ex.log_normaliser)
    shapes = {tuple(log_factors.shape) for _, log_factors in some}
    assert any(T == 1 < N for T, N in shapes) and any(N == 1 < T for T, N in shapes)
    assert any(T == N for T, N in shapes) and any(T > N > 1 for T, N in shapes) and any(1 < T < N for T, N in shapes)
    weights = [log_factors.double().sum(0) for _, log_factors in some]
    assert any((w < -1000).all() for w in weights) and any((w > 1000).all() for w in weights)
    assert any(w.max() - w.min() > 90_000 for w in weights)
    assert any(f.abs().max() > 90_000 and w.abs().max() < 10 for (_, f), w in zip(some, weights, strict=True))
    assert {log_z0 < 0 for log_z0, _ in some} == {True, False}
    assert {round(log_z0) == log_z0 for log_z0, _ in some} == {True, False}


@pytest.mark.parametrize("temperature, stiffness", [(1.0, 1.0), (0.25, 2.0), (4.0, 0.5)])
def test_many_langevin_steps_on_a_quadratic_energy_have_the_variance_of_the_temperature(temperature, stiffness):
    torch.manual_seed(0)
    x, lr = torch.zeros(40_000), 0.1 / stiffness
    for _ in range(100):
        x = ex.langevin_step.reference(lambda x: stiffness * x**2 / 2, x, lr, temperature, torch.randn_like(x))
    to_first_order = temperature / stiffness * (1 + lr * stiffness / 2)
    assert x.var().item() == pytest.approx(to_first_order, rel=0.03) and abs(x.mean().item()) < 0.05


# ---------------------------------------------------------------- wrong answers


def rolling(step=lambda lr, slope, limit: (lr * slope).clamp(-limit, limit), count=lambda n: n, slope=autograd):
    """Descent with other parts."""

    def answer(energy, y, lr, limit, steps):
        for _ in range(count(steps)):
            y = y - step(lr, slope(energy, y), limit)
        return y

    return answer


right_rolling = rolling()


def lowest_seen(energy, y, lr, limit, steps):
    seen = [y]
    for _ in range(steps):
        seen.append(right_rolling(energy, seen[-1], lr, limit, 1))
    return min(seen[1:], key=lambda y: energy(y).sum().item())


def only_if_lower(energy, y, lr, limit, steps):
    for _ in range(steps):
        new = right_rolling(energy, y, lr, limit, 1)
        y = new if energy(new).sum() < energy(y).sum() else y
    return y


def slope_of_the(pick):
    def slope(energy, y):
        y = asking(y)
        return torch.autograd.grad(pick(energy(y)), y)[0]

    return slope


def clamp(x, limit):
    return x.clamp(-limit, limit)


DESCEND = {
    "not detached": lambda energy, y, lr, limit, steps: right_rolling(energy, y, lr, limit, steps) + 0 * asking(y),
    "uphill": rolling(lambda lr, slope, limit: -clamp(lr * slope, limit)),
    "the slope clamped": rolling(lambda lr, slope, limit: lr * clamp(slope, limit)),
    "clamped above": rolling(lambda lr, slope, limit: (lr * slope).clamp(max=limit)),
    "too long a step left out": rolling(lambda lr, slope, limit: lr * slope * ((lr * slope).abs() <= limit)),
    "whole step's length": rolling(
        lambda lr, slope, limit: lr * slope * (limit / (lr * slope).norm().clamp(min=limit))
    ),
    "y clamped": lambda energy, y, lr, limit, steps: clamp(right_rolling(energy, y, lr, limit, steps), limit),
    "a step too few": rolling(count=lambda n: n - 1),
    "at most eight steps": rolling(count=lambda n: min(n, 8)),
    "slope taken once": lambda energy, y, lr, limit, steps: y - steps * clamp(lr * autograd(energy, y), limit),
    "mean": rolling(slope=slope_of_the(torch.mean)),
    "largest energy": rolling(slope=slope_of_the(torch.max)),
    "lowest seen": lowest_seen,
    "only if lower": only_if_lower,
    "the argument changed": lambda energy, y, *rest: y.copy_(right_rolling(energy, y, *rest)).clone(),
    "the argument asked": lambda energy, y, *rest: right_rolling(energy, y.requires_grad_(), *rest).detach(),
    "a limit of at most 1": rolling(lambda lr, slope, limit: clamp(lr * slope, min(limit, 1))),
    "lr of at most 1": rolling(lambda lr, slope, limit: clamp(min(lr, 1) * slope, limit)),
}


def costing(gap=lambda right, wrong, margin: margin + right[:, None] - wrong, join=lambda gap: gap.relu().mean()):
    """A margin loss with other parts."""
    return lambda right, wrong, margin: join(gap(right, wrong, margin))


right_costing = costing()

MARGIN_LOSS = {
    "signs": costing(lambda right, wrong, margin: margin - right[:, None] + wrong),
    "mean margin of a row": costing(lambda right, wrong, margin: margin.mean(1, True) + right[:, None] - wrong),
    "the size of the gap": costing(lambda right, wrong, margin: margin + (right[:, None] - wrong).abs()),
    "plain broadcast where it does not fit": costing(
        lambda right, wrong, margin: margin + (right if len(right) == wrong.shape[1] else right[:, None]) - wrong
    ),
    "mean wrong": costing(lambda right, wrong, margin: margin + right[:, None] - wrong.mean(1, True)),
    "sum of each row": costing(join=lambda gap: gap.relu().sum(1).mean()),
    "each row's": costing(join=lambda gap: gap.relu().mean(1)),
    "no hinge": costing(join=torch.mean),
    "hinge of the row's mean": costing(join=lambda gap: gap.mean(1).relu().mean()),
    "worst of each row": costing(join=lambda gap: gap.amax(1).relu().mean()),
    "squared": costing(join=lambda gap: gap.relu().square().mean()),
    "softplus": costing(join=lambda gap: F.softplus(gap).mean()),
    "those violated": costing(join=lambda gap: gap[gap > 0].mean()),
    "right detached": lambda right, wrong, margin: right_costing(right.detach(), wrong, margin),
    "a float": lambda right, wrong, margin: right_costing(right, wrong, margin).item(),
    "only near the right one": costing(
        lambda right, wrong, margin: (margin + right[:, None] - wrong) * (wrong < right[:, None] + 10)
    ),
    "at most 20": costing(join=lambda gap: gap.clamp(0, 20).mean()),
}


def contrasting(
    odds=lambda p, q, B, N: p - q - math.log(N / B),
    data=lambda G: F.softplus(-G),
    noise=F.softplus,
    join=lambda data, noise: (data.sum() + noise.sum()) / len(data),
):
    """A noise-contrastive loss with other parts."""

    def answer(p_data, p_noise, q_data, q_noise):
        sizes = len(p_data), len(p_noise)
        return join(data(odds(p_data, q_data, *sizes)), noise(odds(p_noise, q_noise, *sizes)))

    return answer


right_contrasting = contrasting()


def changed(change, right=right_contrasting):
    """The right answer for changed arguments."""
    return lambda *given: right(*change(*given))


NOISE_CONTRASTIVE_LOSS = {
    "minus p": contrasting(lambda p, q, B, N: -p - q - math.log(N / B)),
    "plus q": contrasting(lambda p, q, B, N: p + q - math.log(N / B)),
    "p and q exchanged": changed(lambda p, r, q, s: (q, s, p, r)),
    "q and not its log": contrasting(lambda p, q, B, N: p - q.exp() - math.log(N / B)),
    "no q for data": changed(lambda p, r, q, s: (p, r, 0 * q, s)),
    "no q for noise": changed(lambda p, r, q, s: (p, r, q, 0 * s)),
    "numbers turned over": contrasting(lambda p, q, B, N: p - q - math.log(B / N)),
    "share of noise": contrasting(lambda p, q, B, N: p - q - math.log(N / (B + N))),
    "numbers for noise only": changed(lambda p, r, q, s: (p, r, q - math.log(len(r) / len(p)), s)),
    "mean of all": contrasting(join=lambda data, noise: torch.cat([data, noise]).mean()),
    "divided by N": contrasting(join=lambda data, noise: (data.sum() + noise.sum()) / len(noise)),
    "N times the mean": contrasting(join=lambda data, noise: data.mean() + noise.sum()),
    "data only": contrasting(join=lambda data, noise: data.mean()),
    "same sign": contrasting(data=F.softplus),
    "classes exchanged": contrasting(data=F.softplus, noise=lambda G: F.softplus(-G)),
    "hinge at 0": contrasting(data=lambda G: (-G).relu(), noise=torch.relu),
    "log of sigmoid": contrasting(data=lambda G: -G.sigmoid().log(), noise=lambda G: -(-G).sigmoid().log()),
    "a little added": contrasting(noise=lambda G: -((-G).sigmoid() + 1e-8).log()),
    "held at −100": contrasting(data=lambda G: F.softplus(-G).clamp(max=100)),
    "log1p of exp in float64": contrasting(noise=lambda G: G.double().exp().log1p()),
    "no gradient for data": changed(lambda p, r, q, s: (p.detach(), r, q, s)),
    "no gradient for noise": changed(lambda p, r, q, s: (p, r.detach(), q, s)),
    "softmax over the draws": changed(lambda p, r, q, s: (p.log_softmax(0), r.log_softmax(0), q, s)),
}


def comparing(
    W=lambda v, h, n: v.T @ h / n,
    b=lambda v, n: v.sum(0) / n,
    c=lambda h, n: h.sum(0) / n,
    join=lambda *steps: steps,
    numbers=lambda B, N: (B, N),
):
    """Contrastive divergence with other parts."""

    def answer(v, h, v_model, h_model):
        B, N = numbers(len(v), len(v_model))
        return join(W(v, h, B) - W(v_model, h_model, N), b(v, B) - b(v_model, N), c(h, B) - c(h_model, N))

    return answer


right_comparing = comparing()


def centred(x):
    return x - x.mean(0)


CONTRASTIVE_DIVERGENCE = {
    "sign of c": comparing(join=lambda W, b, c: (W, b, -c)),
    "sums for the biases": comparing(b=lambda v, n: v.sum(0), c=lambda h, n: h.sum(0)),
    "divided by B": comparing(numbers=lambda B, N: (B, B)),
    "divided by n − 1": comparing(W=lambda v, h, n: v.T @ h / max(1, n - 1)),
    "product of means": comparing(W=lambda v, h, n: torch.outer(v.mean(0), h.mean(0))),
    "covariance": comparing(W=lambda v, h, n: centred(v).T @ centred(h) / n),
    "h centred": changed(lambda v, h, w, k: (v, centred(h), w, centred(k)), right_comparing),
    "transposed": comparing(W=lambda v, h, n: h.T @ v / n),
    "transposed where square": comparing(join=lambda W, b, c: (W.T if len(b) == len(c) else W, b, c)),
    "biases exchanged if alike": comparing(join=lambda W, b, c: (W, c, b) if len(b) == len(c) else (W, b, c)),
    "no c": comparing(join=lambda W, b, c: (W, b)),
    "h in place of h_model": changed(
        lambda v, h, w, k: (v, h, w, h[: len(w)] if len(h) >= len(w) else k), right_comparing
    ),
    "row by row": lambda v, h, w, k: ((v.T @ h - w.T @ k) / len(v), (v - w).mean(0), (h - k).mean(0)),
    "hidden drawn for the data": changed(lambda v, h, w, k: (v, torch.bernoulli(h.clamp(0, 1)), w, k), right_comparing),
    "visible rounded": changed(lambda v, h, w, k: ((v > 0.5).float(), h, (w > 0.5).float(), k), right_comparing),
    "visible held in 0 to 1": changed(lambda v, h, w, k: (v.clamp(0, 1), h, w.clamp(0, 1), k), right_comparing),
    "changed in place": lambda v, h, w, k: right_comparing(v, h.round_(), w, k),
}


def estimating(weights=lambda f: f.sum(0), join=lambda w, f: w.logsumexp(0) - math.log(len(w)), add=lambda z, x: z + x):
    """A log normaliser with other parts."""
    return lambda log_z0, log_factors: add(log_z0, join(weights(log_factors), log_factors))


right_estimating = estimating()


LOG_NORMALISER = {
    "mean of the logs": estimating(join=lambda w, f: w.mean()),
    "largest": estimating(join=lambda w, f: w.max()),
    "step by step": estimating(join=lambda w, f: (f.logsumexp(1) - math.log(f.shape[1])).sum()),
    "steps added": estimating(weights=lambda f: f.logsumexp(0)),
    "sum over the longer side": estimating(weights=lambda f: f.sum(f.shape[1] > f.shape[0])),
    "T in place of N": estimating(join=lambda w, f: w.logsumexp(0) - math.log(len(f))),
    "T times N": estimating(join=lambda w, f: w.logsumexp(0) - math.log(f.numel())),
    "N for each step": estimating(join=lambda w, f: w.logsumexp(0) - len(f) * math.log(len(w))),
    "plain exp in float64": estimating(join=lambda w, f: w.double().exp().mean().log()),
    "factors multiplied in float64": estimating(join=lambda w, f: f.double().exp().prod(0).mean().log()),
    "a little added": estimating(join=lambda w, f: (w.exp().mean() + 1e-12).log()),
    "factors held": estimating(weights=lambda f: f.clamp(-1000, 1000).sum(0)),
    "weights held": estimating(weights=lambda f: f.sum(0).clamp(-1000, 1000)),
    "the mean taken off": estimating(join=lambda w, f: w.mean() + (w - w.mean()).exp().mean().log()),
    "the first taken off": estimating(join=lambda w, f: w[0] + (w - w[0]).exp().mean().log()),
    "no log_z0": estimating(add=lambda z, x: x),
    "a vector": estimating(join=lambda w, f: w),
    "in place": lambda z, f: right_estimating(z, f.cumsum_(0)[-1:]),
}


def shaking(
    size=lambda lr, t: math.sqrt(2 * lr * t),
    slope=lambda energy, x, push: autograd(energy, x),
    down=lambda lr, t: lr,
    noise=lambda noise: noise,
):
    """A Langevin step with other parts."""

    def answer(energy, x, lr, temperature, z):
        push = size(lr, temperature) * noise(z)
        return x - down(lr, temperature) * slope(energy, x, push) + push

    return answer


right_shaking = shaking()


LANGEVIN_STEP = {
    "not detached": lambda energy, x, lr, t, z: right_shaking(energy, asking(x), lr, t, z),
    "uphill": shaking(down=lambda lr, t: -lr),
    "half lr": shaking(down=lambda lr, t: lr / 2),
    "no root": shaking(lambda lr, t: 2 * lr * t),
    "2 outside": shaking(lambda lr, t: 2 * math.sqrt(lr * t)),
    "lr outside": shaking(lambda lr, t: lr * math.sqrt(2 * t)),
    "no temperature, none at 0": shaking(lambda lr, t: math.sqrt(2 * lr) * (t > 0)),
    "temperature outside": shaking(lambda lr, t: math.sqrt(2 * lr) * t),
    "temperature at most 1": shaking(lambda lr, t: math.sqrt(2 * lr * min(t, 1))),
    "never quite 0": shaking(lambda lr, t: math.sqrt(2 * lr * t + 1e-4)),
    "slope after the push": shaking(slope=lambda energy, x, push: autograd(energy, x + push)),
    "push before": lambda energy, x, lr, t, z: right_shaking(energy, x + math.sqrt(2 * lr * t) * z, lr, t, 0 * z),
    "mean": shaking(slope=lambda energy, x, push: slope_of_the(torch.mean)(energy, x)),
    "slope held within 10": shaking(slope=lambda energy, x, push: autograd(energy, x).clamp(-10, 10)),
    "own noise": shaking(noise=torch.randn_like),
    "one noise for a row": shaking(noise=lambda z: z[..., :1] if z.ndim else z),
    "noise held within 1": shaking(noise=lambda z: z.clamp(-1, 1)),
    "noise in place": lambda energy, x, lr, t, z: x - lr * autograd(energy, x) + z.mul_(math.sqrt(2 * lr * t)),
    "x asked": lambda energy, x, lr, t, z: right_shaking(energy, x.requires_grad_(), lr, t, z).detach(),
}

WRONG = {
    "descend": DESCEND,
    "margin_loss": MARGIN_LOSS,
    "noise_contrastive_loss": NOISE_CONTRASTIVE_LOSS,
    "contrastive_divergence": CONTRASTIVE_DIVERGENCE,
    "log_normaliser": LOG_NORMALISER,
    "langevin_step": LANGEVIN_STEP,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


def test_feedback_names_the_likely_reason_and_the_energy():
    said = lambda name, key: getattr(ex, name).judge(WRONG[name][key])[1]
    assert "goes uphill" in said("descend", "uphill")
    assert "`energy=two_valleys, y=[0.5, -1.5, 2], " in said("descend", "uphill")
    assert "changes its argument `y` in place" in said("descend", "the argument changed")
    assert "asks its argument `y` for a gradient" in said("descend", "the argument asked")
    assert "is for each number on its own" in said("descend", "whole step's length")
    assert "worst wrong answer" in said("margin_loss", "worst of each row")
    assert "no gradient flows back into `right`" in said("margin_loss", "right detached")
    assert "divides by B + N" in said("noise_contrastive_loss", "mean of all")
    assert "the log of 0 is −∞" in said("noise_contrastive_loss", "log of sigmoid")
    assert "have changed places" in said("noise_contrastive_loss", "classes exchanged")
    assert "no gradient flows back into `log_p_noise`" in said("noise_contrastive_loss", "no gradient for noise")
    assert "product of the means" in said("contrastive_divergence", "product of means")
    assert "transposed" in said("contrastive_divergence", "transposed")
    assert "mean of the logs" in said("log_normaliser", "mean of the logs")
    assert "mean over the chains at every step" in said("log_normaliser", "step by step")
    assert "history of operations" in said("descend", "not detached")
    assert "outside the root" in said("langevin_step", "temperature outside")
    assert "after the push" in said("langevin_step", "slope after the push")


# ---------------------------------------------------------------- other right answers


def rolling_backwards(energy, y, lr, limit, steps):
    y = asking(y)
    for _ in range(steps):
        y.grad = None
        energy(y).sum().backward()
        with torch.no_grad():
            y -= torch.clamp(lr * y.grad, min=-limit, max=limit)
    return y.detach()


def contrast_of_two_classes(p_data, p_noise, q_data, q_noise):
    B, N = len(p_data), len(p_noise)
    both = math.log(B) + torch.cat([p_data, p_noise]), math.log(N) + torch.cat([q_data, q_noise])
    return F.cross_entropy(torch.stack(both, 1), torch.tensor([0] * B + [1] * N), reduction="sum") / B


def steps_by_autograd(v, h, v_model, h_model):
    W, b, c = (torch.zeros(s, requires_grad=True) for s in ((v.shape[1], h.shape[1]), v.shape[1], h.shape[1]))
    energy = lambda v, h: -((v @ W) * h).sum(1) - v @ b - h @ c
    (energy(v_model, h_model).mean() - energy(v, h).mean()).backward()
    return W.grad, b.grad, c.grad


def shaken_backwards(energy, x, lr, temperature, noise):
    x = asking(x)
    energy(x).sum().backward()
    with torch.no_grad():
        return x - lr * x.grad + (2 * lr * temperature) ** 0.5 * noise


RIGHT = {
    "descend": {
        "backward": rolling_backwards,
        "float64": lambda energy, y, lr, limit, steps: right_rolling(energy, y.double(), lr, limit, steps),
        "the slope held within limit / lr": rolling(lambda lr, slope, limit: lr * clamp(slope, limit / lr)),
        "hardtanh": rolling(lambda lr, slope, limit: F.hardtanh(lr * slope, -limit, limit)),
        "finite differences in float64": rolling(slope=slope_of),
        "torch.func": rolling(slope=lambda energy, y: torch.func.grad(lambda y: energy(y).sum())(y)),
    },
    "margin_loss": {
        "what costs": costing(join=lambda gap: gap[gap > 0].sum() / gap.numel()),
        "maximum": costing(join=lambda gap: torch.maximum(gap, torch.zeros_like(gap)).mean()),
        "half of size and self": costing(join=lambda gap: ((gap + gap.abs()) / 2).mean()),
        "turned over": costing(lambda right, wrong, margin: (right + margin.T - wrong.T).T),
        "float64": lambda right, wrong, margin: right_costing(right.double(), wrong.double(), margin.double()),
        "PyTorch's ranking loss": lambda right, wrong, margin: F.margin_ranking_loss(
            wrong - margin, right[:, None].expand_as(wrong), torch.ones_like(wrong)
        ),
    },
    "noise_contrastive_loss": {
        "two logs": contrasting(lambda p, q, B, N: p + math.log(B) - (q + math.log(N))),
        "two classes": contrast_of_two_classes,
        "PyTorch's cross-entropy": by_cross_entropy,
        "logsigmoid": contrasting(data=lambda G: -F.logsigmoid(G), noise=lambda G: -F.logsigmoid(-G)),
        "noise through data": contrasting(noise=lambda G: G + F.softplus(-G)),
        "float64": lambda *given: right_contrasting(*(x.double() for x in given)),
    },
    "contrastive_divergence": {
        "autograd": steps_by_autograd,
        "a list": comparing(join=lambda *steps: list(steps)),
        "einsum": comparing(W=lambda v, h, n: torch.einsum("iv,ih->vh", v, h) / n),
        "all products and a mean": comparing(W=lambda v, h, n: (v[:, :, None] * h[:, None, :]).mean(0)),
        "ones": comparing(b=lambda v, n: torch.ones(len(v)) @ v / n),
        "float64": lambda *given: right_comparing(*(x.double() for x in given)),
    },
    "log_normaliser": {
        "a float": lambda z, f: right_estimating(z, f).item(),
        "the largest taken off": estimating(join=lambda w, f: w.max() + (w - w.max()).exp().mean().log()),
        "log_z0 with every weight": lambda z, f: (z + f.sum(0)).logsumexp(0) - math.log(f.shape[1]),
        "log_softmax": estimating(join=lambda w, f: (w - w.log_softmax(0))[w.argmax()] - math.log(len(w))),
        "ones": estimating(weights=lambda f: torch.ones(len(f)) @ f),
        "float64": lambda z, f: right_estimating(z, f.double()),
    },
    "langevin_step": {
        "backward": shaken_backwards,
        "torch.func": shaking(slope=lambda energy, x, push: torch.func.grad(lambda x: energy(x).sum())(x)),
        "two roots": shaking(lambda lr, t: math.sqrt(2) * math.sqrt(lr) * math.sqrt(t)),
        "a tensor's root": shaking(lambda lr, t: torch.sqrt(torch.tensor(2 * lr * t))),
        "push first": lambda energy, x, lr, t, z: (x + (2 * lr * t) ** 0.5 * z) - lr * autograd(energy, x),
        "float64": lambda energy, x, lr, t, z: right_shaking(energy, x.double(), lr, t, z.double()),
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")
