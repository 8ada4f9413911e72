"""The exercises of notebook 01, Train a network by gradient descent."""

import torch

from course_utils.exercise import Exercise, Mistake


def randn(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 numbers from a standard normal distribution, rounded so that feedback stays short."""
    return (torch.randn(*shape, generator=generator) * 4).round() / 4


# ---------------------------------------------------------------- 1


def descent_step_reference(w, grad, lr):
    return w - lr * grad


descent_step = Exercise(
    reference=descent_step_reference,
    notebook="01",
    name="descent_step",
    title="1, one step downhill",
    minutes=3,
    difficulty=1,
    cases=lambda g: [
        (randn(g, 2), randn(g, 2), 0.1),
        (randn(g, 3), randn(g, 3), 0.5),
        (randn(g, 2, 3), randn(g, 2, 3), 2.0),
    ],
    hints=[
        "The gradient points uphill, in the direction in which the loss grows fastest. Which way do you want to go?",
        "The step is the learning rate times the gradient; take it away from `w` and return the result.",
    ],
    mistakes=[
        Mistake(lambda w, grad, lr: w + lr * grad, "That walks uphill: the gradient points to where the loss grows."),
        Mistake(lambda w, grad, lr: w - grad, "The learning rate is missing: it scales the step."),
        Mistake(lambda w, grad, lr: -lr * grad, "That is the step alone; return where it leads, starting from `w`."),
        Mistake(lambda w, grad, lr: w - lr * grad.sign(), "That uses only the gradient's sign; its size counts too."),
    ],
    look_at="the sign and the size of the step",
)

# ---------------------------------------------------------------- 2


def largest_rate_reference(H):
    return 2 / torch.linalg.eigvalsh(H)[-1]


def curvatures(g: torch.Generator, n: int) -> torch.Tensor:
    """Return a symmetric matrix (n, n) with positive eigenvalues."""
    a = randn(g, 2 * n, n)
    return a.T @ a / n + 0.5 * torch.eye(n)


largest_rate = Exercise(
    reference=largest_rate_reference,
    notebook="01",
    name="largest_rate",
    title="2, the largest learning rate",
    minutes=5,
    difficulty=2,
    cases=lambda g: [(torch.diag(torch.tensor([1.0, 4.0])),), (curvatures(g, 2),), (curvatures(g, 5),)],
    hints=[
        "Along an eigenvector with eigenvalue λ, a step multiplies the distance to the bottom by 1 − lr·λ.",
        "It diverges once |1 − lr·λ| passes 1. Which eigenvalue is the first to get there?",
        "`torch.linalg.eigvalsh(H)` gives the eigenvalues of a symmetric matrix, smallest first.",
    ],
    mistakes=[
        Mistake(
            lambda H: 1 / torch.linalg.eigvalsh(H)[-1],
            "At this rate the steepest direction is solved in one step; twice as far it still shrinks.",
        ),
        Mistake(
            lambda H: 2 / torch.linalg.eigvalsh(H)[0],
            "That is the limit of the flattest direction; the steepest one diverges long before.",
        ),
        Mistake(lambda H: 2 / H.trace(), "The trace is the sum of all eigenvalues; only the largest one counts."),
        Mistake(lambda H: 2 / H.diagonal().max(), "The largest entry on the diagonal is not the largest eigenvalue."),
        Mistake(
            lambda H: torch.linalg.eigvalsh(H)[-1], "That is λmax itself; at which rate does |1 − lr·λmax| reach 1?"
        ),
    ],
    look_at="the largest eigenvalue of H",
    tolerance=1e-4,
)

# ---------------------------------------------------------------- 3


def minibatch_gradient_reference(x, y, w, index):
    x, y = x[index], y[index]
    error = x @ w - y
    return 2 * x.T @ error / len(index)


def _whole_gradient(x, y, w, index):
    return 2 * x.T @ (x @ w - y) / len(x)


def _each_once_gradient(x, y, w, index):
    return minibatch_gradient_reference(x, y, w, index.unique())


minibatch_gradient = Exercise(
    reference=minibatch_gradient_reference,
    notebook="01",
    name="minibatch_gradient",
    title="3, the gradient of a few examples",
    minutes=6,
    difficulty=2,
    cases=lambda g: [
        (randn(g, 6, 2), randn(g, 6), randn(g, 2), torch.tensor([0, 3, 4])),
        (randn(g, 4, 2), randn(g, 4), randn(g, 2), torch.tensor([3, 1, 1])),
        (randn(g, 5, 4), randn(g, 5), randn(g, 4), torch.tensor([2])),
    ],
    hints=[
        "Pick the rows first: `x[index]` has one row for each chosen example, `y[index]` its label.",
        "The loss of one example is (x·w − y)²; its gradient with respect to w is 2 (x·w − y) x.",
        "Average those gradients over the chosen examples: `x.T @ error` adds them up.",
    ],
    mistakes=[
        Mistake(
            _each_once_gradient, "A row that is listed twice counts twice: index with `x[index]`, not with a mask."
        ),
        Mistake(_whole_gradient, "That is the gradient over all examples; use only the rows in `index`."),
        Mistake(
            lambda x, y, w, index: 2 * x[index].T @ (x[index] @ w - y[index]),
            "That is the sum over the mini-batch; the loss is a mean, so divide by the number of chosen examples.",
        ),
        Mistake(
            lambda x, y, w, index: 2 * x[index].T @ (x[index] @ w - y[index]) / len(x),
            "Divide by the number of chosen examples, not by the number of all of them.",
        ),
        Mistake(
            lambda x, y, w, index: x[index].T @ (x[index] @ w - y[index]) / len(index),
            "The factor 2 is missing: the derivative of error² is 2 · error.",
        ),
        Mistake(
            lambda x, y, w, index: 2 * x[index].T @ (y[index] - x[index] @ w) / len(index),
            "The sign is turned round: the error is prediction minus label.",
        ),
    ],
    look_at="which rows are used and what you divide by",
)

# ---------------------------------------------------------------- 4


def momentum_step_reference(w, velocity, grad, lr, beta):
    velocity = beta * velocity + grad
    return w - lr * velocity, velocity


momentum_step = Exercise(
    reference=momentum_step_reference,
    notebook="01",
    name="momentum_step",
    title="4, a step with momentum",
    minutes=5,
    difficulty=1,
    cases=lambda g: [
        (randn(g, 2), randn(g, 2), randn(g, 2), 0.1, 0.9),
        (randn(g, 3), randn(g, 3), randn(g, 3), 0.5, 0.5),
        (randn(g, 2), torch.zeros(2), randn(g, 2), 0.1, 0.9),
    ],
    hints=[
        "Velocity first: keep the share `beta` of the old one and add the gradient.",
        "Then walk: take `lr` times the *new* velocity away from `w`. Return both, the weights first.",
    ],
    mistakes=[
        Mistake(
            lambda w, velocity, grad, lr, beta: (w - lr * velocity, beta * velocity + grad),
            "The weights moved by the old velocity; renew the velocity first.",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (w - lr * grad, beta * velocity + grad),
            "The weights moved by the gradient alone: momentum is kept but never used.",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (
                w - lr * (beta * velocity + (1 - beta) * grad),
                beta * velocity + (1 - beta) * grad,
            ),
            "Here the gradient enters whole, without the factor 1 − beta (that is another convention, Adam's).",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (w + lr * (beta * velocity + grad), beta * velocity + grad),
            "That walks uphill: take the step away from `w`.",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (beta * velocity + grad, w - lr * (beta * velocity + grad)),
            "Both values are right, in the other order: return the weights first, then the velocity.",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (w + beta * velocity - lr * grad, beta * velocity - lr * grad),
            "Here the learning rate stays out of the velocity (that is another convention, Keras').",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: (
                w - lr * (grad + beta * (beta * velocity + grad)),
                beta * velocity + grad,
            ),
            "That is Nesterov's variant; the plain one walks along the new velocity itself.",
        ),
        Mistake(
            lambda w, velocity, grad, lr, beta: w - lr * (beta * velocity + grad),
            "The new velocity is needed at the next step: return `w, velocity`.",
        ),
    ],
    look_at="the order: velocity first, then the weights",
)

# ---------------------------------------------------------------- 5


def adam_step_reference(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _adam(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, correct=True, root=True, square=True):
    """Return an Adam step with one thing left out, for the usual mistakes."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * (grad**2 if square else grad.abs())
    m_hat, v_hat = (m / (1 - beta1**t), v / (1 - beta2**t)) if correct else (m, v)
    return w - lr * m_hat / ((v_hat.sqrt() if root else v_hat) + eps), m, v


def _adam_returns_corrected(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    w, m, v = adam_step_reference(w, m, v, grad, t, lr, beta1, beta2, eps)
    return w, m / (1 - beta1**t), v / (1 - beta2**t)


def _adam_eps_inside(w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    _, m, v = adam_step_reference(w, m, v, grad, t, lr, beta1, beta2, eps)
    return w - lr * (m / (1 - beta1**t)) / (v / (1 - beta2**t) + eps).sqrt(), m, v


adam_step = Exercise(
    reference=adam_step_reference,
    notebook="01",
    name="adam_step",
    title="5, a step of Adam",
    minutes=10,
    difficulty=3,
    cases=lambda g: [
        (randn(g, 2), torch.zeros(2), torch.zeros(2), torch.tensor([0.5, -2.0]), 1, 0.1),
        (randn(g, 3), randn(g, 3), randn(g, 3).abs() + 0.1, randn(g, 3), 7, 0.01, 0.9, 0.999, 1e-8),
        (randn(g, 2), randn(g, 2), torch.tensor([0.04, 0.01]), torch.tensor([0.25, 0.0]), 2, 0.5, 0.8, 0.95, 0.1),
    ],
    hints=[
        "Two running averages: `m` of the gradient (share beta1 of the old), `v` of its square (share beta2).",
        "Both start at zero, so early on they are too small: divide `m` by 1 − beta1**t and `v` by 1 − beta2**t.",
        "The step is lr · m_hat / (√v_hat + eps). Return `w`, `m`, `v`, the averages *before* the correction.",
    ],
    mistakes=[
        Mistake(
            lambda *arguments: _adam(*arguments, correct=False),
            "The correction for starting at zero is missing: divide by 1 − beta1**t and by 1 − beta2**t.",
        ),
        Mistake(
            lambda w, m, v, grad, t, lr, *_: adam_step_reference(w, m, v, grad, t, lr),
            "Use the arguments `beta1`, `beta2` and `eps`, not their usual values.",
        ),
        Mistake(
            lambda w, m, v, grad, t, lr, beta1=0.9, beta2=0.999, eps=1e-8: _adam(
                w, m, v, grad, t, lr, beta1, beta2, 0.0
            ),
            "`eps` is missing: it keeps the quotient finite where v_hat is 0.",
        ),
        Mistake(_adam_eps_inside, "`eps` stands outside the root: √v_hat + eps, not √(v_hat + eps)."),
        Mistake(lambda *arguments: _adam(*arguments, root=False), "Divide by the square root of v_hat."),
        Mistake(lambda *arguments: _adam(*arguments, square=False), "`v` averages the gradient's square."),
        Mistake(_adam_returns_corrected, "Return `m` and `v` as they are before the correction: it is not kept."),
    ],
    look_at="the two averages, then their correction, then the step",
)

# ---------------------------------------------------------------- 6


def relu_backward_reference(grad_output, z):
    return grad_output * (z > 0)


relu_backward = Exercise(
    reference=relu_backward_reference,
    notebook="01",
    name="relu_backward",
    title="6, back through a ReLU",
    minutes=4,
    difficulty=1,
    cases=lambda g: [
        (torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0]), torch.tensor([0.5, 1.5, -0.5, -1.5, 0.0])),
        (randn(g, 3, 4), randn(g, 3, 4) + 0.125),
    ],
    hints=[
        "ReLU copies z where z > 0 and gives 0 elsewhere. What is its slope on each side?",
        "Multiply what comes from above by that slope: 1 where z > 0, 0 where it is not.",
    ],
    mistakes=[
        Mistake(
            lambda grad_output, z: grad_output.clamp(min=0),
            "That applies ReLU to the gradient; a negative gradient passes too, wherever z > 0.",
        ),
        Mistake(
            lambda grad_output, z: grad_output * z.clamp(min=0),
            "That multiplies by ReLU's value; the chain rule multiplies by its slope.",
        ),
        Mistake(lambda grad_output, z: (z > 0).float(), "That is the slope alone; multiply it by `grad_output`."),
        Mistake(lambda grad_output, z: grad_output * (z < 0), "That is the wrong side: the slope is 1 where z > 0."),
        Mistake(lambda grad_output, z: grad_output * 1.0, "The gradient passed unchanged; it stops where z ≤ 0."),
        Mistake(lambda grad_output, z: grad_output * (z >= 0), "At z = 0 itself take slope 0: `z > 0`, not `z >= 0`."),
    ],
    look_at="where z is positive",
)

# ---------------------------------------------------------------- 7


def linear_backward_reference(grad_z, a, W):
    grad_a = grad_z @ W.T
    grad_W = a.T @ grad_z
    grad_b = grad_z.sum(0)
    return grad_a, grad_W, grad_b


linear_backward = Exercise(
    reference=linear_backward_reference,
    notebook="01",
    name="linear_backward",
    title="7, back through a linear layer",
    minutes=10,
    difficulty=3,
    cases=lambda g: [
        (randn(g, 3, 2), randn(g, 3, 4), randn(g, 4, 2)),
        (randn(g, 5, 3), randn(g, 5, 4), randn(g, 4, 3)),
        (randn(g, 1, 2), randn(g, 1, 6), randn(g, 6, 2)),
    ],
    hints=[
        "A gradient has the shape of the thing itself: grad_a is (B, I), grad_W is (I, O), grad_b is (O,).",
        "With grad_z (B, O), a (B, I) and W (I, O) there is one way to multiply two of them into each shape.",
        "b is added to every row, so the rows' gradients add up in it.",
    ],
    mistakes=[
        Mistake(
            lambda grad_z, a, W: (grad_z @ W.T, a.T @ grad_z, grad_z.mean(0)),
            "b reaches every row of z, so its gradients add up: a sum over the batch, not a mean.",
        ),
        Mistake(
            lambda grad_z, a, W: (grad_z @ W.T, a.T @ grad_z / len(a), grad_z.sum(0) / len(a)),
            "Do not divide by the batch size here: the mean stands in the loss, and grad_z already holds it.",
        ),
        Mistake(
            lambda grad_z, a, W: (grad_z @ W.T, a.T @ grad_z, grad_z), "b has one entry for each output: sum over rows."
        ),
        Mistake(
            lambda grad_z, a, W: (a.T @ grad_z, grad_z @ W.T, grad_z.sum(0)),
            "All are right, in another order: return grad_a, grad_W, grad_b.",
        ),
        Mistake(
            lambda grad_z, a, W: (grad_z @ W.T, (a.T @ grad_z).T, grad_z.sum(0)),
            "grad_W has the shape of W, (inputs, outputs): yours is turned over.",
        ),
        Mistake(
            lambda grad_z, a, W: (grad_z @ W, a @ grad_z, grad_z.sum(0)),
            "The matrices must be transposed so that rows meet the right columns: write the shapes down.",
        ),
    ],
    look_at="which entries of z each a, W and b touches",
)

# ---------------------------------------------------------------- 8


def cross_entropy_reference(logits, y):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_total = shifted.exp().sum(dim=1).log()
    return (log_total - shifted[torch.arange(len(y)), y]).mean()


def _of_label(probabilities, y):
    return probabilities[torch.arange(len(y)), y]


cross_entropy = Exercise(
    reference=cross_entropy_reference,
    notebook="01",
    name="cross_entropy",
    title="8, the loss of a classifier",
    minutes=8,
    difficulty=2,
    cases=lambda g: [
        (torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([0])),
        (randn(g, 4, 3), torch.tensor([0, 2, 1, 1])),
        (torch.tensor([[1000.0, 0.0], [5.0, 9.0], [0.0, 1000.0]]), torch.tensor([0, 0, 0])),
    ],
    hints=[
        "The probability of class k is exp(logit k) over the sum of all the exps; the loss is −log of the right one's.",
        "`logits[torch.arange(len(y)), y]` picks each example's logit of its own class.",
        "exp(1000) is infinite. Take the row's largest logit away first: the probabilities stay the same.",
    ],
    mistakes=[
        Mistake(
            lambda logits, y: -_of_label(logits.exp() / logits.exp().sum(1, keepdim=True), y).log().mean(),
            "exp(1000) is infinite: take each row's largest logit away before exp; the probabilities stay the same.",
        ),
        Mistake(
            lambda logits, y: -_of_label(logits.softmax(1), y).log().mean(),
            "A probability can round to 0, and log 0 is infinite: write the log of the quotient as a difference.",
        ),
        Mistake(
            lambda logits, y: ((logits - logits.max()).exp().sum(1).log() - _of_label(logits - logits.max(), y)).mean(),
            "One maximum for the whole batch leaves the other rows near exp(−1000) = 0: take away each row's own.",
        ),
        Mistake(
            lambda logits, y: cross_entropy_reference(logits, y) * len(y),
            "That is the sum over the examples; return their mean.",
        ),
        Mistake(lambda logits, y: -cross_entropy_reference(logits, y), "The sign is turned round: a loss is −log p."),
        Mistake(
            lambda logits, y: _of_label(logits.softmax(1), y).mean(), "That is the probability itself; take −log of it."
        ),
        Mistake(lambda logits, y: -_of_label(logits, y).mean(), "The sum over the other classes is missing."),
    ],
    look_at="−log of the right class's probability, averaged, without infinities",
)
