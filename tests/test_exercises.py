"""Every declared exercise: its stub, its solution and each common mistake get the feedback they should."""

import nbformat
import pytest
import run
from declared import problems

from course_utils.exercises import by_notebook

ALL = [exercise for some in by_notebook().values() for exercise in some]
BOOKS = {path.name[:2]: path for path in run.notebooks()}


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: f"{exercise.notebook}/{exercise.name}")
def test_stub_solution_and_every_common_mistake_get_their_own_feedback(exercise):
    assert problems(exercise) == []


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: f"{exercise.notebook}/{exercise.name}")
def test_the_solution_that_is_shown_is_a_function_of_the_exercises_own_name(exercise):
    assert exercise.source().startswith(f"def {exercise.name}(")
    assert len(exercise.mistakes) >= 4 and len(exercise.hints) >= 2


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: f"{exercise.notebook}/{exercise.name}")
def test_the_solution_that_is_shown_runs_in_the_notebook_and_passes(exercise):
    cells = nbformat.read(BOOKS[exercise.notebook], as_version=4).cells
    (setup,) = (cell.source for cell in cells if "setup" in cell.metadata.get("tags", []))
    names = {}
    exec("\n".join(line for line in setup.split("\n") if line.startswith(("import", "from"))), names)
    exec(exercise.source(), names)
    assert exercise.judge(names[exercise.name])[0] == "passed"


def test_the_references_agree_with_pytorch():
    import torch
    import torch.nn.functional as F

    from course_utils.exercises import gradient_descent as ex

    g = torch.Generator().manual_seed(0)
    z = torch.randn(3, 4, generator=g, requires_grad=True)
    up = torch.randn(3, 4, generator=g)
    (expected,) = torch.autograd.grad(F.relu(z), z, up)
    assert torch.equal(ex.relu_backward.reference(up, z.detach()), expected)

    a, W, b = (torch.randn(*s, generator=g, requires_grad=True) for s in ((3, 5), (5, 4), (4,)))
    for got, want in zip(
        ex.linear_backward.reference(up, a.detach(), W.detach()),
        torch.autograd.grad(a @ W + b, (a, W, b), up),
        strict=True,
    ):
        torch.testing.assert_close(got, want)

    logits, y = 10 * torch.randn(6, 5, generator=g), torch.tensor([0, 1, 2, 3, 4, 0])
    torch.testing.assert_close(ex.cross_entropy.reference(logits, y), F.cross_entropy(logits, y))

    for options, step in (({"momentum": 0.9}, "momentum"), ({}, "adam")):
        w = torch.randn(4, generator=g).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=0.1, **options) if options else torch.optim.Adam([w], lr=0.1)
        ours, m, v = w.detach().clone(), torch.zeros(4), torch.zeros(4)
        for t in range(1, 6):
            w.grad = torch.randn(4, generator=g)
            if step == "momentum":
                ours, m = ex.momentum_step.reference(ours, m, w.grad, 0.1, 0.9)
            else:
                ours, m, v = ex.adam_step.reference(ours, m, v, w.grad, t, 0.1)
            optimizer.step()
        torch.testing.assert_close(ours, w.detach())
