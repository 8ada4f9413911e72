"""The exercises of notebook 05: references against PyTorch and closed forms, wrong answers, other right ones."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from declared import judged
from torch import nn

from course_utils.exercises import generative_adversarial_networks as ex
from course_utils.trial import Trial


def cases(exercise):
    """The cases of an exercise, a list of tuples."""
    return Trial(exercise.reference, exercise.cases).cases


# ---------------------------------------------------------------- references


def test_the_best_discriminator_is_bayes_rule_for_two_gaussians():
    x = torch.linspace(-4, 4, 101)
    p, q = (torch.distributions.Normal(mean, 1.5).log_prob(x).exp() for mean in (1.0, -0.5))
    expected = torch.sigmoid((x - 0.25) * 1.5 / 1.5**2)  # of one width: a logistic curve, 1/2 in the middle
    torch.testing.assert_close(ex.best_discriminator.reference(p, q), expected)


def test_no_other_discriminator_has_a_smaller_expected_loss():
    torch.manual_seed(0)
    p, q = torch.rand(50), torch.rand(50)
    loss = lambda D: -p * D.log() - q * (1 - D).log()
    best = loss(ex.best_discriminator.reference(p, q))
    for D in torch.linspace(0.01, 0.99, 99):
        assert (best <= loss(D) + 1e-6).all()


def test_where_there_is_nothing_the_best_discriminator_says_a_half_and_nowhere_nan():
    got = ex.best_discriminator.reference(torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 3.0, 0.0]))
    assert got.tolist() == [0.5, 0, 1] and got.dtype == torch.float32


@pytest.mark.parametrize("scale", [0.1, 1, 30, 1000])
@pytest.mark.parametrize("N, M", [(1, 1), (4, 7), (12, 3)])
def test_both_losses_are_pytorchs_cross_entropy_with_logits(N, M, scale):
    torch.manual_seed(0)
    real, fake = scale * torch.randn(N, dtype=torch.float64), scale * torch.randn(M, dtype=torch.float64)
    bce = nn.BCEWithLogitsLoss()
    expected = bce(real, torch.ones(N).double()) + bce(fake, torch.zeros(M).double())
    got = ex.discriminator_loss.reference(real, fake)
    assert got.shape == ()
    torch.testing.assert_close(got, expected)
    got = ex.generator_loss.reference(fake)
    assert got.shape == ()
    torch.testing.assert_close(got, bce(fake, torch.ones(M).double()))


def test_both_losses_are_the_written_formulas_where_nothing_overflows():
    torch.manual_seed(0)
    real, fake = torch.randn(9, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    expected = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(ex.discriminator_loss.reference(real, fake), expected)
    torch.testing.assert_close(ex.generator_loss.reference(fake), -fake.sigmoid().log().mean())


def test_an_undecided_discriminator_costs_twice_log_2_and_a_scores_size_counts_at_the_far_end():
    zeros = torch.zeros(3)
    assert ex.discriminator_loss.reference(zeros, zeros[:2]).item() == pytest.approx(2 * math.log(2))
    assert ex.generator_loss.reference(zeros).item() == pytest.approx(math.log(2))
    for size in (100.0, 1000.0):
        wrong = ex.discriminator_loss.reference(torch.tensor([-size]), torch.tensor([size]))
        assert wrong.item() == 2 * size and ex.generator_loss.reference(torch.tensor([-size])).item() == size
        assert ex.generator_loss.reference(torch.tensor([size])).item() == pytest.approx(0)


def test_the_generators_loss_keeps_its_gradient_where_the_discriminator_is_sure():
    fake = torch.tensor([-20.0, -1000.0], requires_grad=True)
    ex.generator_loss.reference(fake).backward()
    torch.testing.assert_close(fake.grad, torch.tensor([-0.5, -0.5]))


@pytest.mark.parametrize("exercise", [ex.discriminator_loss, ex.generator_loss], ids=lambda exercise: exercise.name)
def test_the_cases_of_the_losses_have_scores_of_1000_with_either_sign_in_every_argument(exercise):
    for scores in zip(*cases(exercise), strict=True):
        assert max(s.max() for s in scores) == 1000 and min(s.min() for s in scores) == -1000


def exact(mean, spread):
    """Features (2F, F) of which the means are `mean` and the covariance is diagonal, `spread` squared, exactly."""
    size = len(mean)
    steps = torch.diag(spread * math.sqrt((2 * size - 1) / 2))
    return mean + torch.cat([steps, -steps])


def turned(x, seed=0):
    """The same features on axes turned at random."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(x.shape[1], x.shape[1], generator=generator, dtype=torch.float64)).Q
    return x @ axes


@pytest.mark.parametrize("size", [2, 3, 16])
def test_the_frechet_distance_of_diagonal_gaussians_is_the_closed_form(size):
    torch.manual_seed(0)
    means, spreads = torch.randn(2, size, dtype=torch.float64), torch.rand(2, size, dtype=torch.float64) + 0.1
    spreads[0, 0] = 0  # flat along one axis
    a, b = (exact(*pair) for pair in zip(means, spreads, strict=True))
    torch.testing.assert_close(a.T.cov(), torch.diag(spreads[0] ** 2))
    expected = (means[0] - means[1]).square().sum() + (spreads[0] - spreads[1]).square().sum()
    assert ex.frechet_distance.reference(a, b) == pytest.approx(expected.item(), abs=1e-6)
    assert ex.frechet_distance.reference(turned(a), turned(b)) == pytest.approx(expected.item(), abs=1e-6)


SIZES = [(4, 3, 2), (30, 50, 6), (3, 3, 5), (5, 40, 12), (2, 2, 8)]  # N, M, F


@pytest.mark.parametrize("N, M, size", SIZES)
def test_the_frechet_distance_is_scipys(N, M, size):
    torch.manual_seed(0)
    a, b = torch.randn(N, size) @ torch.randn(size, size), torch.randn(M, size) * 2 + 1
    C_a, C_b = np.cov(a.double().numpy().T), np.cov(b.double().numpy().T)
    shift = a.double().mean(0).numpy() - b.double().mean(0).numpy()
    half = scipy.linalg.sqrtm(C_a + 1e-14 * np.eye(size)).real  # symmetric, of full rank: safe for sqrtm
    root = scipy.linalg.sqrtm(half @ C_b @ half + 1e-14 * np.eye(size)).real
    expected = shift @ shift + np.trace(C_a + C_b - 2 * root)
    assert ex.frechet_distance.reference(a, b) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("N, M, size", [(30, 50, 6), (9, 12, 3)])
def test_the_frechet_distance_is_scipys_root_of_the_product_itself_at_full_rank(N, M, size):
    torch.manual_seed(0)
    a, b = torch.randn(N, size).double(), (torch.randn(M, size) * 2 + 1).double()
    C_a, C_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    shift = (a.mean(0) - b.mean(0)).numpy()
    expected = shift @ shift + np.trace(C_a + C_b - 2 * scipy.linalg.sqrtm(C_a @ C_b).real)
    assert ex.frechet_distance.reference(a, b) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("N, M, size", SIZES)
def test_the_frechet_distance_is_symmetric_0_to_itself_and_the_squared_shift_to_a_moved_copy(N, M, size):
    torch.manual_seed(0)
    a, b, shift = torch.randn(N, size).double(), torch.randn(M, size).double(), torch.randn(size).double()
    distance = ex.frechet_distance.reference
    assert type(distance(a, b)) is float
    assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-6)
    assert distance(a, a) == pytest.approx(0, abs=1e-6)
    assert distance(a, a + shift) == pytest.approx(shift.square().sum().item(), abs=1e-6)


def test_some_covariances_in_the_cases_have_full_rank_and_some_have_not():
    full = {bool(len(x) > x.shape[1]) for case in cases(ex.frechet_distance) for x in case}
    assert full == {True, False}


@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_arc_is_walked_at_one_speed_on_the_sphere(size):
    torch.manual_seed(0)
    a, b = (3 * F.normalize(torch.randn(20, size, dtype=torch.float64)) for _ in range(2))
    whole = F.cosine_similarity(a, b).acos()
    for t in (0.0, 0.1, 0.5, 0.85, 1.0):
        middle = ex.arc.reference(a, b, t)
        torch.testing.assert_close(middle.norm(dim=1), torch.full((20,), 3.0).double())
        torch.testing.assert_close(F.cosine_similarity(a, middle), (t * whole).cos())
        torch.testing.assert_close(F.cosine_similarity(middle, b), ((1 - t) * whole).cos())


def test_the_arc_in_a_plane_is_multiplication_by_a_turning_complex_number():
    torch.manual_seed(0)
    start, angle, length = torch.rand(30) * 6, torch.rand(30) * 2.9 + 0.1, torch.rand(30) + 0.5
    point = lambda where: torch.stack([length * where.cos(), length * where.sin()], dim=1)
    for t in (0.0, 0.3, 0.5, 1.0):
        got = ex.arc.reference(point(start), point(start + angle), t)
        torch.testing.assert_close(got, point(start + t * angle), rtol=0, atol=1e-4)


def test_the_arc_begins_at_a_and_ends_at_b_also_where_their_lengths_differ():
    torch.manual_seed(0)
    a, b = torch.randn(9, 4), 5 * torch.randn(9, 4)
    torch.testing.assert_close(ex.arc.reference(a, b, 0.0), a)
    torch.testing.assert_close(ex.arc.reference(a, b, 1.0), b)


def test_in_no_case_are_rows_nearly_parallel():
    for a, b, _ in cases(ex.arc):
        assert F.cosine_similarity(a, b).abs().max() < 0.99


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 5), (4, 4, 4), (6, 1, 3)], ids=str)
def test_gram_is_the_mean_of_products_place_by_place(size):
    torch.manual_seed(0)
    h = torch.randn(size, dtype=torch.float64)
    got = ex.gram.reference(h)
    expected = torch.tensor([[(h[i] * h[j]).mean() for j in range(size[0])] for i in range(size[0])])
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(got, torch.einsum("cij,dij->cd", h, h) / (size[1] * size[2]))


def test_gram_is_numpys_covariance_plus_the_products_of_the_means_and_forgets_the_places():
    torch.manual_seed(0)
    h = torch.randn(3, 4, 5, dtype=torch.float64)
    rows = h.numpy().reshape(3, -1)
    expected = np.cov(rows, bias=True) + np.outer(rows.mean(1), rows.mean(1))
    torch.testing.assert_close(ex.gram.reference(h), torch.from_numpy(expected))
    shuffled = h.flatten(1)[:, torch.randperm(20)].view(3, 10, 2)
    torch.testing.assert_close(ex.gram.reference(shuffled), ex.gram.reference(h))


# ---------------------------------------------------------------- wrong answers


def share_of(p, q):
    return torch.where(p + q > 0, p / (p + q), 0.5)


def best_in_place(p, q):
    p /= p + q
    return p.nan_to_num(0.5)


BEST = {
    "NaN where both are 0": lambda p, q: p / (p + q),
    "0 where both are 0": lambda p, q: (p / (p + q)).nan_to_num(),
    "1 where both are 0": lambda p, q: (p / (p + q)).nan_to_num(1),
    "a half wherever one is 0": lambda p, q: torch.where(p * q > 0, p / (p + q), 0.5),
    "a half wherever p is 0": lambda p, q: torch.where(p > 0, p / (p + q), 0.5),
    "a half wherever q is 0": lambda p, q: torch.where(q > 0, p / (p + q), 0.5),
    "a half if any is 0": lambda p, q: share_of(p, q) if (p + q > 0).all() else torch.full_like(p, 0.5),
    "a half where the sum is small": lambda p, q: torch.where(p + q > 1e-12, p / (p + q), 0.5),
    "a half where alike": lambda p, q: torch.where((p - q).abs() > 1e-6, p / (p + q), 0.5),
    "places without points left out": lambda p, q: (p / (p + q))[p + q > 0],
    "that it is generated": lambda p, q: 1 - share_of(p, q),
    "q's share, NaN kept": lambda p, q: q / (p + q),
    "odds": lambda p, q: torch.where(q > 0, p / q, 0.5),
    "the log of the odds": lambda p, q: (p / q).log().nan_to_num(0.5),
    "sigmoid of the odds": lambda p, q: (p / q).sigmoid().nan_to_num(0.5),
    "sigmoid of the difference": lambda p, q: (p - q).sigmoid(),
    "softmax of both": lambda p, q: torch.stack([p, q]).softmax(0)[0],
    "the difference": lambda p, q: (p - q).clamp(0, 1),
    "the difference over the sum": lambda p, q: ((p - q) / (p + q)).nan_to_num(0.5),
    "squares": lambda p, q: share_of(p**2, q**2),
    "roots": lambda p, q: share_of(p.sqrt(), q.sqrt()),
    "the larger one": lambda p, q: torch.where(p == q, 0.5, (p > q).float()),
    "over the larger one": lambda p, q: (p / torch.maximum(p, q)).nan_to_num(0.5),
    "p alone": lambda p, q: p,
    "p over its sum": lambda p, q: p / p.sum(),
    "over the sum of all places": lambda p, q: p / (p + q).sum(),
    "both made to add up to 1": lambda p, q: share_of(p / p.sum(), q / q.sum()),
    "half the sum below": lambda p, q: (p / ((p + q) / 2)).nan_to_num(0.5),
    "a bit below": lambda p, q: p / (p + q + 1e-12),
    "a bit below, a half put in": lambda p, q: torch.where(p + q > 0, p / (p + q + 1e-12), 0.5),
    "a bit on both sides": lambda p, q: (p + 1e-12) / (p + q + 2e-12),
    "the sum clamped": lambda p, q: torch.where(p + q > 0, p / (p + q).clamp(min=1e-8), 0.5),
    "within 0.01 and 0.99": lambda p, q: share_of(p, q).clamp(0.01, 0.99),
    "a mean": lambda p, q: share_of(p, q).mean(),
    "rounded": lambda p, q: share_of(p, q).round(decimals=2),
    "a list": lambda p, q: share_of(p, q).tolist(),
    "in place": best_in_place,
}


def naive(s):
    return -torch.sigmoid(s).log()


def two_means(of_real=lambda r: F.softplus(-r), of_fake=F.softplus, mean=torch.mean):
    return lambda real, fake: mean(of_real(real)) + mean(of_fake(fake))


DISCRIMINATOR = {
    "labels exchanged": two_means(F.softplus, lambda f: F.softplus(-f)),
    "all as real": two_means(of_fake=lambda f: F.softplus(-f)),
    "all as generated": two_means(F.softplus),
    "real points only": lambda real, fake: F.softplus(-real).mean(),
    "generated points only": lambda real, fake: F.softplus(fake).mean(),
    "arguments exchanged": lambda real, fake: two_means()(fake, real),
    "the difference": lambda real, fake: F.softplus(-real).mean() - F.softplus(fake).mean(),
    "the sign turned": lambda real, fake: -two_means()(real, fake),
    "half": lambda real, fake: two_means()(real, fake) / 2,
    "the mean of all": lambda real, fake: F.softplus(torch.cat([-real, fake])).mean(),
    "twice the mean of all": lambda real, fake: 2 * F.softplus(torch.cat([-real, fake])).mean(),
    "sums": two_means(mean=torch.sum),
    "the sum over the real ones' number": lambda real, fake: F.softplus(torch.cat([-real, fake])).sum() / len(real),
    "the sum over the generated ones' number": lambda real, fake: (
        F.softplus(torch.cat([-real, fake])).sum() / len(fake)
    ),
    "means of scores": lambda real, fake: F.softplus(-real.mean()) + F.softplus(fake.mean()),
    "medians": two_means(mean=torch.median),
    "one number": lambda real, fake: F.softplus(-real[0]) + F.softplus(fake[0]),
    "pairs": lambda real, fake: (F.softplus(-real[:, None]) + F.softplus(fake)).mean(1),
    "as many as there are pairs": lambda real, fake: (
        sum(F.softplus(-r) + F.softplus(f) for r, f in zip(real, fake, strict=False)) / min(len(real), len(fake))
    ),
    "two numbers": lambda real, fake: (F.softplus(-real).mean(), F.softplus(fake).mean()),
    "shape (1,)": lambda real, fake: two_means()(real, fake)[None],
    "no mean": lambda real, fake: torch.cat([F.softplus(-real), F.softplus(fake)]),
    "log of sigmoid": two_means(naive, lambda f: naive(-f)),
    "log of 1 − sigmoid": two_means(of_fake=lambda f: -(1 - f.sigmoid()).log()),
    "log of sigmoid in float64": two_means(lambda r: naive(r.double()), lambda f: naive(-f.double())),
    "log of sigmoid for the real ones": two_means(naive),
    "a little added": two_means(lambda r: -(r.sigmoid() + 1e-8).log(), lambda f: -(1 - f.sigmoid() + 1e-8).log()),
    "sigmoid clamped": two_means(
        lambda r: -r.sigmoid().clamp(1e-6, 1 - 1e-6).log(), lambda f: -(1 - f.sigmoid().clamp(1e-6, 1 - 1e-6)).log()
    ),
    "infinity made large": lambda real, fake: two_means(naive, lambda f: naive(-f))(real, fake).nan_to_num(),
    "log of 1 + exp": two_means(lambda r: (1 + (-r).exp()).log(), lambda f: (1 + f.exp()).log()),
    "log1p in float64": two_means(lambda r: (-r).double().exp().log1p(), lambda f: f.double().exp().log1p()),
    "scores within 50": lambda real, fake: two_means()(real.clamp(-50, 50), fake.clamp(-50, 50)),
    "scores within 100": lambda real, fake: two_means()(real.clamp(-100, 100), fake.clamp(-100, 100)),
    "cross-entropy of probabilities": two_means(
        lambda r: F.binary_cross_entropy(r.sigmoid(), torch.ones_like(r)),
        lambda f: F.binary_cross_entropy(f.sigmoid(), torch.zeros_like(f)),
    ),
    "cross-entropy with logits of probabilities": two_means(
        lambda r: F.softplus(-r.sigmoid()), lambda f: F.softplus(f.sigmoid())
    ),
    "scores as probabilities": two_means(lambda r: -r.log(), lambda f: -(1 - f).log()),
    "softmax instead of sigmoid": two_means(lambda r: -r.log_softmax(0), lambda f: -(-f).log_softmax(0)),
    "log to base 2": lambda real, fake: two_means()(real, fake) / math.log(2),
    "smoothed labels": two_means(lambda r: F.binary_cross_entropy_with_logits(r, torch.full_like(r, 0.9))),
    "hinge": two_means(lambda r: (1 - r).relu(), lambda f: (1 + f).relu()),
    "hinge at 0": two_means(lambda r: (-r).relu(), torch.relu),
    "squares": two_means(lambda r: (r - 1) ** 2, lambda f: f**2),
    "squares of probabilities": two_means(lambda r: (r.sigmoid() - 1) ** 2, lambda f: f.sigmoid() ** 2),
    "the mean scores": two_means(lambda r: -r, lambda f: f),
    "probabilities": two_means(lambda r: 1 - r.sigmoid(), torch.sigmoid),
    "share of errors": two_means(lambda r: (r < 0).float(), lambda f: (f > 0).float()),
    "a tanh": two_means(lambda r: F.softplus(-r.tanh()), lambda f: F.softplus(f.tanh())),
    "softplus of 2 x": two_means(lambda r: F.softplus(-r, beta=2), lambda f: F.softplus(f, beta=2)),
    "real in place": lambda real, fake: F.softplus(real.neg_()).mean() + F.softplus(fake).mean(),
}

GENERATOR = {
    "as if they were generated": lambda fake: F.softplus(fake).mean(),
    "saturating": lambda fake: -F.softplus(fake).mean(),
    "saturating, by logs": lambda fake: (1 - fake.sigmoid()).log().mean(),
    "log D": lambda fake: F.logsigmoid(fake).mean(),
    "both": lambda fake: (F.softplus(-fake) - F.softplus(fake)).mean(),
    "1 − log D": lambda fake: (1 - F.logsigmoid(fake)).mean(),
    "minus log 2": lambda fake: F.softplus(-fake).mean() - math.log(2),
    "sum": lambda fake: F.softplus(-fake).sum(),
    "no mean": lambda fake: F.softplus(-fake),
    "the largest": lambda fake: F.softplus(-fake).max(),
    "the median": lambda fake: F.softplus(-fake).median(),
    "the first": lambda fake: F.softplus(-fake[0]),
    "over one less": lambda fake: F.softplus(-fake).sum() / max(len(fake) - 1, 1),
    "half": lambda fake: F.softplus(-fake).mean() / 2,
    "of the mean score": lambda fake: F.softplus(-fake.mean()),
    "of the mean probability": lambda fake: naive(fake.sigmoid().mean().logit()),
    "shape (1,)": lambda fake: F.softplus(-fake).mean(0, keepdim=True),
    "log of sigmoid": lambda fake: naive(fake).mean(),
    "log of sigmoid in float64": lambda fake: naive(fake.double()).mean(),
    "a little added": lambda fake: -(fake.sigmoid() + 1e-8).log().mean(),
    "infinity made large": lambda fake: naive(fake).nan_to_num().mean(),
    "infinities left out": lambda fake: naive(fake)[naive(fake).isfinite()].mean(),
    "log of 1 + exp": lambda fake: (1 + (-fake).exp()).log().mean(),
    "log1p of exp in float64": lambda fake: (-fake.double()).exp().log1p().mean(),
    "s + log(1 + exp(s)), turned": lambda fake: (fake.exp().log1p() - fake).mean(),
    "scores within 50": lambda fake: F.softplus(-fake.clamp(-50, 50)).mean(),
    "cross-entropy of probabilities": lambda fake: F.binary_cross_entropy(fake.sigmoid(), torch.ones_like(fake)),
    "cross-entropy of probabilities, float64": lambda fake: F.binary_cross_entropy(
        fake.double().sigmoid(), torch.ones(len(fake)).double()
    ),
    "sigmoid twice": lambda fake: F.binary_cross_entropy_with_logits(fake.sigmoid(), torch.ones_like(fake)),
    "label 0": lambda fake: F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)),
    "label 0.9": lambda fake: F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, 0.9)),
    "softmax": lambda fake: -fake.log_softmax(0).mean(),
    "scores as probabilities": lambda fake: -fake.log().mean(),
    "base 2": lambda fake: F.softplus(-fake).mean() / math.log(2),
    "hinge": lambda fake: (1 - fake).relu().mean(),
    "hinge at 0": lambda fake: (-fake).relu().mean(),
    "the score": lambda fake: -fake.mean(),
    "1 − D": lambda fake: (1 - fake.sigmoid()).mean(),
    "squares": lambda fake: (fake - 1).square().mean(),
    "sizes": lambda fake: F.softplus(-fake.abs()).mean(),
    "in place": lambda fake: F.softplus(fake.neg_()).mean(),
}


def root(C):
    """The symmetric root of a covariance matrix."""
    values, vectors = torch.linalg.eigh(C)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def rooted(C_a, C_b):
    return torch.linalg.eigvals(C_a @ C_b).real.clamp(min=0).sqrt().sum()


def frechet(
    shift=lambda d: d @ d,
    cov=lambda x: x.T.cov(),
    roots=rooted,
    traces=lambda C_a, C_b: C_a.trace() + C_b.trace(),
    dtype=torch.float64,
    mean=lambda x: x.mean(0),
):
    def distance(a, b):
        a, b = a.to(dtype), b.to(dtype)
        C_a, C_b = cov(a), cov(b)
        return shift(mean(a) - mean(b)) + traces(C_a, C_b) - 2 * roots(C_a, C_b)

    return distance


right_frechet = frechet()


def frechet_in_place(a, b):
    result = right_frechet(a, b)
    a -= a.mean(0)
    return result


FRECHET = {
    "the length of the shift": frechet(torch.norm),
    "the mean of the squared shift": frechet(lambda d: d.square().mean()),
    "the sum of the shift": frechet(lambda d: d.sum().square()),
    "the sizes of the shift": frechet(lambda d: d.abs().sum()),
    "no shift": frechet(lambda d: 0),
    "only the shift": lambda a, b: (a.double().mean(0) - b.double().mean(0)).square().sum(),
    "one mean over all features": frechet(mean=lambda x: x.mean()[None]),
    "medians": frechet(mean=lambda x: x.median(0).values),
    "sums instead of means": frechet(mean=lambda x: x.sum(0)),
    "divided by N": frechet(cov=lambda x: x.T.cov(correction=0)),
    "not divided": frechet(cov=lambda x: x.T.cov() * (len(x) - 1)),
    "divided by F − 1": frechet(cov=lambda x: x.T.cov() * (len(x) - 1) / (x.shape[1] - 1)),
    "means left in": frechet(cov=lambda x: x.T @ x / (len(x) - 1)),
    "one mean taken off all": frechet(cov=lambda x: (x - x.mean()).T @ (x - x.mean()) / (len(x) - 1)),
    "variances only": frechet(cov=lambda x: torch.diag(x.var(0))),
    "spreads": frechet(cov=lambda x: torch.diag(x.std(0))),
    "correlations": frechet(cov=lambda x: x.T.corrcoef()),
    "a little on the diagonal": frechet(cov=lambda x: x.T.cov() + 1e-3 * torch.eye(x.shape[1])),
    "of points, not features": frechet(cov=lambda x: x.cov()),
    "both together": lambda a, b: frechet(cov=lambda x: torch.cat([a, b]).double().T.cov())(a, b),
    "the same for both": lambda a, b: frechet(cov=lambda x: a.double().T.cov())(a, b),
    "no 2": lambda a, b: right_frechet(a, b) + rooted(a.double().T.cov(), b.double().T.cov()),
    "4": frechet(roots=lambda C_a, C_b: 2 * rooted(C_a, C_b)),
    "plus": frechet(roots=lambda C_a, C_b: -rooted(C_a, C_b)),
    "no roots at all": frechet(roots=lambda C_a, C_b: 0),
    "the trace of the product": frechet(roots=lambda C_a, C_b: (C_a @ C_b).trace()),
    "the root of the trace": frechet(roots=lambda C_a, C_b: (C_a @ C_b).trace().sqrt()),
    "the root of the sum": frechet(
        roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.clamp(min=0).sum().sqrt()
    ),
    "roots of the entries": frechet(roots=lambda C_a, C_b: (C_a @ C_b).clamp(min=0).sqrt().trace()),
    "roots of all entries": frechet(roots=lambda C_a, C_b: (C_a @ C_b).clamp(min=0).sqrt().sum()),
    "entry by entry": frechet(roots=lambda C_a, C_b: (C_a * C_b).sqrt().trace()),
    "eigenvalues of the entries' product": frechet(
        roots=lambda C_a, C_b: torch.linalg.eigvalsh(C_a * C_b).clamp(min=0).sqrt().sum()
    ),
    "singular values": frechet(roots=lambda C_a, C_b: torch.linalg.svdvals(C_a @ C_b).sqrt().sum()),
    "as if symmetric": frechet(roots=lambda C_a, C_b: torch.linalg.eigvalsh(C_a @ C_b).clamp(min=0).sqrt().sum()),
    "made symmetric": frechet(
        roots=lambda C_a, C_b: torch.linalg.eigvalsh((C_a @ C_b + C_b @ C_a) / 2).clamp(min=0).sqrt().sum()
    ),
    "the product of the roots": frechet(roots=lambda C_a, C_b: (root(C_a) @ root(C_b)).trace()),
    "eigenvalues in order": frechet(
        roots=lambda C_a, C_b: (torch.linalg.eigvalsh(C_a) * torch.linalg.eigvalsh(C_b)).clamp(min=0).sqrt().sum()
    ),
    "Cholesky": frechet(roots=lambda C_a, C_b: torch.linalg.cholesky(C_a @ C_b).trace()),
    "the largest eigenvalue": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.max().sqrt()),
    "sizes of the noise": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).sqrt().real.square().sum()),
    "complex": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).sqrt().sum()),
    "not clamped": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.sqrt().sum()),
    "clamped at 1": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.clamp(min=1).sqrt().sum()),
    "clamped at 0.001": frechet(
        roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.clamp(min=1e-3).sqrt().sum()
    ),
    "largest entries instead of traces": frechet(traces=lambda C_a, C_b: C_a.max() + C_b.max()),
    "one trace": frechet(traces=lambda C_a, C_b: C_a.trace()),
    "one trace twice": frechet(traces=lambda C_a, C_b: 2 * C_a.trace()),
    "sums instead of traces": frechet(traces=lambda C_a, C_b: C_a.sum() + C_b.sum()),
    "norms of the covariances": lambda a, b: (
        (a.double().mean(0) - b.double().mean(0)).square().sum()
        + (a.double().T.cov() - b.double().T.cov()).square().sum()
    ),
    "norms of the roots' difference": lambda a, b: (
        (a.double().mean(0) - b.double().mean(0)).square().sum()
        + (root(a.double().T.cov()) - root(b.double().T.cov())).square().sum()
    ),
    "the root of it all": lambda a, b: right_frechet(a, b).sqrt(),
    "over the number of features": lambda a, b: right_frechet(a, b) / a.shape[1],
    "a whole number": lambda a, b: round(right_frechet(a, b).item()),
    "rounded": lambda a, b: round(right_frechet(a, b).item(), 2),
    "shape (1,)": lambda a, b: right_frechet(a, b)[None],
    "float32": frechet(dtype=torch.float32),
    "means in float32": lambda a, b: (
        (a.mean(0) - b.mean(0)).square().sum()
        + right_frechet(a, b)
        - (a.double().mean(0) - b.double().mean(0)).square().sum()
    ),
    "in place": frechet_in_place,
}


def walk(angle=lambda a, b: angles(a, b), first=lambda t, w: (1 - t) * w, second=lambda t, w: t * w, wave=torch.sin):
    def arc(a, b, t):
        w = angle(a, b)
        return wave(first(t, w)) / wave(w) * a + wave(second(t, w)) / wave(w) * b

    return arc


def angles(a, b):
    return F.cosine_similarity(a, b, dim=1)[:, None].acos()


def weighted(weigh):
    """An arc whose weights are `weigh(t, angle)`."""

    def arc(a, b, t):
        for_a, for_b = weigh(t, angles(a, b))
        return for_a * a + for_b * b

    return arc


right_arc = walk()


def length(x):
    return x.norm(dim=1, keepdim=True)


def arc_in_place(a, b, t):
    w = angles(a, b)
    a *= ((1 - t) * w).sin() / w.sin()
    return a + (t * w).sin() / w.sin() * b


ARC = {
    "a straight line": lambda a, b, t: (1 - t) * a + t * b,
    "torch.lerp": lambda a, b, t: torch.lerp(a, b, t),
    "a straight line brought to the sphere": lambda a, b, t: F.normalize((1 - t) * a + t * b),
    "a straight line with the lengths in between": lambda a, b, t: (
        F.normalize((1 - t) * a + t * b) * ((1 - t) * length(a) + t * length(b))
    ),
    "roots of the shares": lambda a, b, t: math.sqrt(1 - t) * a + math.sqrt(t) * b,
    "a quarter turn always": walk(lambda a, b: torch.tensor(math.pi / 2)),
    "backwards": lambda a, b, t: right_arc(a, b, 1 - t),
    "a and b exchanged": lambda a, b, t: right_arc(b, a, t),
    "t for both": walk(first=lambda t, w: t * w),
    "1 − t for both": walk(second=lambda t, w: (1 - t) * w),
    "1 − t times angle without brackets": walk(first=lambda t, w: 1 - t * w),
    "not divided": weighted(lambda t, w: (((1 - t) * w).sin(), (t * w).sin())),
    "divided once": weighted(lambda t, w: (((1 - t) * w).sin(), (t * w).sin() / w.sin())),
    "divided by the angle": weighted(lambda t, w: (((1 - t) * w).sin() / w, (t * w).sin() / w)),
    "sine of the quotient": weighted(lambda t, w: (((1 - t) * w / w.sin()).sin(), (t * w / w.sin()).sin())),
    "t outside the sine": weighted(lambda t, w: ((1 - t) * w.sin() / w.sin(), t * w.sin() / w.sin())),
    "cosines": walk(wave=torch.cos),
    "cosine and sine": weighted(lambda t, w: ((t * w).cos(), (t * w).sin())),
    "tangents": walk(wave=torch.tan),
    "weights that add up to 1": weighted(
        lambda t, w: (
            ((1 - t) * w).sin() / (((1 - t) * w).sin() + (t * w).sin()),
            (t * w).sin() / (((1 - t) * w).sin() + (t * w).sin()),
        )
    ),
    "lengths not divided": walk(lambda a, b: (a * b).sum(1, keepdim=True).acos()),
    "lengths not divided, clamped": walk(lambda a, b: (a * b).sum(1, keepdim=True).clamp(-1, 1).acos()),
    "divided by a's length": walk(lambda a, b: ((a * b).sum(1, keepdim=True) / length(a)).clamp(-1, 1).acos()),
    "divided by a's length squared": walk(lambda a, b: ((a * b).sum(1, keepdim=True) / length(a) ** 2).acos()),
    "divided by the sum of lengths": walk(lambda a, b: ((a * b).sum(1, keepdim=True) / (length(a) + length(b))).acos()),
    "multiplied and divided in turn": walk(
        lambda a, b: ((a * b).sum(1, keepdim=True) / length(a) * length(b)).clamp(-1, 1).acos()
    ),
    "a mean instead of a sum": walk(lambda a, b: ((a * b).mean(1, keepdim=True) / (length(a) * length(b))).acos()),
    "columns": walk(lambda a, b: F.cosine_similarity(a, b, dim=0).acos()),
    "one angle for all": walk(lambda a, b: ((a * b).sum() / (a.norm() * b.norm())).acos()),
    "one angle for all, of long rows": walk(lambda a, b: F.cosine_similarity(a.flatten(), b.flatten(), dim=0).acos()),
    "the first row's angle": walk(lambda a, b: angles(a, b)[:1]),
    "the mean angle": walk(lambda a, b: angles(a, b).mean()),
    "every row with every row": walk(lambda a, b: (F.normalize(a) @ F.normalize(b).T).acos()),
    "a row of angles": walk(lambda a, b: F.cosine_similarity(a, b).acos()),
    "no acos": walk(lambda a, b: F.cosine_similarity(a, b)[:, None]),
    "asin": walk(lambda a, b: F.cosine_similarity(a, b)[:, None].asin()),
    "the angle within a quarter turn": walk(lambda a, b: F.cosine_similarity(a, b)[:, None].abs().acos()),
    "negative cosines cut off": walk(lambda a, b: F.cosine_similarity(a, b)[:, None].clamp(0, 1).acos()),
    "degrees": walk(lambda a, b: angles(a, b).rad2deg()),
    "the long way round": walk(lambda a, b: 2 * math.pi - angles(a, b)),
    "half the angle": walk(lambda a, b: angles(a, b) / 2),
    "ends made 1 long": lambda a, b, t: right_arc(F.normalize(a), F.normalize(b), t),
    "result made 1 long": lambda a, b, t: F.normalize(right_arc(a, b, t)),
    "result as long as a": lambda a, b, t: F.normalize(right_arc(a, b, t)) * length(a),
    "lengths in between": lambda a, b, t: (
        right_arc(F.normalize(a), F.normalize(b), t) * ((1 - t) * length(a) + t * length(b))
    ),
    "only the part of a": weighted(lambda t, w: (((1 - t) * w).sin() / w.sin(), 0)),
    "minus": weighted(lambda t, w: (((1 - t) * w).sin() / w.sin(), -(t * w).sin() / w.sin())),
    "a curve in t": lambda a, b, t: right_arc(a, b, t * t * (3 - 2 * t)),
    "half way": lambda a, b, t: right_arc(a, b, 0.5),
    "near ends": lambda a, b, t: right_arc(a, b, min(max(t, 0.01), 0.99)),
    "the first of the batch": lambda a, b, t: right_arc(a, b, t)[0],
    "squeezed": lambda a, b, t: right_arc(a, b, t).squeeze(),
    "turned over": lambda a, b, t: right_arc(a, b, t).T,
    "a list": lambda a, b, t: list(right_arc(a, b, t)),
    "a itself at 0": lambda a, b, t: a if t == 0 else right_arc(a, b, t),
    "in place": arc_in_place,
}


def of_rows(product):
    return lambda h: product(h.flatten(1))


def gram_squeezed(h):
    return (h.flatten(1) @ h.flatten(1).T / h[0].numel()).squeeze()


def gram_in_place(h):
    h /= math.sqrt(h[0].numel())
    return h.flatten(1) @ h.flatten(1).T


GRAM = {
    "sums": of_rows(lambda r: r @ r.T),
    "over all numbers": of_rows(lambda r: r @ r.T / r.numel()),
    "over the maps": of_rows(lambda r: r @ r.T / len(r)),
    "over the height": lambda h: h.flatten(1) @ h.flatten(1).T / h.shape[1],
    "over the width": lambda h: h.flatten(1) @ h.flatten(1).T / h.shape[2],
    "over H + W": lambda h: h.flatten(1) @ h.flatten(1).T / (h.shape[1] + h.shape[2]),
    "over H, times W": lambda h: h.flatten(1) @ h.flatten(1).T / h.shape[1] * h.shape[2],
    "over H·W − 1": of_rows(lambda r: r @ r.T / max(r.shape[1] - 1, 1)),
    "over the root of H·W": of_rows(lambda r: r @ r.T / math.sqrt(r.shape[1])),
    "over (H·W)²": of_rows(lambda r: r @ r.T / r.shape[1] ** 2),
    "places by places": of_rows(lambda r: r.T @ r / r.shape[1]),
    "places by places, over the maps": of_rows(lambda r: r.T @ r / len(r)),
    "a mean over maps": of_rows(lambda r: (r[:, :, None] * r[:, None]).mean(0)),
    "covariance": of_rows(lambda r: r.cov(correction=0)),
    "covariance over H·W − 1": of_rows(torch.cov),
    "correlation": of_rows(torch.corrcoef),
    "cosines": of_rows(lambda r: F.normalize(r) @ F.normalize(r).T),
    "the mean of all taken off": of_rows(lambda r: (r - r.mean()) @ (r - r.mean()).T / r.shape[1]),
    "the mean over maps taken off": of_rows(lambda r: (r - r.mean(0)) @ (r - r.mean(0)).T / r.shape[1]),
    "cut in order": lambda h: h.reshape(-1, len(h)).T @ h.reshape(-1, len(h)) / h[0].numel(),
    "rows of pictures": lambda h: h.flatten(0, 1) @ h.flatten(0, 1).T / h.shape[2],
    "a product for each map": lambda h: h @ h.mT / h.shape[2],
    "the mean of the maps' products": lambda h: (h @ h.mT).mean(0),
    "products of the maps' sums": of_rows(lambda r: r.sum(1)[:, None] * r.sum(1) / r.shape[1]),
    "products of the maps' means": of_rows(lambda r: torch.outer(r.mean(1), r.mean(1))),
    "rows' means first": lambda h: h.mean(1) @ h.mean(1).T / h.shape[2],
    "columns' means first": lambda h: h.mean(2) @ h.mean(2).T / h.shape[1],
    "diagonal": of_rows(lambda r: r.square().mean(1)),
    "the diagonal as a matrix": of_rows(lambda r: torch.diag(r.square().mean(1))),
    "no diagonal": of_rows(lambda r: (r @ r.T / r.shape[1]).fill_diagonal_(0)),
    "above the diagonal": of_rows(lambda r: (r @ r.T / r.shape[1]).triu()),
    "neighbours": of_rows(lambda r: r @ r.roll(1, 1).T / r.shape[1]),
    "one map turned": lambda h: h.flatten(1) @ h.flip(2).flatten(1).T / h[0].numel(),
    "H and W exchanged in one": lambda h: h.flatten(1) @ h.mT.flatten(1).T / h[0].numel(),
    "after ReLU": lambda h: h.relu().flatten(1) @ h.relu().flatten(1).T / h[0].numel(),
    "sizes": of_rows(lambda r: (r @ r.T / r.shape[1]).abs()),
    "roots": of_rows(lambda r: (r @ r.T / r.shape[1]).abs().sqrt()),
    "distances": of_rows(lambda r: torch.cdist(r, r).square() / r.shape[1]),
    "one number": of_rows(lambda r: (r @ r.T / r.shape[1]).sum()),
    "with a batch": of_rows(lambda r: (r @ r.T / r.shape[1])[None]),
    "squeezed": gram_squeezed,
    "whole numbers": of_rows(lambda r: (r @ r.T / r.shape[1]).round()),
    "whole quotients": of_rows(lambda r: r @ r.T // r.shape[1]),
    "in place": gram_in_place,
}

WRONG = {
    "best_discriminator": BEST,
    "discriminator_loss": DISCRIMINATOR,
    "generator_loss": GENERATOR,
    "frechet_distance": FRECHET,
    "arc": ARC,
    "gram": GRAM,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


# ---------------------------------------------------------------- right answers in other styles


def best_in_a_loop(p, q):
    shares = []
    for real, generated in zip(p.tolist(), q.tolist(), strict=True):
        shares.append(real / (real + generated) if real + generated else 0.5)
    return torch.tensor(shares)


def best_into_halves(p, q):
    D = torch.full_like(p, 0.5)
    some = (p != 0) | (q != 0)
    D[some] = p[some] / (p[some] + q[some])
    return D


def best_in_own_place(p, q):
    D = p.clone()
    D /= p + q
    D[D.isnan()] = 0.5
    return D


def best_in_numpy(p, q):
    p, q = p.numpy(), q.numpy()
    return torch.from_numpy(np.divide(p, p + q, out=np.full_like(p, 0.5), where=p + q > 0))


def discriminator_in_loops(real, fake):
    def cost(x):  # log(1 + exp(x))
        return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))

    return sum(cost(-s) for s in real.tolist()) / len(real) + sum(cost(s) for s in fake.tolist()) / len(fake)


def discriminator_by_hand(real, fake):
    cost = lambda x: x.clamp(min=0) + (-x.abs()).exp().log1p()
    return cost(-real).mean() + cost(fake).mean()


def discriminator_weighted(real, fake):
    scores = torch.cat([real, fake])
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))])
    weight = torch.cat([torch.full_like(real, 1 / len(real)), torch.full_like(fake, 1 / len(fake))])
    return F.binary_cross_entropy_with_logits(scores, labels, weight=weight, reduction="sum")


def discriminator_in_own_place(real, fake):
    real, fake = real.clone(), fake.clone()
    loss = F.softplus(real.neg_()).mean()
    loss += F.softplus(fake).mean()
    return loss


def generator_in_a_loop(fake):
    total = 0.0
    for s in fake:
        total += F.softplus(-s)
    return total / len(fake)


def generator_in_python(fake):
    return sum(max(-s, 0) + math.log1p(math.exp(-abs(s))) for s in fake.tolist()) / len(fake)


def covariance(x):
    x = x - x.mean(0)
    return x.T @ x / (len(x) - 1)


def covariance_in_loops(x):
    F_, mean = x.shape[1], x.mean(0)
    C = torch.zeros(F_, F_, dtype=torch.float64)
    for row in x:
        C += torch.outer(row - mean, row - mean)
    return C / (len(x) - 1)


def frechet_in_numpy(a, b):
    a, b = a.numpy().astype(np.float64), b.numpy().astype(np.float64)
    C_a, C_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(C_a @ C_b).real.clip(min=0))
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(C_a) + np.trace(C_b) - 2 * roots.sum()


def frechet_of_scores(a, b):
    """Without covariances: singular values of what the points have in common."""
    a, b = a.double(), b.double()
    A, B = a - a.mean(0), b - b.mean(0)
    n, m = len(a) - 1, len(b) - 1
    common = torch.linalg.svdvals(A @ B.T).sum() / math.sqrt(n * m)
    return F.mse_loss(a.mean(0), b.mean(0), reduction="sum") + a.var(0).sum() + b.var(0).sum() - 2 * common


def frechet_in_own_place(a, b):
    a, b = a.to(torch.float64), b.to(torch.float64)
    total = torch.dist(a.mean(0), b.mean(0)) ** 2
    a -= a.mean(0)
    b -= b.mean(0)
    C_a, C_b = a.T @ a / (len(a) - 1), b.T @ b / (len(b) - 1)
    total += torch.trace(C_a + C_b)
    for value in torch.linalg.eigvals(C_a @ C_b).tolist():
        total -= 2 * math.sqrt(max(value.real, 0))
    return total


def arc_in_a_loop(a, b, t):
    rows = []
    for x, y in zip(a, b, strict=True):
        w = torch.acos(x @ y / (x.norm() * y.norm()))
        rows.append(torch.sin((1 - t) * w) / torch.sin(w) * x + torch.sin(t * w) / torch.sin(w) * y)
    return torch.stack(rows)


def arc_in_python(a, b, t):
    result = torch.empty_like(a)
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        w = math.acos(sum(p * q for p, q in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y)))
        for j, (p, q) in enumerate(zip(x, y, strict=True)):
            result[i, j] = (math.sin((1 - t) * w) * p + math.sin(t * w) * q) / math.sin(w)
    return result


def arc_in_own_place(a, b, t):
    w = torch.einsum("bz,bz->b", a, b)
    w /= torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(b, dim=-1)
    w = w.clamp_(-1, 1).acos_().unsqueeze(-1)
    result = a * torch.sin((1 - t) * w)
    result += b * torch.sin(t * w)
    result /= torch.sin(w)
    return result


def arc_in_numpy(a, b, t):
    a, b = a.numpy().astype(float), b.numpy().astype(float)
    w = np.arccos((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))[:, None]
    return torch.from_numpy(np.sin((1 - t) * w) / np.sin(w) * a + np.sin(t * w) / np.sin(w) * b)


def gram_in_loops(h):
    C, H, W = h.shape
    G = torch.zeros(C, C)
    for y in range(H):
        for x in range(W):
            G += torch.outer(h[:, y, x], h[:, y, x])
    return G / (H * W)


def gram_map_by_map(h):
    return torch.stack([torch.stack([(one * other).mean() for other in h]) for one in h])


def gram_in_own_place(h):
    G = torch.tensordot(h, h, dims=([1, 2], [1, 2]))
    G /= h.shape[1] * h.shape[2]
    return G


def gram_of_places(h):
    rows = h.permute(1, 2, 0).reshape(-1, len(h))
    return rows.T @ rows / len(rows)


RIGHT = {
    "best_discriminator": {
        "a loop": best_in_a_loop,
        "into halves": best_into_halves,
        "in place, on its own": best_in_own_place,
        "NumPy": best_in_numpy,
        "NaN replaced": lambda p, q: (p / (p + q)).nan_to_num(0.5),
        "one minus": lambda p, q: (1 - q / (p + q)).nan_to_num(nan=0.5),
        "masked_fill": lambda p, q: (p / (p + q)).masked_fill((p == 0) & (q == 0), 0.5),
        "equal densities put in": lambda p, q: torch.where(p == q, torch.tensor(0.5), p / (p + q)),
        "sigmoid of logs": lambda p, q: torch.sigmoid(p.log() - q.log()).nan_to_num(0.5),
        "softmax of logs": lambda p, q: torch.stack([p, q]).double().log().softmax(0)[0].nan_to_num(0.5),
        "float64": lambda p, q: share_of(p.double(), q.double()),
        "the sum replaced": lambda p, q: (p + 0.5 * (p + q == 0)) / torch.where(p + q == 0, 1, p + q),
    },
    "discriminator_loss": {
        "by hand": discriminator_by_hand,
        "weighted": discriminator_weighted,
        "in place, on its own": discriminator_in_own_place,
        "cross-entropy with logits": lambda real, fake: (
            F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        ),
        "a module": lambda real, fake: (
            nn.BCEWithLogitsLoss()(real, torch.ones(len(real))) + nn.BCEWithLogitsLoss()(fake, 0 * fake)
        ),
        "logsigmoid": lambda real, fake: -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean(),
        "logaddexp": lambda real, fake: (
            torch.logaddexp(-real, torch.zeros(())).mean() + torch.logaddexp(torch.zeros(()), fake).mean()
        ),
        "logsumexp": lambda real, fake: sum(
            F.pad(s[:, None], (1, 0)).logsumexp(1).sum() / len(s) for s in (-real, fake)
        ),
        "every pair": lambda real, fake: (F.softplus(-real[:, None]) + F.softplus(fake)).mean(),
        "two classes": lambda real, fake: (
            F.cross_entropy(F.pad(real[:, None], (1, 0)), torch.ones(len(real), dtype=torch.long))
            + F.cross_entropy(F.pad(fake[:, None], (1, 0)), torch.zeros(len(fake), dtype=torch.long))
        ),
        "float64": lambda real, fake: two_means()(real.double(), fake.double()),
    },
    "generator_loss": {
        "a loop": generator_in_a_loop,
        "cross-entropy with logits": lambda fake: F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake)),
        "a module": lambda fake: nn.BCEWithLogitsLoss()(fake, torch.ones(len(fake))),
        "logsigmoid": lambda fake: -F.logsigmoid(fake).mean(),
        "logaddexp": lambda fake: torch.logaddexp(-fake, torch.zeros_like(fake)).mean(),
        "softplus minus s": lambda fake: (F.softplus(fake) - fake).sum() / fake.numel(),
        "two classes": lambda fake: F.cross_entropy(torch.stack([0 * fake, fake], 1), torch.ones(len(fake)).long()),
        "by hand": lambda fake: (torch.relu(-fake) + torch.log1p(torch.exp(-fake.abs()))).mean(),
        "in place, on its own": lambda fake: F.softplus(fake.clone().neg_()).mean(),
        "the discriminator's, of real points": lambda fake: (
            ex.discriminator_loss.reference(fake, torch.zeros(1)) - math.log(2)
        ),
        "float64": lambda fake: F.softplus(-fake.double()).mean(),
    },
    "frechet_distance": {
        "tensor": right_frechet,
        "NumPy": frechet_in_numpy,
        "singular values of the points": frechet_of_scores,
        "in place, on its own": frechet_in_own_place,
        "own covariance": frechet(cov=covariance),
        "covariance in loops": frechet(cov=covariance_in_loops),
        "item": lambda a, b: right_frechet(a, b).item(),
        "b a": frechet(roots=lambda C_a, C_b: rooted(C_b, C_a)),
        "complex roots": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).sqrt().real.sum()),
        "eigenvectors too": frechet(
            roots=lambda C_a, C_b: torch.linalg.eig(C_a @ C_b).eigenvalues.real.relu().pow(0.5).sum()
        ),
        "sizes of the eigenvalues": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).abs().sqrt().sum()),
        "NaN left out": frechet(roots=lambda C_a, C_b: torch.linalg.eigvals(C_a @ C_b).real.sqrt().nansum()),
        "a symmetric product": frechet(
            roots=lambda C_a, C_b: torch.linalg.eigvalsh(root(C_a) @ C_b @ root(C_a)).clamp(min=0).sqrt().sum()
        ),
        "the nuclear norm": frechet(roots=lambda C_a, C_b: torch.linalg.matrix_norm(root(C_a) @ root(C_b), "nuc")),
    },
    "arc": {
        "a loop": arc_in_a_loop,
        "Python": arc_in_python,
        "in place, on its own": arc_in_own_place,
        "NumPy in float64": arc_in_numpy,
        "cosine_similarity": right_arc,
        "float64": lambda a, b, t: right_arc(a.double(), b.double(), t),
        "normalised for the angle only": walk(
            lambda a, b: (F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1, keepdim=True).clamp(-1, 1).acos()
        ),
        "atan2": walk(
            lambda a, b: torch.atan2(
                (length(a) ** 2 * length(b) ** 2 - (a * b).sum(1, keepdim=True) ** 2).clamp(min=0).sqrt(),
                (a * b).sum(1, keepdim=True),
            )
        ),
        "the diagonal of all products": walk(
            lambda a, b: ((a @ b.T).diagonal()[:, None] / length(a) / length(b)).acos()
        ),
        "from the distance": walk(
            lambda a, b: 2 * ((F.normalize(a) - F.normalize(b)).norm(dim=1, keepdim=True) / 2).asin()
        ),
        "by rows and columns": lambda a, b, t: walk(lambda x, y: angles(x.T, y.T).T)(a.T, b.T, t).T,
        "cosine and sine": weighted(lambda t, w: ((t * w).cos() - (t * w).sin() / w.tan(), (t * w).sin() / w.sin())),
    },
    "gram": {
        "loops": gram_in_loops,
        "map by map": gram_map_by_map,
        "in place, on its own": gram_in_own_place,
        "of places": gram_of_places,
        "einsum": lambda h: torch.einsum("chw,dhw->cd", h, h) / h[0].numel(),
        "products": lambda h: (h[:, None] * h[None]).mean((2, 3)),
        "view": lambda h: h.view(len(h), -1) @ h.view(len(h), -1).t() / (h.size(1) * h.size(2)),
        "mm": lambda h: torch.mm(h.flatten(1), h.flatten(1).T).div(h.shape[1] * h.shape[2]),
        "bmm": lambda h: torch.bmm(h.flatten(1)[None], h.flatten(1).T[None])[0] / h[0].numel(),
        "F.linear": lambda h: F.linear(h.flatten(1), h.flatten(1)) / h[0].numel(),
        "a sum over rows of the picture": lambda h: sum(h[:, y] @ h[:, y].T for y in range(h.shape[1])) / h[0].numel(),
        "each by the root": lambda h: (r := h.flatten(1) / math.sqrt(h[0].numel())) @ r.T,
        "turned over first": lambda h: h.mT.flatten(1) @ h.mT.flatten(1).T / h[0].numel(),
        "float64": lambda h: h.double().flatten(1) @ h.double().flatten(1).T / h[0].numel(),
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")

CUT_OFF = {
    "discriminator_loss": {
        "loops in Python": discriminator_in_loops,
        "a number": lambda real, fake: discriminator_by_hand(real, fake).item(),
        "the made ones detached": lambda real, fake: discriminator_by_hand(real, fake.detach()),
    },
    "generator_loss": {"Python": generator_in_python, "a number": lambda fake: generator_in_a_loop(fake).item()},
    "gram": {
        "NumPy": lambda h: (
            torch.from_numpy(np.tensordot(h.detach().numpy(), h.detach().numpy(), ((1, 2), (1, 2)))) / h[0].numel()
        ),
        "detached": lambda h: gram_map_by_map(h.detach()),
    },
}
test_a_right_answer_without_a_gradient_is_refused = judged(ex, CUT_OFF, "wrong")
