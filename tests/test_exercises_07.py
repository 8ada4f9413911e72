"""The exercises of notebook 07: references against PyTorch and closed forms, wrong answers, other right ones."""

import math

import pytest
import torch
import torch.nn.functional as F
from declared import judged
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_utils.exercises import variational_autoencoders as ex
from course_utils.trial import Trial


def cases(exercise):
    """The cases of an exercise, a list of tuples."""
    return Trial(exercise.reference, exercise.cases).cases


def doubles(*shape, gradient=False):
    """Standard normal float64 numbers, which may ask for a gradient."""
    return torch.randn(*shape, dtype=torch.float64, requires_grad=gradient)


# ---------------------------------------------------------------- references


@pytest.mark.parametrize("B, Z", [(1, 3), (4, 1), (6, 5)])
def test_a_draw_is_pytorchs_with_the_same_noise(B, Z):
    torch.manual_seed(0)
    mean, log_s = doubles(B, Z), doubles(B, Z)
    torch.manual_seed(7)
    expected = Normal(mean, log_s.exp()).rsample()
    torch.manual_seed(7)
    torch.testing.assert_close(ex.reparametrise.reference(mean, log_s, doubles(B, Z)), expected)


def test_many_draws_have_the_mean_and_the_deviation_and_a_gradient_like_finite_differences():
    torch.manual_seed(0)
    mean, log_s = torch.tensor([[0.5, -2.0]]).expand(200_000, 2), torch.tensor([[-1.0, 0.75]]).expand(200_000, 2)
    draws = ex.reparametrise.reference(mean, log_s, torch.randn(200_000, 2))
    torch.testing.assert_close(draws.mean(0), mean[0], rtol=0, atol=0.02)
    torch.testing.assert_close(draws.std(0).log(), log_s[0], rtol=0, atol=0.01)
    arguments = doubles(3, 2, gradient=True), doubles(3, 2, gradient=True), doubles(3, 2)
    assert torch.autograd.gradcheck(ex.reparametrise.reference, arguments)


def test_in_the_cases_there_are_deviations_above_and_below_1_and_the_noise_is_no_generators_first():
    for mean, _, noise in cases(ex.reparametrise):
        torch.manual_seed(0)
        assert (torch.randn_like(mean) - noise).abs().max() > 0.1
    every_log = torch.cat([log_s.flatten() for _, log_s, _ in cases(ex.reparametrise)])
    assert every_log.min() < -20 and every_log.max() > 4 and (every_log == 0).any()


@pytest.mark.parametrize("B, Z", [(1, 3), (4, 1), (6, 5)])
def test_the_kl_is_pytorchs_and_never_below_0(B, Z):
    torch.manual_seed(0)
    mean, log_s = 3 * doubles(B, Z), 2 * doubles(B, Z)
    got = ex.gaussian_kl.reference(mean, log_s)
    torch.testing.assert_close(got, kl_divergence(Normal(mean, log_s.exp()), Normal(0.0, 1.0)))
    assert got.shape == (B, Z) and (got >= 0).all()


def test_the_kl_is_exactly_0_for_the_standard_gaussian_and_the_mean_of_a_difference_of_logs():
    assert torch.equal(ex.gaussian_kl.reference(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2, 3))
    torch.manual_seed(0)
    gaussian = Normal(torch.tensor([0.75, -1.5]), torch.tensor([-0.5, 0.25]).exp())
    draws = gaussian.sample((400_000,))
    many = (gaussian.log_prob(draws) - Normal(0.0, 1.0).log_prob(draws)).mean(0)
    got = ex.gaussian_kl.reference(torch.tensor([0.75, -1.5]), torch.tensor([-0.5, 0.25]))
    torch.testing.assert_close(got, many, rtol=0, atol=0.01)


def test_the_kls_gradient_is_that_of_finite_differences_and_finite_far_out():
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(
        ex.gaussian_kl.reference, (doubles(3, 2, gradient=True), doubles(3, 2, gradient=True))
    )
    mean, log_s = torch.tensor([[1000.0, -50.0]]).requires_grad_(), torch.tensor([[-80.0, 20.0]]).requires_grad_()
    ex.gaussian_kl.reference(mean, log_s).sum().backward()
    assert mean.grad.isfinite().all() and log_s.grad.isfinite().all()


def test_the_cases_have_the_standard_gaussian_sharp_ones_wide_ones_and_far_ones():
    mean, log_s = (torch.cat([case[i].flatten() for case in cases(ex.gaussian_kl)]) for i in (0, 1))
    assert ((mean == 0) & (log_s == 0)).any() and ((mean == 0) & (log_s != 0)).any() and (mean.abs() >= 20).any()
    assert log_s.min() < -20 and log_s.max() > 5


@pytest.mark.parametrize("B, P, Z", [(1, 4, 2), (5, 3, 1), (3, 20, 6)])
def test_the_bound_is_pytorchs_log_probability_minus_its_kl(B, P, Z):
    torch.manual_seed(0)
    logits, x, mean, log_s = 4 * doubles(B, P), (torch.rand(B, P) < 0.5).double(), doubles(B, Z), doubles(B, Z)
    rate = kl_divergence(Normal(mean, log_s.exp()), Normal(0.0, 1.0)).sum(1)
    got = ex.elbo.reference(logits, x, mean, log_s)
    torch.testing.assert_close(got, Bernoulli(logits=logits).log_prob(x).sum(1) - rate)
    assert got.shape == (B,) and (got < 0).all()


def test_the_bound_is_below_the_log_probability_and_equal_to_it_where_the_code_says_nothing():
    """With one Gaussian code and one pixel, the integral is a sum over a fine grid."""
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    spacing, prior = grid[1] - grid[0], Normal(0.0, 1.0).log_prob(grid).exp()
    true = ((1.5 * grid + 0.5).sigmoid() * prior).sum().mul(spacing).log()
    for mean, log_s in ((0.0, 0.0), (0.6, -0.2), (-1.0, 0.3), (2.0, -2.0)):
        code = Normal(mean, math.exp(log_s)).log_prob(grid).exp() * spacing
        bounds = ex.elbo.reference(
            (1.5 * grid + 0.5)[:, None], torch.ones(20_001, 1).double(), *torch.tensor([[[mean]], [[log_s]]]).double()
        )
        assert (bounds * code).sum() < true
    nothing = ex.elbo.reference(torch.tensor([[0.5]]), torch.ones(1, 1), torch.zeros(1, 2), torch.zeros(1, 2))
    assert nothing.item() == pytest.approx(math.log(1 / (1 + math.exp(-0.5))))


def test_the_bounds_gradient_is_that_of_finite_differences_and_all_is_finite_at_large_logits():
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]).double()
    bound = lambda logits, mean, log_s: ex.elbo.reference(logits, x, mean, log_s)
    arguments = doubles(2, 3, gradient=True), doubles(2, 4, gradient=True), doubles(2, 4, gradient=True)
    assert torch.autograd.gradcheck(bound, arguments)
    logits = torch.tensor([[1000.0, -1000.0], [1000.0, -1000.0]], requires_grad=True)
    got = ex.elbo.reference(logits, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 1), torch.zeros(2, 1))
    got.sum().backward()
    assert got.tolist() == [0, -2000] and logits.grad.tolist() == [[0, 0], [-1, 1]]


def test_the_pixels_are_from_0_to_1_some_grey_some_sure_and_right_or_sure_and_wrong():
    found = set()
    for logits, x, _, _ in cases(ex.elbo):
        assert (logits != 0).all()  # some right formulas have a corner there
        assert x.min() >= 0 and x.max() <= 1
        found |= {(big, pixel) for big, pixel in zip(logits.flatten().tolist(), x.flatten().tolist(), strict=True)}
    assert {(big, pixel) for big in (1000.0, -1000.0) for pixel in (0.0, 1.0)} <= found
    assert any(0 < pixel < 1 for _, pixel in found)
    shapes = [(*logits.shape, mean.shape[1]) for logits, _, mean, _ in cases(ex.elbo)]
    assert any(B != P != Z != B for B, P, Z in shapes) and any(B == P == Z for B, P, Z in shapes)


@pytest.mark.parametrize("shift", [-2000, -100, 0, 500])
@pytest.mark.parametrize("k, B", [(1, 3), (4, 1), (7, 5)])
def test_the_log_of_the_mean_weight_is_that_of_the_written_formula_at_any_height(k, B, shift):
    torch.manual_seed(0)
    log_joint, log_q = 3 * doubles(k, B), doubles(k, B)
    expected = (log_joint - log_q).exp().mean(0).log() + shift
    got = ex.importance_bound.reference(log_joint + shift, log_q)
    torch.testing.assert_close(got, expected)
    assert got.shape == (B,) and (got >= (log_joint + shift - log_q).mean(0) - 1e-9).all()


def test_more_draws_come_closer_to_the_log_of_the_integral_and_one_draw_is_the_plain_bound():
    """p(z) standard, p(x | z) normal around z: then p(x) is normal with variance 2."""
    torch.manual_seed(0)
    true = Normal(0.0, math.sqrt(2)).log_prob(torch.tensor(1.3))
    q = Normal(0.2, 1.2)
    found = []
    for k in (1, 10, 1000):
        z = q.sample((k, 2000))
        log_joint = Normal(0.0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(torch.tensor(1.3))
        found.append(ex.importance_bound.reference(log_joint, q.log_prob(z)).mean())
        if k == 1:
            assert torch.equal(ex.importance_bound.reference(log_joint, q.log_prob(z)), (log_joint - q.log_prob(z))[0])
    assert found[0] < found[1] < found[2] + 1e-3 and abs(found[2] - true) < 5e-3


def test_the_cases_have_one_draw_as_many_draws_as_pictures_and_weights_beyond_float64_on_both_sides():
    some = cases(ex.importance_bound)
    shapes = {tuple(log_q.shape) for _, log_q in some}
    assert any(k == 1 for k, _ in shapes) and any(k == B > 1 for k, B in shapes) and any(k > B for k, B in shapes)
    weights = [(log_joint - log_q).double() for log_joint, log_q in some]
    assert any((w < -1000).all() for w in weights) and any((w > 720).all() for w in weights)
    assert any((w[:, 0] < -1000).all() and (w[:, 1] > 90).all() for w in weights)


@pytest.mark.parametrize("free", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("B, Z", [(1, 4), (5, 3), (8, 10)])
def test_the_loss_is_the_written_one_number_by_number(B, Z, free):
    torch.manual_seed(0)
    distortion, kl = 10 * doubles(B).abs(), doubles(B, Z).square()
    rate = sum(max(free, sum(column) / B) for column in kl.T.tolist())
    got = ex.beta_loss.reference(distortion, kl, 1.7, free)
    assert got.shape == () and got.item() == pytest.approx(sum(distortion.tolist()) / B + 1.7 * rate)


def test_with_beta_1_and_nothing_free_the_loss_is_minus_the_mean_bound():
    torch.manual_seed(0)
    logits, x, mean, log_s = doubles(4, 6), torch.randint(0, 2, (4, 6)).double(), doubles(4, 3), doubles(4, 3)
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    loss = ex.beta_loss.reference(distortion, ex.gaussian_kl.reference(mean, log_s), 1.0, 0.0)
    torch.testing.assert_close(loss, -ex.elbo.reference(logits, x, mean, log_s).mean())


def test_the_losss_gradient_is_that_of_finite_differences_and_0_below_what_is_free():
    distortion = torch.tensor([3.0, 1.0], dtype=torch.float64, requires_grad=True)
    kl = torch.tensor([[0.1, 2.0, 0.9], [0.3, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d, kl: ex.beta_loss.reference(d, kl, 0.6, 0.75), (distortion, kl))
    ex.beta_loss.reference(distortion, kl, 0.6, 0.75).backward()
    torch.testing.assert_close(kl.grad, torch.tensor([[0.0, 0.3, 0.0], [0.0, 0.3, 0.0]]).double())
    assert distortion.grad.tolist() == [0.5, 0.5]


def test_in_the_cases_some_means_are_below_what_is_free_some_above_and_none_at_it():
    some, below, both = cases(ex.beta_loss), [], []
    for distortion, kl, _, free in some:
        mean = kl.mean(0)
        assert (kl >= 0).all() and (distortion >= 0).all()
        assert free == 0 or ((mean - free).abs() > 1e-2).all()
        assert (mean > free).any()  # else a right answer may have no gradient at all
        below.append((mean < free).float().mean().item())
        both.append(bool(((kl < free).any(0) & (kl > free).any(0) & (mean > free)).any()))
    assert min(below) == 0 and max(below) > 0.6 and any(both)
    assert {free == 0 for *_, free in some} == {len(d) == 1 for d, *_ in some} == {True, False}
    assert {beta > 1 for _, _, beta, _ in some} == {True, False}


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("B, Z", [(1, 2), (5, 3), (4, 20)])
def test_on_the_sphere_slerp_turns_a_by_a_share_of_the_angle(B, Z, share):
    torch.manual_seed(0)
    a, b = F.normalize(doubles(B, Z)), F.normalize(doubles(B, Z))
    angle = 2 * torch.atan2((a - b).norm(dim=1, keepdim=True), (a + b).norm(dim=1, keepdim=True))
    aside = F.normalize(b - (a * b).sum(1, keepdim=True) * a)
    got = ex.slerp.reference(a, b, share)
    torch.testing.assert_close(got, (share * angle).cos() * a + (share * angle).sin() * aside)
    torch.testing.assert_close(got.norm(dim=1), torch.ones(B).double())


def test_slerp_keeps_both_ends_whatever_their_lengths_and_scales_with_each_of_them():
    torch.manual_seed(0)
    a, b = doubles(6, 4), 5 * doubles(6, 4)
    torch.testing.assert_close(ex.slerp.reference(a, b, 0.0), a)
    torch.testing.assert_close(ex.slerp.reference(a, b, 1.0), b)
    torch.testing.assert_close(ex.slerp.reference(a, b, 0.3), ex.slerp.reference(b, a, 0.7))
    torch.testing.assert_close(ex.slerp.reference(3 * a, 3 * b, 0.3), 3 * ex.slerp.reference(a, b, 0.3))


def test_slerp_is_the_straight_line_where_both_point_the_same_way_and_close_to_it_nearby():
    torch.manual_seed(0)
    a = torch.randn(5000, 3)
    for share in (0.1, 0.5):
        torch.testing.assert_close(ex.slerp.reference(a, 2.5 * a, share), (1 + 1.5 * share) * a, rtol=1e-4, atol=1e-5)
        for size in (1e-6, 1e-4, 1e-3):
            b = a + size * torch.randn(5000, 3)
            expected = (1 - share) * a + share * b
            torch.testing.assert_close(ex.slerp.reference(a, b, share), expected, rtol=1e-3, atol=1e-3)


def test_between_standard_normal_codes_slerp_keeps_the_length_and_the_straight_line_does_not():
    torch.manual_seed(0)
    a, b = torch.randn(2000, 64), torch.randn(2000, 64)
    assert ex.slerp.reference(a, b, 0.5).norm(dim=1).mean().item() == pytest.approx(8, abs=0.1)
    assert ((a + b) / 2).norm(dim=1).mean().item() == pytest.approx(8 / math.sqrt(2), abs=0.1)


def test_in_the_cases_rows_differ_in_length_point_the_same_way_apart_or_almost_and_never_opposite():
    some = cases(ex.slerp)
    rows = [(x, y) for a, b, _ in some for x, y in zip(a.double(), b.double(), strict=True)]
    cosines = torch.tensor([F.cosine_similarity(x, y, dim=0) for x, y in rows])
    assert cosines.min() > -0.98 and (cosines < -0.5).any() and ((cosines - 0.995).abs() < 0.004).any()
    assert (cosines > 1 - 1e-6).sum() >= 4 and not ((cosines < 1 - 1e-6) & (cosines > 0.999)).any()
    assert max(y.norm() / x.norm() for x, y in rows) > 1.5 and min(y.norm() / x.norm() for x, y in rows) < 0.7
    assert {share for *_, share in some} >= {0.0, 0.25, 0.5, 1.0} and {a.shape[1] for a, *_ in some} == {2, 3, 5}
    a, b, _ = some[-1]
    over = F.normalize(a) * F.normalize(b)
    assert over.sum(1).max() > 1 and (F.cosine_similarity(a, b) == 1).any()


# ---------------------------------------------------------------- wrong answers


def drawing(scale=torch.exp, add=lambda mean: mean, noise=lambda noise: noise):
    """A draw with other parts."""
    return lambda mean, log_s, n: add(mean) + scale(log_s) * noise(n)


right_drawing = drawing()


def noise_in_place(mean, log_s, noise):
    return noise.mul_(log_s.exp()).add_(mean)


def mean_in_place(mean, log_s, noise):
    mean.data.add_(log_s.exp() * noise)
    return mean + 0 * log_s


def draw_of_one_picture(mean, log_s, noise):
    return torch.stack([mean[i] + log_s[0].exp() * noise[i] for i in range(len(mean))])


REPARAMETRISE = {
    "one draw of each only": lambda mean, log_s, noise: mean + torch.einsum("bz,bz->bz", log_s.exp(), noise),
    "the log for the deviation": drawing(lambda log: log),
    "its size": drawing(torch.abs),
    "softplus": drawing(F.softplus),
    "softplus and exp": drawing(lambda log: F.softplus(log).exp()),
    "sigmoid": drawing(torch.sigmoid),
    "power of 2": drawing(torch.exp2),
    "power of 10": drawing(lambda log: 10**log),
    "half": drawing(lambda log: (log / 2).exp()),
    "root": drawing(lambda log: log.exp().sqrt()),
    "variance": drawing(lambda log: log.exp() ** 2),
    "precision": drawing(lambda log: (-log).exp()),
    "expm1": drawing(torch.expm1),
    "exp of exp": drawing(lambda log: log.exp().exp()),
    "log": drawing(lambda log: log.abs().log()),
    "one added": drawing(lambda log: log.exp() + 1),
    "a little added": drawing(lambda log: log.exp() + 1e-4),
    "held between −10 and 2": drawing(lambda log: log.clamp(-10, 2).exp()),
    "held above −4": drawing(lambda log: log.clamp(min=-4).exp()),
    "held below 4": drawing(lambda log: log.clamp(max=4).exp()),
    "one deviation": drawing(lambda log: log.mean().exp()),
    "one deviation a picture": drawing(lambda log: log.mean(1, keepdim=True).exp()),
    "one deviation a number": drawing(lambda log: log.mean(0).exp()),
    "the first picture's deviations": draw_of_one_picture,
    "no noise": drawing(noise=lambda n: 1),
    "nothing drawn": drawing(noise=lambda n: 0 * n),
    "the noise only": lambda mean, log_s, noise: noise,
    "mean and noise": drawing(lambda log: 1 + 0 * log),
    "deviation and noise": drawing(add=lambda mean: 0 * mean),
    "the mean twice": drawing(add=lambda mean: 2 * mean),
    "the mean taken off": drawing(add=lambda mean: -mean),
    "the noise taken off": drawing(noise=lambda n: -n),
    "the noise's size": drawing(noise=torch.abs),
    "the noise squared": drawing(noise=torch.square),
    "one picture's noise": drawing(noise=lambda n: n[:1]),
    "one noise for a picture": drawing(noise=lambda n: n[:, :1]),
    "noise brought to mean 0": drawing(noise=lambda n: n - n.mean()),
    "noise brought to deviation 1": drawing(noise=lambda n: (n - n.mean(0)) / (n.std(0, correction=0) + 1e-8)),
    "all multiplied": lambda mean, log_s, noise: (mean + noise) * log_s.exp(),
    "all added": lambda mean, log_s, noise: mean + log_s.exp() + noise,
    "the mean multiplied": lambda mean, log_s, noise: mean * noise + log_s.exp(),
    "exchanged": lambda mean, log_s, noise: log_s + mean.exp() * noise,
    "standardised": lambda mean, log_s, noise: (noise - mean) / log_s.exp(),
    "own noise": lambda mean, log_s, noise: mean + log_s.exp() * torch.randn_like(mean),
    "own noise, even": lambda mean, log_s, noise: mean + log_s.exp() * torch.rand_like(mean),
    "normal": lambda mean, log_s, noise: torch.normal(mean, log_s.exp()),
    "rsample": lambda mean, log_s, noise: Normal(mean, log_s.exp()).rsample(),
    "sample": lambda mean, log_s, noise: Normal(mean, log_s.exp()).sample(),
    "the mean detached": drawing(add=torch.Tensor.detach),
    "the deviation detached": drawing(lambda log: log.detach().exp()),
    "the log of the deviation as numbers": drawing(lambda log: torch.tensor(log.tolist()).exp()),
    "all detached": lambda *args: right_drawing(*args).detach(),
    "no gradient": torch.no_grad()(right_drawing),
    "half the deviation detached": drawing(lambda log: (log.exp() + log.exp().detach()) / 2),
    "the sum": lambda *args: right_drawing(*args).sum(1),
    "turned over": lambda *args: right_drawing(*args).T,
    "a list": lambda *args: right_drawing(*args).tolist(),
    "rounded": lambda *args: right_drawing(*args).round(decimals=1),
    "two results": lambda mean, log_s, noise: (right_drawing(mean, log_s, noise), log_s.exp()),
    "the noise in place": noise_in_place,
    "the mean in place": mean_in_place,
}


def divergence(
    variance=lambda log: (2 * log).exp(),
    square=torch.square,
    log=lambda log: log,
    one=1.0,
    factor=0.5,
):
    """A KL with other parts."""
    return lambda mean, log_s: factor * (square(mean) + variance(log_s) - one) - log(log_s)


right_divergence = divergence()
STANDARD = Normal(0.0, 1.0)


def kl_by_draws(mean, log_s):
    torch.manual_seed(0)
    gaussian = Normal(mean, log_s.exp())
    z = gaussian.rsample((20_000,))
    return (gaussian.log_prob(z) - STANDARD.log_prob(z)).mean(0)


def kl_by_one_draw(mean, log_s):
    gaussian = Normal(mean, log_s.exp())
    z = gaussian.rsample()
    return gaussian.log_prob(z) - STANDARD.log_prob(z)


GAUSSIAN_KL = {
    "a log variance": divergence(torch.exp, log=lambda log: log / 2),
    "the deviation for the variance": divergence(torch.exp),
    "the log for the variance": divergence(lambda log: log),
    "the log squared for the variance": divergence(torch.square),
    "the fourth power": divergence(lambda log: (4 * log).exp()),
    "the square inside": divergence(lambda log: (log**2).exp()),
    "powers of 2": divergence(lambda log: torch.exp2(2 * log)),
    "the precision": divergence(lambda log: (-2 * log).exp()),
    "the variance held": divergence(lambda log: (2 * log).clamp(-10, 5).exp()),
    "the log held": lambda mean, log_s: right_divergence(mean, log_s.clamp(min=-5)),
    "the log held within 10": lambda mean, log_s: right_divergence(mean, log_s.clamp(-10, 10)),
    "the log held below 4": lambda mean, log_s: right_divergence(mean, log_s.clamp(max=4)),
    "a half log": divergence(log=lambda log: log / 2),
    "two logs": divergence(log=lambda log: 2 * log),
    "a log added": divergence(log=lambda log: -log),
    "the log's size": divergence(log=torch.abs),
    "the deviation for its log": divergence(log=torch.exp),
    "the log of the log": divergence(log=lambda log: log.abs().log()),
    "no log": divergence(log=lambda log: 0 * log),
    "the log in base 2": divergence(log=lambda log: log / math.log(2)),
    "no variance": divergence(lambda log: 0 * log),
    "no mean": divergence(square=lambda mean: 0 * mean),
    "the mean not squared": divergence(square=lambda mean: mean),
    "the mean's size": divergence(square=torch.abs),
    "the mean taken off": divergence(square=lambda mean: -(mean**2)),
    "the mean doubled": divergence(square=lambda mean: 2 * mean**2),
    "the mean squared outside": lambda mean, log_s: 0.5 * ((2 * log_s).exp() - 1) - log_s + mean**2,
    "no 1": divergence(one=0.0),
    "1 added": divergence(one=-1.0),
    "1 outside": lambda mean, log_s: 0.5 * (mean**2 + (2 * log_s).exp()) - 1 - log_s,
    "no half": divergence(factor=1.0),
    "all doubled": lambda *args: 2 * right_divergence(*args),
    "all halved": lambda *args: right_divergence(*args) / 2,
    "minus": lambda *args: -right_divergence(*args),
    "bits": lambda *args: right_divergence(*args) / math.log(2),
    "the half of all": lambda mean, log_s: 0.5 * (mean**2 + (2 * log_s).exp() - 1 - log_s),
    "the paper's formula with its sign": lambda mean, log_s: 0.5 * (1 + 2 * log_s - mean**2 - (2 * log_s).exp()),
    "the other way round": lambda mean, log_s: kl_divergence(STANDARD, Normal(mean, log_s.exp())),
    "both ways": lambda mean, log_s: (
        (kl_divergence(STANDARD, Normal(mean, log_s.exp())) + right_divergence(mean, log_s)) / 2
    ),
    "the other way round, by hand": lambda mean, log_s: log_s + 0.5 * ((1 + mean**2) * (-2 * log_s).exp() - 1),
    "PyTorch with a variance": lambda mean, log_s: kl_divergence(Normal(mean, (2 * log_s).exp()), STANDARD),
    "PyTorch with a root": lambda mean, log_s: kl_divergence(Normal(mean, (log_s / 2).exp()), STANDARD),
    "PyTorch with the log": lambda mean, log_s: kl_divergence(Normal(mean, log_s), STANDARD),
    "one draw": kl_by_one_draw,
    "many draws": kl_by_draws,
    "the entropy only": lambda mean, log_s: -Normal(mean, log_s.exp()).entropy(),
    "the cross-entropy": lambda mean, log_s: 0.5 * (mean**2 + (2 * log_s).exp() + math.log(2 * math.pi)),
    "a sum over the numbers": lambda *args: right_divergence(*args).sum(1),
    "a sum over all": lambda *args: right_divergence(*args).sum(),
    "a mean over the numbers": lambda *args: right_divergence(*args).mean(1),
    "a mean over the batch": lambda *args: right_divergence(*args).mean(0),
    "a sum, kept": lambda *args: right_divergence(*args).sum(1, keepdim=True).expand_as(args[0]).clone(),
    "exchanged": lambda mean, log_s: right_divergence(log_s, mean),
    "the mean detached": lambda mean, log_s: right_divergence(mean.detach(), log_s),
    "the log detached": lambda mean, log_s: right_divergence(mean, log_s.detach()),
    "the variance detached": divergence(lambda log: (2 * log).exp().detach()),
    "one log detached": divergence(log=torch.Tensor.detach),
    "no gradient": torch.no_grad()(right_divergence),
    "rounded": lambda *args: right_divergence(*args).round(decimals=2),
    "never below a tenth": lambda *args: right_divergence(*args).clamp(min=0.1),
    "held at 100": lambda *args: right_divergence(*args).clamp(max=100),
    "a list": lambda *args: right_divergence(*args).tolist(),
    "the mean taken as the code's only number": lambda mean, log_s: right_divergence(mean[:, :1], log_s),
}


def none(function):
    """A loss of PyTorch's for each pixel."""
    return lambda logits, x: function(logits, x, reduction="none")


cross = none(F.binary_cross_entropy_with_logits)


def bound(
    cost=lambda logits, x: cross(logits, x).sum(1),
    rate=lambda mean, log_s: right_divergence(mean, log_s).sum(1),
    join=lambda cost, rate: -cost - rate,
):
    """A bound with other parts: the distortion, the rate, and what is made of them."""
    return lambda logits, x, mean, log_s: join(cost(logits, x), rate(mean, log_s))


right_bound = bound()


def written(eps=0.0, cut=lambda p: p, dtype=None):
    """The distortion as the formula is written, from probabilities."""

    def cost(logits, x):
        p = cut(logits.to(dtype or logits.dtype).sigmoid())
        return -(x * (p + eps).log() + (1 - x) * (1 - p + eps).log()).sum(1)

    return cost


def chosen(logits, x):
    """Each pixel's own probability, and its log."""
    return -torch.where(x == 1, logits.sigmoid(), 1 - logits.sigmoid()).log().sum(1)


def softplus_by_hand(logits, x):
    return ((1 + logits.exp()).log() - x * logits).sum(1)


def rate_of(divergence):
    return lambda mean, log_s: divergence(mean, log_s).sum(1)


ELBO = {
    "the mean over pixels": bound(lambda logits, x: cross(logits, x).mean(1)),
    "the sum over pictures": bound(lambda logits, x: cross(logits, x).sum(0)),
    "the sum over all pixels": bound(lambda logits, x: cross(logits, x).sum()),
    "the mean over all pixels": bound(F.binary_cross_entropy_with_logits),
    "the mean over all, times the pixels": bound(
        lambda logits, x: F.binary_cross_entropy_with_logits(logits, x) * x.shape[1]
    ),
    "the sum over all, over the batch": bound(lambda logits, x: cross(logits, x).sum() / len(x)),
    "each pixel": bound(cross),
    "the sum over the code's numbers of all": bound(rate=lambda mean, log_s: right_divergence(mean, log_s).sum()),
    "the mean over the code's numbers": bound(rate=lambda mean, log_s: right_divergence(mean, log_s).mean(1)),
    "the mean rate of the batch": bound(rate=lambda mean, log_s: right_divergence(mean, log_s).sum(1).mean()),
    "the rate over pictures": bound(rate=lambda mean, log_s: right_divergence(mean, log_s).sum(0)),
    "the rate added": bound(join=lambda cost, rate: rate - cost),
    "the loss": bound(join=lambda cost, rate: cost + rate),
    "the distortion added": bound(join=lambda cost, rate: cost - rate),
    "no rate": bound(join=lambda cost, rate: -cost),
    "no distortion": bound(join=lambda cost, rate: -rate),
    "half the rate": bound(join=lambda cost, rate: -cost - rate / 2),
    "two rates": bound(join=lambda cost, rate: -cost - 2 * rate),
    "one number": bound(join=lambda cost, rate: -(cost + rate).mean()),
    "the sum of the batch": bound(join=lambda cost, rate: -(cost + rate).sum()),
    "over the pixels": lambda logits, x, mean, log_s: right_bound(logits, x, mean, log_s) / x.shape[1],
    "bits": bound(join=lambda cost, rate: -(cost + rate) / math.log(2)),
    "a column": bound(join=lambda cost, rate: -(cost + rate)[:, None]),
    "the probability": bound(join=lambda cost, rate: (-cost - rate).exp()),
    "not above 0 nor below −100": bound(join=lambda cost, rate: (-cost - rate).clamp(min=-100)),
    "rate of a log variance": bound(rate=rate_of(divergence(torch.exp, log=lambda log: log / 2))),
    "rate without the mean": bound(rate=rate_of(divergence(square=lambda mean: 0 * mean))),
    "rate without the 1": bound(rate=rate_of(divergence(one=0.0))),
    "rate without the half": bound(rate=rate_of(divergence(factor=1.0))),
    "rate with a log added": bound(rate=rate_of(divergence(log=lambda log: -log))),
    "rate the other way round": bound(
        rate=lambda mean, log_s: kl_divergence(STANDARD, Normal(mean, log_s.exp())).sum(1)
    ),
    "rate of the means only": bound(rate=lambda mean, log_s: 0.5 * mean.square().sum(1) + 0 * log_s.sum()),
    "rate with a tenth of each number free": bound(
        rate=lambda mean, log_s: right_divergence(mean, log_s).clamp(min=0.1).sum(1)
    ),
    "rate squared": bound(rate=lambda mean, log_s: right_divergence(mean, log_s).square().sum(1)),
    "sigmoid twice": bound(lambda logits, x: cross(logits.sigmoid(), x).sum(1)),
    "the logits taken for probabilities": bound(lambda logits, x: none(F.binary_cross_entropy)(logits, x).sum(1)),
    "the logits cut to probabilities": bound(
        lambda logits, x: none(F.binary_cross_entropy)(logits.clamp(0, 1), x).sum(1)
    ),
    "x and the logits exchanged": bound(lambda logits, x: cross(x, logits).sum(1)),
    "x turned": bound(lambda logits, x: cross(logits, 1 - x).sum(1)),
    "black pixels only": bound(lambda logits, x: -(x * F.logsigmoid(logits)).sum(1)),
    "white pixels only": bound(lambda logits, x: -((1 - x) * F.logsigmoid(-logits)).sum(1)),
    "all taken as 1": bound(lambda logits, x: -F.logsigmoid(logits).sum(1)),
    "x = 0 as x = 1": bound(lambda logits, x: -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(logits)).sum(1)),
    "a softmax over the pixels": bound(lambda logits, x: -(x * logits.log_softmax(1)).sum(1)),
    "squares": bound(lambda logits, x: (logits.sigmoid() - x).square().sum(1)),
    "squares of logits": bound(lambda logits, x: (logits - x).square().sum(1)),
    "sizes": bound(lambda logits, x: (logits.sigmoid() - x).abs().sum(1)),
    "a Gaussian's": bound(lambda logits, x: 0.5 * ((logits.sigmoid() - x).square() + math.log(2 * math.pi)).sum(1)),
    "PyTorch's binary cross-entropy": bound(lambda logits, x: none(F.binary_cross_entropy)(logits.sigmoid(), x).sum(1)),
    "the written formula": bound(written()),
    "the written formula in float64": bound(written(dtype=torch.float64)),
    "the written formula, a little added": bound(written(1e-8)),
    "the written formula, more added": bound(written(1e-6)),
    "the written formula, cut off": bound(written(cut=lambda p: p.clamp(1e-6, 1 - 1e-6))),
    "the written formula, NaN put away": bound(lambda logits, x: written()(logits, x).nan_to_num()),
    "infinity put away": bound(lambda logits, x: chosen(logits, x).nan_to_num(posinf=1000.0)),
    "logits cut off": bound(lambda logits, x: cross(logits.clamp(-100, 100), x).sum(1)),
    "logits cut off at 20": bound(lambda logits, x: cross(logits.clamp(-20, 20), x).sum(1)),
    "the pixel's own probability": bound(chosen),
    "logs cut off at −1000": bound(lambda logits, x: chosen(logits.double(), x).clamp(max=1000)),
    "labels kept off 0 and 1": bound(lambda logits, x: cross(logits, 0.99 * x + 0.005).sum(1)),
    "log of 1 − sigmoid": bound(
        lambda logits, x: -(x * F.logsigmoid(logits) + (1 - x) * (1 - logits.sigmoid()).log()).sum(1)
    ),
    "xlogy": bound(
        lambda logits, x: -(torch.xlogy(x, logits.sigmoid()) + torch.xlogy(1 - x, (-logits).sigmoid())).sum(1)
    ),
    "no gradient of sure pixels": bound(
        lambda logits, x: cross(torch.where(logits.abs() > 100, logits.detach(), logits), x).sum(1)
    ),
    "softplus by hand": bound(softplus_by_hand),
    "softplus in float64 by hand": bound(lambda logits, x: softplus_by_hand(logits.double(), x)),
    "Bernoulli from probabilities": bound(lambda logits, x: -Bernoulli(logits.sigmoid()).log_prob(x).sum(1)),
    "black or white by a half": bound(
        lambda logits, x: -torch.where(x > 0.5, F.logsigmoid(logits), F.logsigmoid(-logits)).sum(1)
    ),
    "black or white by signs": bound(lambda logits, x: F.softplus((1 - 2 * x) * logits).sum(1)),
    "black or white as classes": bound(
        lambda logits, x: F.cross_entropy(
            torch.stack([torch.zeros_like(logits), logits], 1), x.long(), reduction="none"
        ).sum(1)
    ),
    "the logits detached": lambda logits, x, mean, log_s: right_bound(logits.detach(), x, mean, log_s),
    "the mean detached": lambda logits, x, mean, log_s: right_bound(logits, x, mean.detach(), log_s),
    "the log detached": lambda logits, x, mean, log_s: right_bound(logits, x, mean, log_s.detach()),
    "the rate as numbers": bound(rate=lambda mean, log_s: torch.tensor(right_divergence(mean, log_s).sum(1).tolist())),
    "no gradient": torch.no_grad()(right_bound),
    "a list": lambda *args: [b.item() for b in right_bound(*args)],
    "two results": lambda logits, x, mean, log_s: (cross(logits, x).sum(1), right_divergence(mean, log_s).sum(1)),
    "rounded": lambda *args: right_bound(*args).round(decimals=1),
}


def weighing(
    log_weight=lambda log_joint, log_q: log_joint - log_q,
    join=lambda w: w.logsumexp(0) - math.log(len(w)),
):
    """A log of mean weights with other parts."""
    return lambda log_joint, log_q: join(log_weight(log_joint, log_q))


right_weighing = weighing()


def in_float64(w):
    return w.double().exp().mean(0).log()


def over_one_largest(w):
    return (w - w.max()).exp().mean(0).log() + w.max()


IMPORTANCE_BOUND = {
    "the mean of logs": weighing(join=lambda w: w.mean(0)),
    "the sum of logs": weighing(join=lambda w: w.sum(0)),
    "the mean of logs minus log k": weighing(join=lambda w: w.mean(0) - math.log(len(w))),
    "the first draw": weighing(join=lambda w: w[0]),
    "the largest": weighing(join=lambda w: w.amax(0)),
    "the largest minus log k": weighing(join=lambda w: w.amax(0) - math.log(len(w))),
    "the median": weighing(join=lambda w: w.median(0).values),
    "the written formula": weighing(join=lambda w: w.exp().mean(0).log()),
    "the written formula in float64": weighing(join=in_float64),
    "the written formula, a little added": weighing(join=lambda w: (w.double().exp().mean(0) + 1e-30).log()),
    "infinity put away": weighing(join=lambda w: w.exp().mean(0).log().nan_to_num()),
    "cut off": weighing(join=lambda w: in_float64(w.clamp(-700, 700))),
    "cut off below": weighing(join=lambda w: (w.clamp(min=-100)).logsumexp(0) - math.log(len(w))),
    "the largest of all taken off": weighing(join=over_one_largest),
    "the largest of all taken off, float64": weighing(join=lambda w: over_one_largest(w.double())),
    "the mean of each taken off": weighing(join=lambda w: (w - w.mean(0)).exp().mean(0).log() + w.mean(0)),
    "the mean of each taken off, float64": weighing(
        join=lambda w: (w.double() - w.double().mean(0)).exp().mean(0).log() + w.mean(0)
    ),
    "the first of each taken off, float64": weighing(
        join=lambda w: (w.double() - w.double()[0]).exp().mean(0).log() + w[0]
    ),
    "the mean of logs where the formula fails": weighing(
        join=lambda w: torch.where(in_float64(w).isfinite(), in_float64(w), w.mean(0))
    ),
    "the largest where the formula fails": weighing(
        join=lambda w: torch.where(in_float64(w).isfinite(), in_float64(w), w.amax(0))
    ),
    "the least of each taken off": weighing(join=lambda w: (w - w.amin(0)).exp().mean(0).log() + w.amin(0)),
    "the largest not put back": weighing(join=lambda w: (w - w.amax(0)).exp().mean(0).log()),
    "p and q taken from logs": lambda log_joint, log_q: (log_joint.exp() / log_q.exp()).mean(0).log(),
    "p and q taken from logs, float64": lambda log_joint, log_q: (
        (log_joint.double().exp() / log_q.double().exp()).mean(0).log()
    ),
    "no log k": weighing(join=lambda w: w.logsumexp(0)),
    "log k added": weighing(join=lambda w: w.logsumexp(0) + math.log(len(w))),
    "k taken off": weighing(join=lambda w: w.logsumexp(0) - len(w)),
    "over k": weighing(join=lambda w: w.logsumexp(0) / len(w)),
    "over log k": weighing(join=lambda w: w.logsumexp(0) / math.log(len(w) + 1e-9)),
    "log2 k": weighing(join=lambda w: w.logsumexp(0) - math.log2(len(w))),
    "log10 k": weighing(join=lambda w: w.logsumexp(0) - math.log10(len(w))),
    "log of k − 1": weighing(join=lambda w: w.logsumexp(0) - math.log(max(len(w) - 1, 1))),
    "log of B": weighing(join=lambda w: w.logsumexp(0) - math.log(w.shape[1])),
    "log of k times B": weighing(join=lambda w: w.logsumexp(0) - math.log(w.numel())),
    "over pictures": weighing(join=lambda w: w.logsumexp(1) - math.log(w.shape[1])),
    "over pictures, log k": weighing(join=lambda w: w.logsumexp(1) - math.log(len(w))),
    "over all": weighing(join=lambda w: w.flatten().logsumexp(0) - math.log(w.numel())),
    "the mean of the batch": weighing(join=lambda w: (w.logsumexp(0) - math.log(len(w))).mean()),
    "q added": weighing(lambda p, q: p + q),
    "quotient of logs": weighing(lambda p, q: p / q),
    "q over p": weighing(lambda p, q: q - p),
    "no q": weighing(lambda p, q: p),
    "only q": weighing(lambda p, q: q),
    "q as a probability": weighing(lambda p, q: p - q.exp()),
    "q's mean": weighing(lambda p, q: p - q.mean(0)),
    "q's own sum": lambda log_joint, log_q: log_joint.logsumexp(0) - log_q.logsumexp(0),
    "a mean of p over a mean of q": lambda log_joint, log_q: (
        log_joint.logsumexp(0) - math.log(len(log_q)) - log_q.logsumexp(0)
    ),
    "q brought to sum 1": weighing(lambda p, q: p - q.log_softmax(0)),
    "weights brought to sum 1": weighing(join=lambda w: (w.softmax(0) * w).sum(0)),
    "log_softmax": weighing(join=lambda w: w.log_softmax(0).mean(0)),
    "log of 1 + the mean": weighing(join=lambda w: w.double().exp().mean(0).log1p()),
    "powers of 2": weighing(join=lambda w: (w * math.log(2)).logsumexp(0) - math.log(len(w))),
    "base 2": weighing(join=lambda w: (w.logsumexp(0) - math.log(len(w))) / math.log(2)),
    "minus": lambda *args: -right_weighing(*args),
    "the mean weight": weighing(join=lambda w: w.exp().mean(0)),
    "a row": weighing(join=lambda w: w.logsumexp(0, keepdim=True) - math.log(len(w))),
    "logaddexp of two": weighing(join=lambda w: torch.logaddexp(w[0], w[-1]) - math.log(2)),
    "logaddexp of two, all k": weighing(join=lambda w: torch.logaddexp(w[0], w[-1]) - math.log(len(w))),
    "a list": lambda *args: right_weighing(*args).tolist(),
    "rounded": lambda *args: right_weighing(*args).round(decimals=-1),
    "in place": lambda log_joint, log_q: log_joint.sub_(log_q).logsumexp(0) - math.log(len(log_q)),
}


def pricing(
    rate=lambda kl, free: kl.mean(0).clamp(min=free).sum(),
    cost=torch.mean,
    join=lambda cost, rate, beta: cost + beta * rate,
):
    """A loss with other parts."""
    return lambda distortion, kl, beta, free: join(cost(distortion), rate(kl, free), beta)


right_pricing = pricing()


def only_the_first_number(kl, free):
    return kl[:, 0].mean().clamp(min=free) + kl[:, 1:].mean(0).sum()


def kl_in_place(distortion, kl, beta, free):
    kl.data.clamp_(min=free)
    return right_pricing(distortion, kl, beta, free)


BETA_LOSS = {
    "clamp first": pricing(lambda kl, free: kl.clamp(min=free).mean(0).sum()),
    "clamp last": pricing(lambda kl, free: kl.mean(0).sum().clamp(min=free)),
    "clamp each picture's sum": pricing(lambda kl, free: kl.sum(1).clamp(min=free).mean()),
    "clamp each picture's sum with all that is free": pricing(
        lambda kl, free: kl.sum(1).clamp(min=free * kl.shape[1]).mean()
    ),
    "clamp the sum with all that is free": pricing(lambda kl, free: kl.mean(0).sum().clamp(min=free * kl.shape[1])),
    "clamp the mean number": pricing(lambda kl, free: kl.mean().clamp(min=free) * kl.shape[1]),
    "mean over the numbers": pricing(lambda kl, free: kl.mean(0).clamp(min=free).mean()),
    "mean of everything": pricing(lambda kl, free: kl.mean().clamp(min=free)),
    "sum of everything": pricing(lambda kl, free: kl.sum(0).clamp(min=free).sum()),
    "sum of everything over B": pricing(lambda kl, free: kl.sum(0).clamp(min=free).sum() / len(kl)),
    "over pictures": pricing(lambda kl, free: kl.mean(1).clamp(min=free).sum()),
    "means over pictures": pricing(lambda kl, free: kl.mean(1).clamp(min=free).mean()),
    "the part above": pricing(lambda kl, free: (kl.mean(0) - free).clamp(min=0).sum()),
    "the part above of each": pricing(lambda kl, free: (kl - free).clamp(min=0).mean(0).sum()),
    "the part above of the sum": pricing(lambda kl, free: (kl.mean(0).sum() - free).clamp(min=0)),
    "all above": pricing(lambda kl, free: (kl.mean(0) - free).sum()),
    "all above, sizes": pricing(lambda kl, free: (kl.mean(0) - free).abs().sum()),
    "above or 0": pricing(lambda kl, free: torch.where(kl.mean(0) > free, kl.mean(0), 0.0).sum()),
    "added": pricing(lambda kl, free: (kl.mean(0) + free).sum()),
    "a gradient below free, too": pricing(
        lambda kl, free: (kl.mean(0) + (kl.mean(0).clamp(min=free) - kl.mean(0)).detach()).sum()
    ),
    "added below": pricing(lambda kl, free: torch.where(kl.mean(0) > free, kl.mean(0), kl.mean(0) + free).sum()),
    "the lesser": pricing(lambda kl, free: kl.mean(0).clamp(max=free).sum()),
    "not free": pricing(lambda kl, free: kl.mean(0).sum()),
    "free 0.5": pricing(lambda kl, free: kl.mean(0).clamp(min=0.5).sum()),
    "free in bits": pricing(lambda kl, free: kl.mean(0).clamp(min=free * math.log(2)).sum()),
    "free over Z": pricing(lambda kl, free: kl.mean(0).clamp(min=free / kl.shape[1]).sum()),
    "the median": pricing(lambda kl, free: kl.median(0).values.clamp(min=free).sum()),
    "the largest": pricing(lambda kl, free: kl.amax(0).clamp(min=free).sum()),
    "the first number only": pricing(only_the_first_number),
    "the dearest number": pricing(lambda kl, free: kl.mean(0).clamp(min=free).amax()),
    "softplus": pricing(lambda kl, free: (free + F.softplus(kl.mean(0) - free)).sum()),
    "squares": pricing(lambda kl, free: kl.mean(0).clamp(min=free).square().sum()),
    "each number": pricing(lambda kl, free: kl.mean(0).clamp(min=free)),
    "nothing if nothing is free": pricing(lambda kl, free: kl.mean(0).clamp(min=free).sum() if free else 0 * kl.sum()),
    "beta on the distortion": pricing(join=lambda cost, rate, beta: beta * cost + rate),
    "beta on both": pricing(join=lambda cost, rate, beta: beta * (cost + rate)),
    "no beta": pricing(join=lambda cost, rate, beta: cost + rate),
    "over beta": pricing(join=lambda cost, rate, beta: cost + rate / beta),
    "beta squared": pricing(join=lambda cost, rate, beta: cost + beta**2 * rate),
    "1 − beta": pricing(join=lambda cost, rate, beta: (1 - beta) * cost + beta * rate),
    "the rate taken off": pricing(join=lambda cost, rate, beta: cost - beta * rate),
    "minus": pricing(join=lambda cost, rate, beta: -cost - beta * rate),
    "beta below 1": pricing(join=lambda cost, rate, beta: cost + min(beta, 1) * rate),
    "beta before free": lambda distortion, kl, beta, free: (
        distortion.mean() + (beta * kl.mean(0)).clamp(min=free).sum()
    ),
    "no rate": pricing(join=lambda cost, rate, beta: cost),
    "no distortion": pricing(join=lambda cost, rate, beta: beta * rate),
    "the distortions' sum": pricing(cost=torch.sum),
    "each distortion": pricing(cost=lambda d: d),
    "the median distortion": pricing(cost=torch.median),
    "distortion above what is free": lambda distortion, kl, beta, free: (
        distortion.clamp(min=free).mean() + beta * kl.mean(0).sum()
    ),
    "beta and free exchanged": lambda distortion, kl, beta, free: right_pricing(distortion, kl, free, beta),
    "over the batch once more": lambda distortion, kl, beta, free: right_pricing(distortion, kl, beta, free) / len(kl),
    "the distortion detached": lambda distortion, kl, beta, free: right_pricing(distortion.detach(), kl, beta, free),
    "the kl detached": lambda distortion, kl, beta, free: right_pricing(distortion, kl.detach(), beta, free),
    "the rate as a number": pricing(lambda kl, free: kl.mean(0).clamp(min=free).sum().item()),
    "max in Python": pricing(lambda kl, free: sum(max(free, m) for m in kl.mean(0).tolist())),
    "a number": lambda *args: right_pricing(*args).item(),
    "no gradient": torch.no_grad()(right_pricing),
    "some detached": pricing(lambda kl, free: (kl.mean(0) + kl.mean(0).detach()).div(2).clamp(min=free).sum()),
    "shape (1,)": lambda *args: right_pricing(*args)[None],
    "two results": lambda distortion, kl, beta, free: (distortion.mean(), beta * kl.mean(0).clamp(min=free).sum()),
    "in place": kl_in_place,
    "rounded": lambda *args: right_pricing(*args).round(decimals=2),
}


def turning(
    cosine=lambda a, b: F.cosine_similarity(a, b)[:, None],
    angle=lambda c: c.clamp(-1, 1).acos(),
    factor=lambda share, w: (share * w).sin() / w.sin(),
    alone=lambda w: w.sin() < 1e-4,
    line=lambda a, b, share: (1 - share) * a + share * b,
    ends=lambda a, b: (a, b),
):
    """A way along the sphere with other parts; `alone` says where the `line` is taken."""

    def slerp(a, b, share):
        a, b = ends(a, b)
        w = angle(cosine(a, b))
        way = factor(1 - share, w) * a + factor(share, w) * b
        return torch.where(alone(w), line(a, b, share), way)

    return slerp


right_turning = turning()
never = lambda w: torch.zeros_like(w, dtype=torch.bool)
lengths = lambda a: a.norm(dim=1, keepdim=True)


def of_lengths_too(a, b, share):
    """The direction on the sphere, and a length between both."""
    return right_turning(F.normalize(a), F.normalize(b), share) * ((1 - share) * lengths(a) + share * lengths(b))


def straight_for_all_if_one_is_parallel(a, b, share):
    w = F.cosine_similarity(a, b).clamp(-1, 1).acos()
    return (1 - share) * a + share * b if (w.sin() < 1e-4).any() else right_turning(a, b, share)


def straight_only_if_all_are_parallel(a, b, share):
    w = F.cosine_similarity(a, b).clamp(-1, 1).acos()
    return (1 - share) * a + share * b if (w.sin() < 1e-4).all() else turning(alone=never)(a, b, share)


def ends_in_python(a, b, share):
    return a if share == 0 else b if share == 1 else right_turning(a, b, share)


def a_in_place(a, b, share):
    result = right_turning(a, b, share)
    a.copy_(F.normalize(a))
    return result


SLERP = {
    "straight": lambda a, b, share: torch.lerp(a, b, share),
    "straight, then a's length": lambda a, b, share: F.normalize(torch.lerp(a, b, share)) * lengths(a),
    "straight, then a length between": lambda a, b, share: (
        F.normalize(torch.lerp(a, b, share)) * ((1 - share) * lengths(a) + share * lengths(b))
    ),
    "straight, then 1 long": lambda a, b, share: F.normalize(torch.lerp(a, b, share)),
    "straight with cosines": lambda a, b, share: math.cos(share * math.pi / 2) * a + math.sin(share * math.pi / 2) * b,
    "straight with roots": lambda a, b, share: math.sqrt(1 - share) * a + math.sqrt(share) * b,
    "exchanged": lambda a, b, share: right_turning(b, a, share),
    "1 − share": lambda a, b, share: right_turning(a, b, 1 - share),
    "half way": lambda a, b, share: right_turning(a, b, 0.5),
    "share squared": lambda a, b, share: right_turning(a, b, share**2),
    "a's factor for both": lambda a, b, share: turning(factor=lambda s, w: ((1 - share) * w).sin() / w.sin())(
        a, b, share
    ),
    "no acos": turning(angle=lambda c: c),
    "asin": turning(angle=lambda c: c.clamp(-1, 1).asin()),
    "atan": turning(angle=torch.atan),
    "cos": turning(angle=torch.cos),
    "1 − cosine": turning(angle=lambda c: 1 - c),
    "degrees": turning(angle=lambda c: c.clamp(-1, 1).acos().rad2deg()),
    "half the angle": turning(angle=lambda c: c.clamp(-1, 1).acos() / 2),
    "twice the angle": turning(angle=lambda c: c.clamp(-1, 1).acos() * 2),
    "the other angle": turning(angle=lambda c: math.pi - c.clamp(-1, 1).acos()),
    "acute angles only": turning(angle=lambda c: c.clamp(0, 1).acos()),
    "the cosine's size": turning(angle=lambda c: c.abs().clamp(max=1).acos()),
    "the angle from the sine": turning(angle=lambda c: (1 - c**2).clamp(min=0).sqrt().asin()),
    "not below a tenth": turning(angle=lambda c: c.clamp(-1, 1).acos().clamp(min=0.5)),
    "products for cosines": turning(lambda a, b: (a * b).sum(1, keepdim=True)),
    "over a's length only": turning(lambda a, b: (a * b).sum(1, keepdim=True) / lengths(a) ** 2),
    "over one length twice": turning(lambda a, b: (a * b).sum(1, keepdim=True) / lengths(b) ** 2),
    "one angle": turning(lambda a, b: F.cosine_similarity(a.flatten(), b.flatten(), dim=0)),
    "the mean angle": turning(angle=lambda c: c.clamp(-1, 1).acos().mean().expand_as(c)),
    "the mean cosine": turning(lambda a, b: F.cosine_similarity(a, b).mean().expand(len(a))[:, None]),
    "the first row's angle": turning(lambda a, b: F.cosine_similarity(a[:1], b[:1])[:, None].expand(len(a), 1)),
    "angles of columns": turning(lambda a, b: F.cosine_similarity(a, b, dim=0)),
    "no column": turning(lambda a, b: F.cosine_similarity(a, b)),
    "centred": turning(
        lambda a, b: F.cosine_similarity(a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True))[:, None]
    ),
    "1 long": turning(ends=lambda a, b: (F.normalize(a), F.normalize(b))),
    "b 1 long": turning(ends=lambda a, b: (a, F.normalize(b))),
    "b as long as a": turning(ends=lambda a, b: (a, F.normalize(b) * lengths(a))),
    "1 long, then a's length": lambda a, b, share: right_turning(F.normalize(a), F.normalize(b), share) * lengths(a),
    "a length between": of_lengths_too,
    "a length between, a product": lambda a, b, share: (
        right_turning(F.normalize(a), F.normalize(b), share) * lengths(a) ** (1 - share) * lengths(b) ** share
    ),
    "not divided": turning(factor=lambda s, w: (s * w).sin()),
    "divided by the angle": turning(factor=lambda s, w: (s * w).sin() / w),
    "divided by the sine's square": turning(factor=lambda s, w: (s * w).sin() / w.sin() ** 2),
    "cosines for sines": turning(factor=lambda s, w: (s * w).cos() / w.cos()),
    "tangents": turning(factor=lambda s, w: (s * w).tan() / w.tan()),
    "the sine outside": turning(factor=lambda s, w: s * w.sin() / w.sin()),
    "cosine and sine": lambda a, b, share: (lambda w: (share * w).cos() * a + (share * w).sin() * b)(
        F.cosine_similarity(a, b).clamp(-1, 1).acos()[:, None]
    ),
    "NaN where parallel": turning(alone=never),
    "NaN where over 1": turning(angle=torch.acos),
    "neither": turning(angle=torch.acos, alone=never),
    "where exactly 0, not clamped": turning(angle=torch.acos, alone=lambda w: w == 0),
    "NaN put away as 0": lambda a, b, share: turning(alone=never)(a, b, share).nan_to_num(),
    "a little added to the sine": turning(factor=lambda s, w: (s * w).sin() / (w.sin() + 1e-6), alone=never),
    "the sine not below a little": turning(factor=lambda s, w: (s * w).sin() / w.sin().clamp(min=1e-6), alone=never),
    "a where parallel": turning(line=lambda a, b, share: a),
    "b where parallel": turning(line=lambda a, b, share: b),
    "0 where parallel": turning(line=lambda a, b, share: 0 * a),
    "the middle where parallel": turning(line=lambda a, b, share: (a + b) / 2),
    "the line exchanged": turning(line=lambda a, b, share: share * a + (1 - share) * b),
    "straight below 0.2": turning(alone=lambda w: w < 0.2),
    "straight where the cosine is above 0.99": turning(alone=lambda w: w.cos() > 0.99),
    "straight where the sine is below 0.3": turning(alone=lambda w: w.sin() < 0.3),
    "all straight if one is": straight_for_all_if_one_is_parallel,
    "straight only if all are": straight_only_if_all_are_parallel,
    "the ends themselves": ends_in_python,
    "a in place": a_in_place,
    "a list": lambda *args: right_turning(*args).tolist(),
    "turned over": lambda *args: right_turning(*args).T,
    "rounded": lambda *args: right_turning(*args).round(decimals=1),
}

WRONG = {
    "reparametrise": REPARAMETRISE,
    "gaussian_kl": GAUSSIAN_KL,
    "elbo": ELBO,
    "importance_bound": IMPORTANCE_BOUND,
    "beta_loss": BETA_LOSS,
    "slerp": SLERP,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


def test_feedback_names_the_likely_reason():
    said = lambda name, some, key: getattr(ex, name).judge(some[key])[1]
    assert "the *log* of the deviation" in said("reparametrise", REPARAMETRISE, "the log for the deviation")
    assert "noise of its own" in said("reparametrise", REPARAMETRISE, "own noise")
    assert "no gradient flows back into `mean`: is it cut off" in said(
        "reparametrise", REPARAMETRISE, "the mean detached"
    )
    assert "do not detach them" in said("reparametrise", REPARAMETRISE, "the deviation detached")
    assert "changes its argument `noise` in place" in said("reparametrise", REPARAMETRISE, "the noise in place")
    assert "changes its argument `mean` in place" in said("reparametrise", REPARAMETRISE, "the mean in place")
    assert "log of a *variance*" in said("gaussian_kl", GAUSSIAN_KL, "a log variance")
    assert "the other divergence" in said("gaussian_kl", GAUSSIAN_KL, "the other way round")
    assert "not the gradient with respect to `log_s`" in said("gaussian_kl", GAUSSIAN_KL, "the variance detached")
    assert "logs are *added*" in said("elbo", ELBO, "the mean over pixels")
    assert "`nan` is not a finite number. The formula is right" in said("elbo", ELBO, "the written formula")
    assert "cuts every log off" in said("elbo", ELBO, "PyTorch's binary cross-entropy")
    assert "should be between 0 and 1" in said("elbo", ELBO, "the logits taken for probabilities")
    assert "no gradient flows back into `logits`" in said("elbo", ELBO, "the logits detached")
    assert "the log of the mean" in said("importance_bound", IMPORTANCE_BOUND, "the mean of logs")
    assert "rounds to 0" in said("importance_bound", IMPORTANCE_BOUND, "the written formula")
    assert "take the mean over the batch first" in said("beta_loss", BETA_LOSS, "clamp first")
    assert "`free` is not used, or only for the sum" in said("beta_loss", BETA_LOSS, "clamp last")
    assert "`free` is not used, or only for the sum" in said("beta_loss", BETA_LOSS, "not free")
    assert "`beta` multiplies what comes out" in said("beta_loss", BETA_LOSS, "beta before free")
    assert "counts as `free`, above" in said("beta_loss", BETA_LOSS, "the part above")
    assert "no gradient flows back into `kl`: is it cut off" in said("beta_loss", BETA_LOSS, "the rate as a number")
    assert "0 / 0 is NaN" in said("slerp", SLERP, "NaN where parallel")
    assert "the straight line" in said("slerp", SLERP, "straight")


# ---------------------------------------------------------------- right answers in other styles


def draw_in_loops(mean, log_s, noise):
    if noise.ndim > mean.ndim:
        return torch.stack([draw_in_loops(mean, log_s, part) for part in noise])
    rows = [
        torch.stack([m + torch.exp(s) * e for m, s, e in zip(*row, strict=True)])
        for row in zip(mean, log_s, noise, strict=True)
    ]
    return torch.stack(rows)


def kl_in_loops(mean, log_s):
    rows = []
    for means, logs in zip(mean, log_s, strict=True):
        rows.append([m**2 / 2 + torch.exp(s) ** 2 / 2 - 0.5 - s for m, s in zip(means, logs, strict=True)])
    return torch.stack([torch.stack(row) for row in rows])


def bound_in_loops(logits, x, mean, log_s):
    bounds = []
    for row, pixels, m, s in zip(logits, x, mean, log_s, strict=True):
        total = sum(p * F.logsigmoid(v) + (1 - p) * F.logsigmoid(-v) for v, p in zip(row, pixels, strict=True))
        bounds.append(total - (m**2 / 2 + (2 * s).exp() / 2 - 0.5 - s).sum())
    return torch.stack(bounds)


def bound_by_distributions(logits, x, mean, log_s):
    q = Normal(mean, log_s.exp())
    rate = kl_divergence(q, Normal(torch.zeros(()), 1.0)).sum(-1)
    return Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(-1) - rate


def weights_in_python(log_joint, log_q):
    found = []
    for joint, q in zip(log_joint.T.tolist(), log_q.T.tolist(), strict=True):
        logs = [p - own for p, own in zip(joint, q, strict=True)]
        most = max(logs)
        found.append(most + math.log(sum(math.exp(w - most) for w in logs) / len(logs)))
    return torch.tensor(found)


def weights_one_after_another(log_joint, log_q):
    total = torch.full(log_joint.shape[1:], -torch.inf)
    for p, q in zip(log_joint, log_q, strict=True):
        total = torch.logaddexp(total, p - q)
    return total - torch.log(torch.tensor(len(log_q)))


def loss_in_a_loop(distortion, kl, beta, free):
    loss = distortion.sum() / len(distortion)
    for column in kl.T:
        mean = column.mean()
        loss = loss + beta * (mean if mean > free else free)
    return loss


def turn_in_loops(a, b, share):
    rows = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        cosine = sum(p * q for p, q in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)
        w = math.acos(max(-1.0, min(1.0, cosine)))
        if math.sin(w) < 1e-6:
            first, second = 1 - share, share
        else:
            first, second = math.sin((1 - share) * w) / math.sin(w), math.sin(share * w) / math.sin(w)
        rows.append([first * p + second * q for p, q in zip(x, y, strict=True)])
    return torch.tensor(rows)


def turn_by_masks(a, b, share):
    """As it is often seen: the straight line first, then the rows that are not parallel."""
    result = (1 - share) * a + share * b
    cosine = (a / lengths(a) * (b / lengths(b))).sum(1)
    far = cosine.abs() < 0.9995
    w = cosine[far].acos().unsqueeze(1)
    result[far] = torch.sin((1 - share) * w) / torch.sin(w) * a[far] + torch.sin(share * w) / torch.sin(w) * b[far]
    return result


def turn_by_sinc(a, b, share):
    """sin(s w) / sin(w) = s sinc(s w) / sinc(w), which is s where w is 0."""
    w = F.cosine_similarity(a, b).clamp(-1, 1).acos()[:, None] / math.pi
    factor = lambda s: s * torch.sinc(s * w) / torch.sinc(w)
    return factor(1 - share) * a + factor(share) * b


def turn_by_atan2(a, b, share):
    x, y = F.normalize(a), F.normalize(b)
    w = 2 * torch.atan2(lengths(x - y), lengths(x + y))
    way = (torch.sin(w * (1 - share)) * a + torch.sin(w * share) * b) / w.sin()
    return torch.where(w < 1e-3, a + share * (b - a), way)


def turn_to_the_side(a, b, share):
    """Turn a's direction towards b's; the lengths of the oblique parts follow."""
    x, y = F.normalize(a.double()), F.normalize(b.double())
    cosine = (x * y).sum(1, keepdim=True).clamp(-1, 1)
    w = cosine.acos().clamp(min=1e-6)
    second = (share * w).sin() / w.sin()
    first = (share * w).cos() - second * w.cos()
    return (first * a + second * b).float()


def turn_and_mend(a, b, share):
    w = torch.acos(torch.clamp(F.cosine_similarity(a, b), max=1.0)).unsqueeze(-1)
    way = torch.sin((1 - share) * w) / torch.sin(w) * a + torch.sin(share * w) / torch.sin(w) * b
    return torch.where(way.isnan(), torch.lerp(a, b, share), way)


RIGHT = {
    "reparametrise": {
        "loops": draw_in_loops,
        "addcmul": lambda mean, log_s, noise: torch.addcmul(mean, torch.exp(log_s), noise),
        "a power of e": drawing(lambda log: math.e**log),
        "the root of the variance": drawing(lambda log: (2 * log).exp().sqrt() if log.min() > -40 else log.exp()),
        "expm1 and 1": drawing(lambda log: log.expm1() + 1),
        "float64": lambda mean, log_s, noise: right_drawing(mean.double(), log_s.double(), noise.double()),
        "a transform": lambda mean, log_s, noise: torch.distributions.AffineTransform(mean, log_s.exp())(noise),
        "einsum": lambda mean, log_s, noise: mean + torch.einsum("bz,...bz->...bz", log_s.exp(), noise),
        "noise first": lambda mean, log_s, noise: noise * torch.exp(log_s) + mean,
        "in place, on its own": lambda mean, log_s, noise: noise.clone().mul_(log_s.exp()).add_(mean),
    },
    "gaussian_kl": {
        "loops": kl_in_loops,
        "PyTorch": lambda mean, log_s: kl_divergence(Normal(mean, log_s.exp()), Normal(0.0, 1.0)),
        "PyTorch with tensors": lambda mean, log_s: kl_divergence(
            Normal(mean, log_s.exp()), Normal(torch.zeros_like(mean), torch.ones_like(mean))
        ),
        "the paper's": lambda mean, log_s: -0.5 * (1 + 2 * log_s - mean.pow(2) - (2 * log_s).exp()),
        "a log variance made first": lambda mean, log_s: (
            lambda log_var: -0.5 * (1 + log_var - mean**2 - log_var.exp())
        )(2 * log_s),
        "the deviation squared": divergence(lambda log: log.exp() ** 2),
        "the deviation and its log": lambda mean, log_s: -log_s.exp().log() + (log_s.exp() ** 2 + mean**2) / 2 - 0.5,
        "expm1": lambda mean, log_s: 0.5 * mean**2 + 0.5 * torch.expm1(2 * log_s) - log_s,
        "float64": lambda mean, log_s: right_divergence(mean.double(), log_s.double()),
        "cross-entropy minus entropy": lambda mean, log_s: (
            0.5 * (mean**2 + (2 * log_s).exp() + math.log(2 * math.pi)) - Normal(mean, log_s.exp()).entropy()
        ),
        "never below 0": lambda mean, log_s: right_divergence(mean, log_s).clamp(min=0),
    },
    "elbo": {
        "loops": bound_in_loops,
        "distributions": bound_by_distributions,
        "PyTorch's cross-entropy": right_bound,
        "logsigmoid": bound(lambda logits, x: -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(1)),
        "logaddexp": bound(
            lambda logits, x: (torch.logaddexp(logits, torch.zeros(())) - torch.einsum("bp,bp->bp", x, logits)).sum(1)
        ),
        "the stable formula": bound(
            lambda logits, x: (logits.clamp(min=0) - logits * x + torch.log1p(torch.exp(-logits.abs()))).sum(1)
        ),
        "a module": bound(lambda logits, x: torch.nn.BCEWithLogitsLoss(reduction="none")(logits, x).sum(dim=-1)),
        "PyTorch's KL": bound(rate=lambda mean, log_s: kl_divergence(Normal(mean, log_s.exp()), STANDARD).sum(1)),
        "the paper's KL": bound(
            rate=lambda mean, log_s: -0.5 * torch.sum(1 + 2 * log_s - mean**2 - torch.exp(2 * log_s), dim=1)
        ),
        "float64": lambda logits, x, mean, log_s: right_bound(
            logits.double(), x.double(), mean.double(), log_s.double()
        ),
        "minus a sum": bound(join=lambda cost, rate: -(cost + rate)),
    },
    "importance_bound": {
        "Python": weights_in_python,
        "one after another": weights_one_after_another,
        "torch.log": weighing(join=lambda w: torch.logsumexp(w, dim=0) - torch.log(torch.tensor(float(len(w))))),
        "the largest of each taken off": weighing(join=lambda w: (w - w.amax(0)).exp().mean(0).log() + w.amax(0)),
        "max with its place": weighing(
            join=lambda w: w.max(0).values + torch.log(torch.mean(torch.exp(w - w.max(0).values), 0))
        ),
        "log_softmax": weighing(join=lambda w: (w - w.log_softmax(0))[0] - math.log(len(w))),
        "log k taken off first": weighing(join=lambda w: (w - math.log(len(w))).logsumexp(0)),
        "logcumsumexp": weighing(join=lambda w: w.logcumsumexp(0)[-1] - math.log(len(w))),
        "turned over": weighing(join=lambda w: w.T.logsumexp(1) - math.log(w.shape[0])),
        "float64": lambda log_joint, log_q: right_weighing(log_joint.double(), log_q.double()),
        "NumPy": lambda log_joint, log_q: torch.from_numpy(right_weighing(log_joint, log_q).numpy().copy()),
    },
    "beta_loss": {
        "a loop": loss_in_a_loop,
        "maximum": pricing(lambda kl, free: torch.maximum(kl.mean(0), torch.tensor(free)).sum()),
        "where": pricing(lambda kl, free: torch.where(kl.mean(0) > free, kl.mean(0), free).sum()),
        "the part above, and free": pricing(lambda kl, free: (free + (kl.mean(0) - free).relu()).sum()),
        "the part above, and all that is free": pricing(
            lambda kl, free: F.relu(kl.mean(dim=0) - free).sum() + free * kl.shape[1]
        ),
        "sums over B": pricing(lambda kl, free: (kl.sum(0) / len(kl)).clamp_min(free).sum()),
        "sums held at B times free": pricing(lambda kl, free: kl.sum(0).clamp(min=free * len(kl)).sum() / len(kl)),
        "max in Python": pricing(lambda kl, free: sum(max(m, torch.tensor(free)) for m in kl.mean(0))),
        "a threshold": pricing(lambda kl, free: F.threshold(kl.mean(0), free, free).sum()),
        "float64": lambda distortion, kl, beta, free: right_pricing(distortion.double(), kl.double(), beta, free),
        "beta times each": pricing(
            lambda kl, free: kl.mean(0).clamp(min=free), join=lambda cost, rate, beta: cost + (beta * rate).sum()
        ),
    },
    "slerp": {
        "loops": turn_in_loops,
        "masks": turn_by_masks,
        "sinc": turn_by_sinc,
        "atan2": turn_by_atan2,
        "to the side": turn_to_the_side,
        "NaN mended": turn_and_mend,
        "lengths": turning(lambda a, b: (a * b).sum(1, keepdim=True) / (lengths(a) * lengths(b))),
        "directions": turning(lambda a, b: (F.normalize(a) * F.normalize(b)).sum(1, keepdim=True)),
        "einsum": turning(lambda a, b: torch.einsum("bz,bz->b", F.normalize(a), F.normalize(b))[:, None]),
        "kept off 1": turning(angle=lambda c: c.clamp(-1 + 1e-7, 1 - 1e-7).acos(), alone=never),
        "kept off 1, more": turning(angle=lambda c: c.clamp(-0.999999, 0.999999).acos(), alone=never),
        "a lower bound": turning(angle=lambda c: c.clamp(-1, 1).acos().clamp(min=1e-4), alone=never),
        "straight below a hundredth": turning(alone=lambda w: w < 1e-2),
        "straight above 0.9995": turning(alone=lambda w: w.cos() > 0.9995),
        "straight at exactly 0": turning(alone=lambda w: w == 0),
        "lerp": turning(line=torch.lerp),
        "float64": lambda a, b, share: right_turning(a.double(), b.double(), share),
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")
