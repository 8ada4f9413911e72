"""Notebook 01's exercises: references against PyTorch, wrong answers that must fail, right ones that must pass."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.exercises import gradient_descent as ex

SHAPES = [(), (4,), (1,), (3, 2), (2, 1, 3)]


def random(*shape, seed=0, scale=1.0):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def edited(name, *changes):
    """The reference of an exercise, after each (old, new) of `changes` is replaced in its source."""
    reference = getattr(ex, name).reference
    source, names = inspect.getsource(reference), dict(vars(ex))
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    exec(source, names)
    return names[reference.__name__]


# ---------------------------------------------------------------- the references


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lr", [0.001, 0.3, 4.0])
def test_descent_step_is_a_step_of_sgd(shape, lr):
    w, grad = random(*shape, seed=1), random(*shape, seed=2, scale=100)
    theirs = w.clone().requires_grad_()
    theirs.grad = grad
    torch.optim.SGD([theirs], lr=lr).step()
    torch.testing.assert_close(ex.descent_step.reference(w, grad, lr), theirs.detach())


@pytest.mark.parametrize("seed", range(5))
def test_descent_shrinks_just_below_the_largest_rate_and_grows_just_above(seed):
    a = random(2 * seed + 2, seed + 1, seed=seed).double()
    H = a.T @ a + 0.1 * torch.eye(seed + 1)
    limit = ex.largest_rate.reference(H)
    for share, diverges in ((0.99, False), (1.01, True)):
        step = torch.eye(seed + 1) - share * limit * H
        assert (torch.linalg.matrix_power(step, 5000).norm() > 1) == diverges


def test_largest_rate_of_known_eigenvalues():
    # the second difference of n points has the eigenvalues 2 - 2 cos(k pi / (n + 1))
    n = 7
    H = 2 * torch.eye(n) - torch.diag(torch.ones(n - 1), 1) - torch.diag(torch.ones(n - 1), -1)
    known = 2 / (2 - 2 * math.cos(n * math.pi / (n + 1)))
    assert ex.largest_rate.reference(H).item() == pytest.approx(known, rel=1e-5)
    assert ex.largest_rate.reference(torch.tensor([[1e-3]])).item() == pytest.approx(2000)


@pytest.mark.parametrize("seed, index", [(0, [0]), (1, [2, 0]), (2, [1, 1, 4]), (3, [4, 3, 2, 1, 0]), (4, [3] * 9)])
def test_minibatch_gradient_is_the_gradient_of_the_mean_squared_error(seed, index):
    x, y, w = random(5, 3, seed=seed), random(5, seed=seed + 10), random(3, seed=seed + 20, scale=10)
    index = torch.tensor(index)
    theirs = w.clone().requires_grad_()
    F.mse_loss(x[index] @ theirs, y[index]).backward()
    torch.testing.assert_close(ex.minibatch_gradient.reference(x, y, w, index), theirs.grad)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lr, beta", [(0.1, 0.9), (2.0, 0.5), (0.3, 0.0)])
def test_momentum_steps_are_those_of_sgd_with_momentum(shape, lr, beta):
    ours, velocity = random(*shape), torch.zeros(shape)
    theirs = ours.clone().requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=lr, momentum=beta)
    for t in range(1, 6):
        theirs.grad = random(*shape, seed=t, scale=10.0 ** (t - 3))
        ours, velocity = ex.momentum_step.reference(ours, velocity, theirs.grad, lr, beta)
        optimizer.step()
    torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.9), "eps": 0.1}, {"betas": (0.95, 0.8), "eps": 1e-4}])
def test_adam_steps_are_those_of_torch(shape, options):
    ours, m, v = random(*shape), torch.zeros(shape), torch.zeros(shape)
    theirs = ours.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.03, **options)
    more = (*options["betas"], options["eps"]) if options else ()
    for t in range(1, 8):
        theirs.grad = random(*shape, seed=t, scale=10.0 ** (t - 5)) if t != 3 else torch.zeros(shape)
        ours, m, v = ex.adam_step.reference(ours, m, v, theirs.grad, t, 0.03, *more)
        optimizer.step()
    torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("shape", SHAPES)
def test_relu_backward_is_what_autograd_gives_at_zero_too(shape):
    for seed, scale in enumerate([1e-20, 1.0, 1e20]):
        up, z = random(*shape, seed=seed), random(*shape, seed=seed + 10, scale=scale).requires_grad_()
        (expected,) = torch.autograd.grad(F.relu(z), z, up)
        assert torch.equal(ex.relu_backward.reference(up, z.detach()), expected)
    zeros = torch.zeros(shape, requires_grad=True)
    (expected,) = torch.autograd.grad(F.relu(zeros), zeros, up)
    assert torch.equal(ex.relu_backward.reference(up, zeros.detach()), expected)


@pytest.mark.parametrize("B, I, O", [(1, 1, 1), (3, 3, 3), (1, 4, 2), (5, 1, 3), (2, 6, 1), (7, 2, 5)])
def test_linear_backward_is_what_autograd_gives(B, I, O):  # noqa: E741
    a, W, b = (random(*shape, seed=O).requires_grad_() for shape in ((B, I), (I, O), (O,)))
    up = random(B, O, seed=9, scale=10)
    theirs = torch.autograd.grad(a @ W + b, (a, W, b), up)
    ours = ex.linear_backward.reference(up, a.detach(), W.detach())
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 100.0, 1e4, 1e30])
@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_cross_entropy_is_that_of_torch(scale, shift):
    for seed, (B, K) in enumerate([(1, 2), (4, 4), (6, 3), (2, 7)]):
        logits = random(B, K, seed=seed, scale=scale) + shift
        y = torch.randint(K, (B,), generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(ex.cross_entropy.reference(logits, y), F.cross_entropy(logits, y))


def test_cross_entropy_of_equal_logits_is_the_log_of_their_number():
    for value in (-1e30, -1000.0, 0.0, 1000.0, 1e30):
        loss = ex.cross_entropy.reference(torch.full((3, 5), value), torch.tensor([0, 4, 2]))
        assert loss.item() == pytest.approx(math.log(5), rel=1e-6)


# ---------------------------------------------------------------- wrong answers


def adam_with_default_eps_of(eps):
    reference = ex.adam_step.reference
    return lambda w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=eps: reference(
        w, m, v, grad, t, lr, beta1, beta2, eps
    )


def adam_with_a_default_instead_of(name, value):
    def step(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        given = {"beta1": beta1, "beta2": beta2, "eps": eps} | {name: value}
        return ex.adam_step.reference(w, m, v, grad, t, lr, **given)

    return step


def two_by_two_rate(H):
    middle, half = (H[0, 0] + H[-1, -1]) / 2, (H[0, 0] - H[-1, -1]) / 2
    return 2 / (middle + (half**2 + H[0, -1] ** 2).sqrt())


def few_power_steps(H):
    v = torch.ones(len(H))
    for _ in range(3):
        v = H @ v / (H @ v).norm()
    return 2 / (v @ H @ v)


def less(logits, y, level):
    """Cross-entropy after `level` is taken away, with nothing else done for stability."""
    shifted = logits - level
    return (shifted.exp().sum(1).log() - shifted[torch.arange(len(y)), y]).mean()


def own(values, y):
    return values[torch.arange(len(y)), y]


WRONG = {
    "descent_step": {
        "the gradient's direction alone": lambda w, grad, lr: w - lr * grad / grad.norm(),
        "the first row's gradient for all": lambda w, grad, lr: w - lr * (grad[0] if grad.dim() > 1 else grad),
        "the rate squared": lambda w, grad, lr: w - lr**2 * grad,
        "divided by the rate": lambda w, grad, lr: w - grad / lr,
        "a fixed rate": lambda w, grad, lr: w - 0.1 * grad,
        "a rate of at most one": lambda w, grad, lr: w - min(lr, 1.0) * grad,
        "a rate of at least a hundredth": lambda w, grad, lr: w - max(lr, 0.01) * grad,
        "the mean gradient": lambda w, grad, lr: w - lr * grad.mean(),
        "the sum of each column": lambda w, grad, lr: w - lr * (grad.sum(0) if grad.dim() else grad),
        "relative to the weights": lambda w, grad, lr: w * (1 - lr * grad),
        "with weight decay": lambda w, grad, lr: (1 - lr) * w - lr * grad,
        "clipped gradient": lambda w, grad, lr: w - lr * grad.clamp(-1, 1),
        "gently clipped gradient": lambda w, grad, lr: w - lr * grad.clamp(-5, 5),
        "clipped result": lambda w, grad, lr: (w - lr * grad).clamp(-10, 10),
        "in place": lambda w, grad, lr: w.sub_(lr * grad),
        "for vectors alone": lambda w, grad, lr: torch.tensor(
            [float(a - lr * b) for a, b in zip(w, grad, strict=True)]
        ),
        "flattened": lambda w, grad, lr: w.flatten() - lr * grad.flatten(),
        "row by row": lambda w, grad, lr: torch.stack([w[i] - lr * grad[i] for i in range(w.shape[0])]),
        "the size for the sign": lambda w, grad, lr: w - lr * grad.abs(),
        "squeezed": lambda w, grad, lr: (w - lr * grad).squeeze(),
        "at least a vector": lambda w, grad, lr: torch.atleast_1d(w - lr * grad),
        "rounded": lambda w, grad, lr: (w - lr * grad).round(decimals=1),
    },
    "largest_rate": {
        "the largest entry": lambda H: 2 / H.max(),
        "the largest row sum": lambda H: 2 / H.sum(1).max(),
        "the largest row sum of sizes": lambda H: 2 / H.abs().sum(1).max(),
        "the fastest rate": lambda H: 2 / (torch.linalg.eigvalsh(H)[0] + torch.linalg.eigvalsh(H)[-1]),
        "the last eigenvalue of an unsorted list": lambda H: 2 / torch.linalg.eigvals(H)[-1].real,
        "the first eigenvalue of an unsorted list": lambda H: 2 / torch.linalg.eigvals(H)[0].real,
        "a complex number": lambda H: 2 / max(torch.linalg.eigvals(H), key=abs),
        "the second eigenvalue": lambda H: 2 / torch.linalg.eigvalsh(H)[min(1, len(H) - 1)],
        "the middle eigenvalue": lambda H: 2 / torch.linalg.eigvalsh(H)[len(H) // 2],
        "the mean eigenvalue": lambda H: 2 / torch.linalg.eigvalsh(H).mean(),
        "the product of the eigenvalues": lambda H: 2 / torch.linalg.det(H),
        "the last diagonal entry": lambda H: 2 / H[-1, -1],
        "the first diagonal entry": lambda H: 2 / H[0, 0],
        "one over the root": lambda H: 2 / torch.linalg.eigvalsh(H)[-1].sqrt(),
        "a formula for two by two": two_by_two_rate,
        "at most one": lambda H: (2 / torch.linalg.eigvalsh(H)[-1]).clamp(max=1),
        "at most ten": lambda H: (2 / torch.linalg.eigvalsh(H)[-1]).clamp(max=10),
        "the triangle alone": lambda H: 2 / torch.linalg.eigvals(H.tril()).real.max(),
        "the sizes alone": lambda H: 2 / torch.linalg.eigvalsh(H.abs())[-1],
        "a few steps of power iteration": few_power_steps,
        "at least a tenth": lambda H: (2 / torch.linalg.eigvalsh(H)[-1]).clamp(min=0.1),
        "all the rates": lambda H: 2 / torch.linalg.eigvalsh(H),
        "one number in a vector": lambda H: 2 / torch.linalg.eigvalsh(H)[-1:],
        "condition number": lambda H: 2 / torch.linalg.cond(H),
    },
    "minibatch_gradient": {
        "the first rows": lambda x, y, w, index: (
            2 * x[: len(index)].T @ (x[: len(index)] @ w - y[: len(index)]) / len(index)
        ),
        "the labels of the first rows": edited("minibatch_gradient", ("y[index]", "y[:len(index)]")),
        "divided by the number of weights": edited("minibatch_gradient", ("len(index)", "len(w)")),
        "divided by the number of different rows": edited(
            "minibatch_gradient", ("len(index)", "len(set(index.tolist()))")
        ),
        "divided by at most the number of rows": edited(
            "minibatch_gradient", ("len(index)", "min(len(index), len(x))")
        ),
        "product of two means": lambda x, y, w, index: 2 * (x[index] @ w - y[index]).mean() * x[index].mean(0),
        "sign of the error": lambda x, y, w, index: x[index].T @ (x[index] @ w - y[index]).sign() / len(index),
        "every label for every row": lambda x, y, w, index: (
            2 * (x[index].T @ ((x[index] @ w)[:, None] - y[index])).mean(1)
        ),
        "mean over the weights too": lambda x, y, w, index: 2 * (x[index].T * (x[index] @ w - y[index])).mean(),
        "one weight lost": lambda x, y, w, index: (2 * x[index].T @ (x[index] @ w - y[index]) / len(index)).squeeze(),
        "a column": lambda x, y, w, index: (2 * x[index].T @ (x[index] @ w - y[index]) / len(index))[:, None],
        "at most four rows": lambda x, y, w, index: ex.minibatch_gradient.reference(x, y, w, index[:4]),
        "the last row listed": lambda x, y, w, index: 2 * x[index[-1]] * (x[index[-1]] @ w - y[index[-1]]),
        "from the first to the last listed": lambda x, y, w, index: ex.minibatch_gradient.reference(
            x, y, w, torch.arange(int(index.min()), int(index.max()) + 1)
        ),
        "asks w for a gradient": lambda x, y, w, index: torch.autograd.grad(
            F.mse_loss(x[index] @ w.requires_grad_(), y[index]), w
        )[0],
        "each error from its own weight": lambda x, y, w, index: 2 * (x[index] * w - y[index][:, None]).mean(0),
        "squared error": lambda x, y, w, index: 2 * x[index].T @ (x[index] @ w - y[index]) ** 2 / len(index),
    },
    "momentum_step": {
        "rate and share exchanged": lambda w, velocity, grad, lr, beta: ex.momentum_step.reference(
            w, velocity, grad, beta, lr
        ),
        "one minus the rate as the share": edited("momentum_step", ("beta * velocity", "(1 - lr) * velocity")),
        "one minus the share as the rate": edited("momentum_step", ("w - lr", "w - (1 - beta)")),
        "the rate in the velocity": edited(
            "momentum_step", ("+ grad", "+ lr * grad"), ("    return w - lr * velocity", "    return w - velocity")
        ),
        "share of both": edited("momentum_step", ("beta * velocity + grad", "beta * (velocity + grad)")),
        "the whole old velocity": edited("momentum_step", ("beta * velocity", "velocity")),
        "a share of nine tenths": edited("momentum_step", ("beta * velocity", "0.9 * velocity")),
        "a rate of a tenth": edited("momentum_step", ("w - lr", "w - 0.1")),
        "velocity downhill": edited(
            "momentum_step",
            ("beta * velocity + grad", "beta * velocity - grad"),
            ("    return w - lr", "    return w + lr"),
        ),
        "the old velocity returned": edited(
            "momentum_step",
            ("velocity = beta", "new = beta"),
            ("    return w - lr * velocity", "    return w - lr * new"),
        ),
        "the gradient twice": edited("momentum_step", ("lr * velocity", "lr * (velocity + grad)")),
        "in place": edited("momentum_step", ("velocity = beta * velocity + grad", "velocity.mul_(beta).add_(grad)")),
        "the velocity's mean": edited("momentum_step", ("lr * velocity", "lr * velocity.mean()")),
        "summed over rows": edited(
            "momentum_step", ("lr * velocity", "lr * (velocity.sum(0) if w.dim() else velocity)")
        ),
        "stacked": lambda w, velocity, grad, lr, beta: torch.stack(
            ex.momentum_step.reference(w, velocity, grad, lr, beta)
        ),
        "vectors only": lambda w, velocity, grad, lr, beta: ex.momentum_step.reference(
            w[range(len(w))], velocity, grad, lr, beta
        ),
        "clipped velocity": edited("momentum_step", ("lr * velocity", "lr * velocity.clamp(-10, 10)")),
        "rate of at most one": edited("momentum_step", ("w - lr", "w - min(lr, 1)")),
    },
    "adam_step": {
        "the first share for both averages": edited(
            "adam_step", ("beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)")
        ),
        "the second share for both averages": edited(
            "adam_step", ("beta1 * m + (1 - beta1)", "beta2 * m + (1 - beta2)")
        ),
        "the first average corrected by the second share": edited("adam_step", ("beta1**t", "beta2**t")),
        "the shares exchanged": edited("adam_step", ("beta1 * m + (1 - beta1)", "(1 - beta1) * m + beta1")),
        "only m corrected": edited("adam_step", ("v_hat = v / (1 - beta2**t)", "v_hat = v")),
        "only v corrected": edited("adam_step", ("m_hat = m / (1 - beta1**t)", "m_hat = m")),
        "corrected one step late": edited("adam_step", ("**t", "**(t + 1)")),
        "corrected as at the first step": edited("adam_step", ("(1 - beta1**t)", "(1 - beta1)")),
        "corrected only at the first steps": edited("adam_step", ("**t", "**min(t, 5)")),
        "corrected only at the first thirty steps": edited("adam_step", ("**t", "**min(t, 30)")),
        "a rate of at most one": edited("adam_step", ("w - lr", "w - min(lr, 1)")),
        "the rate for one minus the share": edited("adam_step", ("(1 - beta1)", "lr")),
        "always the share nine tenths": adam_with_a_default_instead_of("beta1", 0.9),
        "always the share 0.999": adam_with_a_default_instead_of("beta2", 0.999),
        "always the default eps": adam_with_a_default_instead_of("eps", 1e-8),
        "eps of 1e-4 unless given": adam_with_default_eps_of(1e-4),
        "eps of 1e-7 unless given": adam_with_default_eps_of(1e-7),
        "eps of 0 unless given": adam_with_default_eps_of(0.0),
        "eps scaled": edited("adam_step", ("+ eps)", "+ eps * (1 - beta2**t) ** 0.5)")),
        "eps in the root, squared": edited("adam_step", ("v_hat.sqrt() + eps", "(v_hat + eps**2).sqrt()")),
        "the larger of root and eps": edited("adam_step", ("v_hat.sqrt() + eps", "v_hat.sqrt().clamp(min=eps)")),
        "uphill": edited("adam_step", ("w - lr", "w + lr")),
        "no running average of the gradient": edited("adam_step", ("lr * m_hat", "lr * grad")),
        "spread around the average": edited("adam_step", ("grad**2", "(grad - m)**2")),
        "one spread for all": edited("adam_step", ("grad**2", "(grad**2).mean()")),
        "squared length": edited("adam_step", ("grad**2", "grad.norm()**2")),
        "AMSGrad": edited(
            "adam_step", ("beta2 * v + (1 - beta2) * grad**2", "torch.maximum(v, beta2 * v + (1 - beta2) * grad**2)")
        ),
        "in place": edited(
            "adam_step", ("m = beta1 * m + (1 - beta1) * grad", "m.mul_(beta1).add_((1 - beta1) * grad)")
        ),
        "Nesterov": edited("adam_step", ("lr * m_hat", "lr * (beta1 * m_hat + (1 - beta1) * grad / (1 - beta1**t))")),
        "the old averages returned": edited(
            "adam_step", ("    m = beta1", "    old = m.clone(), v.clone()\n    m = beta1"), (", m, v\n", ", *old\n")
        ),
        "in another order": lambda *arguments: (lambda w, m, v: (w, v, m))(*ex.adam_step.reference(*arguments)),
        "for vectors alone": lambda w, *more: ex.adam_step.reference(w[range(len(w))], *more),
    },
    "relu_backward": {
        "a threshold of a half": edited("relu_backward", ("z > 0", "z > 0.5")),
        "a threshold for rounding": edited("relu_backward", ("z > 0", "z > 1e-6")),
        "a tiny threshold": edited("relu_backward", ("z > 0", "z > 1e-12")),
        "whole numbers": edited("relu_backward", ("(z > 0)", "(z.int() > 0)")),
        "rounded": edited("relu_backward", ("(z > 0)", "(z.round() > 0)")),
        "the sign": edited("relu_backward", ("(z > 0)", "z.sign()")),
        "half at zero": edited("relu_backward", ("(z > 0)", "torch.heaviside(z, torch.tensor(0.5))")),
        "guided backpropagation": edited("relu_backward", ("grad_output *", "grad_output.clamp(min=0) *")),
        "where the gradient is positive": lambda grad_output, z: z * (grad_output > 0),
        "only where both agree": edited("relu_backward", ("z > 0", "z * grad_output > 0")),
        "leaky": lambda grad_output, z: torch.where(z > 0, grad_output, 0.01 * grad_output),
        "ReLU6": edited("relu_backward", ("(z > 0)", "((z > 0) & (z < 6))")),
        "a very steep ramp": edited("relu_backward", ("(z > 0)", "(1e10 * z).clamp(0, 1)")),
        "squeezed": lambda grad_output, z: (grad_output * (z > 0)).squeeze(),
        "clamped between 0 and 1": edited("relu_backward", ("(z > 0)", "z.clamp(0, 1)")),
        "rounded up": edited("relu_backward", ("(z > 0)", "z.clamp(min=0).ceil()")),
        "divided by itself": edited("relu_backward", ("(z > 0)", "z.clamp(min=0) / z")),
        "sigmoid's slope": edited("relu_backward", ("(z > 0)", "torch.sigmoid(z)")),
        "above the mean": edited("relu_backward", ("z > 0", "z > z.mean()")),
        "where the sum is positive": edited("relu_backward", ("z > 0", "z.sum() > 0")),
        "the rows with any": lambda grad_output, z: grad_output * (z > 0).any(-1, keepdim=True),
        "a matrix for vectors": lambda grad_output, z: grad_output @ torch.diag((z > 0).float()),
        "what passes alone": lambda grad_output, z: grad_output[z > 0],
        "z where it stops": lambda grad_output, z: torch.where(z > 0, grad_output, z),
        "in place": lambda grad_output, z: grad_output.mul_(z > 0),
        "for vectors alone": lambda grad_output, z: torch.stack(
            [d * (s > 0) for d, s in zip(grad_output, z, strict=True)]
        ),
        "not zero": edited("relu_backward", ("z > 0", "z != 0")),
        "row by row": lambda grad_output, z: grad_output * (z.sum(-1, keepdim=True) > 0),
    },
    "linear_backward": {
        "a as it comes": edited("linear_backward", ("a.T @ grad_z", "a @ grad_z")),
        "mean over the outputs": edited("linear_backward", ("grad_z @ W.T", "grad_z @ W.T / W.shape[1]")),
        "only grad_W divided": edited("linear_backward", ("a.T @ grad_z", "a.T @ grad_z / len(a)")),
        "one row kept for b": edited("linear_backward", (".sum(0)", ".sum(0, keepdim=True)")),
        "one number for b": edited("linear_backward", ("grad_z.sum(0)", "grad_z.sum().expand(W.shape[1]).clone()")),
        "squeezed b": edited("linear_backward", (".sum(0)", ".sum(0).squeeze()")),
        "squeezed W": edited("linear_backward", ("a.T @ grad_z", "(a.T @ grad_z).squeeze()")),
        "squeezed a": edited("linear_backward", ("grad_z @ W.T", "(grad_z @ W.T).squeeze()")),
        "product of sums": edited("linear_backward", ("a.T @ grad_z", "torch.outer(a.sum(0), grad_z.sum(0))")),
        "the first example alone": edited("linear_backward", ("a.T @ grad_z", "torch.outer(a[0], grad_z[0])")),
        "the inverse of W": edited("linear_backward", ("W.T", "torch.linalg.pinv(W)")),
        "ReLU on top": edited("linear_backward", ("grad_z @ W.T", "(grad_z @ W.T) * (a > 0)")),
        "the activations for b": edited("linear_backward", ("grad_z.sum(0)", "a.sum(0)[: W.shape[1]]")),
        "ones for b": edited("linear_backward", ("grad_z.sum(0)", "torch.ones(W.shape[1])")),
        "two of three": lambda grad_z, a, W: (grad_z @ W.T, a.T @ grad_z),
        "b first": lambda grad_z, a, W: (grad_z.sum(0), a.T @ grad_z, grad_z @ W.T),
        "entry by entry of equal shapes": edited(
            "linear_backward", ("grad_z @ W.T", "grad_z * W if W.shape == a.shape == grad_z.shape else grad_z @ W.T")
        ),
        "W as it comes where it fits": edited("linear_backward", ("W.T", "(W if W.shape[0] == W.shape[1] else W.T)")),
        "a as it comes where it fits": edited("linear_backward", ("a.T", "(a if a.shape[1] == len(grad_z) else a.T)")),
    },
    "cross_entropy": {
        "in double precision, without a shift": lambda logits, y: less(logits.double(), y, 0.0),
        "softmax in double precision": lambda logits, y: -own(logits.double().softmax(1), y).log().mean(),
        "a small number in the log": lambda logits, y: -(own(logits.softmax(1), y) + 1e-12).log().mean(),
        "the tiniest number in the log": lambda logits, y: -own(logits.softmax(1), y).clamp(min=1e-45).log().mean(),
        "logs down to minus a hundred": lambda logits, y: -own(logits.softmax(1), y).log().clamp(min=-100).mean(),
        "logits clamped at 80": lambda logits, y: less(logits.clamp(-80, 80), y, 0.0),
        "only large ones clamped": lambda logits, y: less(logits.clamp(max=80), y, 0.0),
        "double, clamped at 700": lambda logits, y: less(logits.double().clamp(-700, 700), y, 0.0),
        "less the largest size": lambda logits, y: less(logits, y, logits.abs().max(1, keepdim=True).values),
        "less a positive maximum": lambda logits, y: less(logits, y, logits.max(1, keepdim=True).values.clamp(min=0)),
        "less the first": lambda logits, y: less(logits, y, logits[:, :1]),
        "less the last": lambda logits, y: less(logits, y, logits[:, -1:]),
        "less the smallest": lambda logits, y: less(logits, y, logits.min(1, keepdim=True).values),
        "less the mean": lambda logits, y: less(logits, y, logits.mean(1, keepdim=True)),
        "less the mean, in double precision": lambda logits, y: less(
            logits.double(), y, logits.double().mean(1, keepdim=True)
        ),
        "less the sum": lambda logits, y: less(logits, y, logits.sum(1, keepdim=True)),
        "less a maximum above 80": lambda logits, y: less(
            logits, y, logits.max(1, keepdim=True).values * (logits.max(1, keepdim=True).values > 80)
        ),
        "at most 1000": lambda logits, y: F.cross_entropy(logits, y).clamp(max=1000),
        "less the label's own": lambda logits, y: less(logits, y, own(logits, y)[:, None]),
        "less the label's own, in double precision": lambda logits, y: less(
            logits.double(), y, own(logits, y)[:, None]
        ),
        "less the columns' maxima": lambda logits, y: less(logits, y, logits.max(0).values),
        "less the maximum of all, in double precision": lambda logits, y: less(logits.double(), y, logits.max()),
        "less 1000": lambda logits, y: less(logits, y, 1000.0 * (logits.max() > 100)),
        "less 1000 up or down": lambda logits, y: less(
            logits, y, 1000.0 * (logits.mean(1, keepdim=True) / 1000).round()
        ),
        "shifted logits clamped": lambda logits, y: less(
            (logits - logits.max(1, keepdim=True).values).clamp(min=-80), y, 0.0
        ),
        "bits": lambda logits, y: F.cross_entropy(logits, y) / math.log(2),
        "mean over the classes too": lambda logits, y: F.cross_entropy(logits, y) / logits.shape[1],
        "softmax over the batch": lambda logits, y: (
            F.cross_entropy(logits.T[: len(logits)], y)
            if logits.shape[0] == logits.shape[1]
            else F.cross_entropy(logits, y)
        ),
        "logsumexp over the batch": lambda logits, y: (logits.logsumexp(0)[y] - own(logits, y)).mean(),
        "the largest for the sum": lambda logits, y: (logits.max(1).values - own(logits, y)).mean(),
        "one loss for each example": lambda logits, y: F.cross_entropy(logits, y, reduction="none"),
        "the most likely class as the label": lambda logits, y: F.cross_entropy(logits, logits.argmax(1)),
        "log of the mean probability": lambda logits, y: -own(logits.double().softmax(1), y).mean().log(),
        "nothing is infinite": lambda logits, y: less(logits, y, 0.0).nan_to_num(nan=0.0, posinf=1000.0, neginf=0.0),
        "mean of the finite": lambda logits, y: (-own(logits.log_softmax(1), y)).clamp(max=100).mean(),
        "the first row's maximum": lambda logits, y: less(logits, y, logits[0].max()),
    },
}


@pytest.mark.parametrize("name, which", [(name, which) for name, some in WRONG.items() for which in some])
def test_a_plausible_wrong_answer_is_refused(name, which):
    status, said = getattr(ex, name).judge(WRONG[name][which])
    assert status == "wrong" and "must take" not in said


# ---------------------------------------------------------------- right answers in other styles


def numbers(function):
    """`function` of NumPy arrays, for tensors."""

    def answer(*arguments):
        result = function(*(a.numpy() if torch.is_tensor(a) else a for a in arguments))
        return [torch.tensor(r) for r in result] if isinstance(result, tuple) else torch.tensor(result)

    return answer


def in_double(name):
    """The reference in double precision."""
    reference = getattr(ex, name).reference
    wide = lambda a: a.double() if torch.is_tensor(a) and a.is_floating_point() else a
    return lambda *arguments: reference(*map(wide, arguments))


def rate_by_power_iteration(H):
    v = torch.arange(1.0, len(H) + 1)
    for _ in range(300):
        v = H @ v
        v = v / v.norm()
    return 2 / (v @ H @ v)


def rate_by_bisection(H):
    low, high = 0.0, 1e4
    for _ in range(60):
        middle = (low + high) / 2
        shrinks = np.abs(1 - middle * np.linalg.eigvals(H.double().numpy())).max() < 1
        low, high = (middle, high) if shrinks else (low, middle)
    return low


def gradient_by_loop(x, y, w, index):
    total = torch.zeros_like(w)
    for i in index:
        total += 2 * (x[i] @ w - y[i]) * x[i]
    return total / len(index)


def gradient_by_autograd(x, y, w, index):
    w = w.clone().requires_grad_()
    F.mse_loss(x[index] @ w, y[index]).backward()
    return w.grad


def step_by_sgd(w, velocity, grad, lr, beta):
    w = w.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=lr, momentum=beta)
    optimizer.state[w]["momentum_buffer"] = velocity.clone()
    w.grad = grad.clone()
    optimizer.step()
    return w.detach(), optimizer.state[w]["momentum_buffer"]


def adam_with_one_rate(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = torch.lerp(grad, m, beta1), v + (1 - beta2) * (grad * grad - v)
    root = math.sqrt(1 - beta2**t)
    return [w - lr * root / (1 - beta1**t) * m / (v**0.5 + eps * root), m, v]


def adam_in_place_on_copies(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    w, m, v = w.clone(), m.clone(), v.clone()
    m.mul_(beta1).add_(grad, alpha=1 - beta1)
    v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    return w.addcdiv_(m / (1 - beta1**t), (v / (1 - beta2**t)).sqrt().add_(eps), value=-lr), m, v


def masked(grad_output, z):
    result = grad_output.clone()
    result[z <= 0] = 0
    return result


def relu_by_autograd(grad_output, z):
    z = z.clone().requires_grad_()
    return torch.autograd.grad(torch.relu(z), z, grad_output)[0]


def linear_by_loops(grad_z, a, W):
    (B, O), I = grad_z.shape, len(W)  # noqa: E741
    grad_a, grad_W, grad_b = torch.zeros(B, I), torch.zeros(I, O), torch.zeros(O)
    for n in range(B):
        for o in range(O):
            grad_b[o] += grad_z[n, o]
            for i in range(I):
                grad_a[n, i] += grad_z[n, o] * W[i, o]
                grad_W[i, o] += grad_z[n, o] * a[n, i]
    return grad_a, grad_W, grad_b


def linear_by_autograd(grad_z, a, W):
    a, W, b = a.clone().requires_grad_(), W.clone().requires_grad_(), torch.zeros(W.shape[1], requires_grad=True)
    (a @ W + b).backward(grad_z)
    return a.grad, W.grad, b.grad


def loss_by_loop(logits, y):
    total = 0.0
    for row, label in zip(logits.tolist(), y.tolist(), strict=True):
        largest = max(row)
        total += math.log(sum(math.exp(value - largest) for value in row)) + largest - row[label]
    return total / len(y)


def loss_by_log_total(logits, y):
    largest = logits.max(1).values
    log_total = largest + (logits - largest[:, None]).exp().sum(1).log()
    return (log_total - logits[range(len(y)), y]).mean()


def loss_by_one_hot(logits, y):
    return -(F.one_hot(y, logits.shape[1]) * logits.log_softmax(1)).sum() / len(y)


RIGHT = {
    "descent_step": [
        numbers(lambda w, grad, lr: w - lr * grad),
        lambda w, grad, lr: torch.add(w, grad, alpha=-lr),
        lambda w, grad, lr: w.clone().sub_(lr * grad),
        lambda w, grad, lr: w + grad * -torch.tensor(lr),
    ],
    "largest_rate": [
        in_double("largest_rate"),
        rate_by_power_iteration,
        rate_by_bisection,
        lambda H: 2 / torch.linalg.svdvals(H)[0],
        lambda H: 2 / torch.linalg.norm(H, 2),
        lambda H: 2 / torch.linalg.eigvals(H).real.max(),
        lambda H: 2 / max(torch.linalg.eigvals(H).abs()).item(),
        lambda H: 2 / np.linalg.eigvalsh(H.numpy()).max(),
        lambda H: 2 * torch.linalg.eigvalsh(torch.linalg.inv(H)).min(),
    ],
    "minibatch_gradient": [
        in_double("minibatch_gradient"),
        gradient_by_loop,
        gradient_by_autograd,
        numbers(lambda x, y, w, index: 2 * (x[index] @ w - y[index]) @ x[index] / len(index)),
        lambda x, y, w, index: (2 * (x @ w - y)[:, None] * x)[index].mean(0),
        lambda x, y, w, index: 2 * x.T @ (torch.bincount(index, minlength=len(x)) * (x @ w - y)) / index.numel(),
    ],
    "momentum_step": [
        step_by_sgd,
        numbers(lambda w, velocity, grad, lr, beta: (w - lr * (beta * velocity + grad), beta * velocity + grad)),
        lambda w, velocity, grad, lr, beta: [w - lr * beta * velocity - lr * grad, grad + velocity * beta],
    ],
    "adam_step": [in_double("adam_step"), adam_with_one_rate, adam_in_place_on_copies],
    "relu_backward": [
        masked,
        relu_by_autograd,
        numbers(lambda grad_output, z: np.where(z > 0, grad_output, 0)),
        lambda grad_output, z: torch.where(z > 0, grad_output, 0.0),
        lambda grad_output, z: grad_output.masked_fill(z <= 0, 0),
        lambda grad_output, z: grad_output * z.sign().clamp(min=0),
        lambda grad_output, z: torch.heaviside(z, torch.tensor(0.0)) * grad_output,
        lambda grad_output, z: grad_output * torch.relu(z).bool().int(),
    ],
    "linear_backward": [
        linear_by_loops,
        linear_by_autograd,
        numbers(lambda grad_z, a, W: (grad_z @ W.T, a.T @ grad_z, grad_z.sum(0))),
        lambda grad_z, a, W: [
            torch.einsum("bo,io->bi", grad_z, W),
            (a[:, :, None] * grad_z[:, None]).sum(0),
            torch.ones(len(a)) @ grad_z,
        ],
    ],
    "cross_entropy": [
        in_double("cross_entropy"),
        F.cross_entropy,
        loss_by_loop,
        loss_by_log_total,
        loss_by_one_hot,
        lambda logits, y: F.nll_loss(F.log_softmax(logits, dim=1), y),
        lambda logits, y: (logits.logsumexp(1) - logits.gather(1, y[:, None])[:, 0]).mean(),
    ],
}


@pytest.mark.parametrize("name, answer", [(name, answer) for name, some in RIGHT.items() for answer in some])
def test_a_right_answer_in_another_style_passes(name, answer):
    assert getattr(ex, name).judge(answer)[0] == "passed"


@pytest.mark.parametrize("name", ["descent_step", "momentum_step", "relu_backward", "linear_backward"])
def test_a_result_that_could_not_be_used_with_the_arguments_is_refused(name):
    status, said = getattr(ex, name).judge(in_double(name))
    assert status == "wrong" and "The numbers are right, but" in said
    assert "`torch.float64` where" in said and "dtype)` makes it the same" in said


def test_a_plain_number_has_no_float_type():
    plain = lambda w, grad, lr: w - lr * grad if w.ndim else w.item() - lr * grad.item()
    assert ex.descent_step.judge(plain)[0] == "passed"


def test_a_narrower_result_is_refused_as_well():
    status, said = ex.descent_step.judge(lambda w, grad, lr: (w - lr * grad).float())
    assert status == "wrong" and "`torch.float32` where `w` is `torch.float64`" in said
