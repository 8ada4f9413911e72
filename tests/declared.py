"""What must be true of every declared exercise, for the tests."""

import inspect
import itertools
from collections.abc import Callable

import pytest
import torch

from course_utils.exercise import Exercise
from course_utils.trial import Trial, undisturbed


def problems(exercise: Exercise) -> list[str]:
    """Return what is wrong with a declaration, one sentence each; the tests want none."""
    found = []

    def stub(*args, **keywords):
        raise NotImplementedError

    def expect(fine, sentence):
        found.extend([] if fine else [f"{exercise.name}: {sentence}"])

    expect(exercise.hints and all(h.strip() for h in exercise.hints), "the hints are missing or empty")
    expect(f"def {exercise.name}(" in exercise.source(), "the solution does not define the exercise's name")
    with undisturbed():
        cases = Trial(exercise.reference, exercise.cases).cases
    most = len(inspect.signature(exercise.reference).parameters)
    expect(cases and all(isinstance(c, tuple) and len(c) <= most for c in cases), "cases must be tuples of arguments")
    answers = [("the stub", stub, "not attempted", ""), ("the reference", exercise.reference, "passed", "")]
    answers += [
        (f"mistake {i + 1}", m.of(exercise.reference), "wrong", m.feedback) for i, m in enumerate(exercise.mistakes)
    ]
    for who, function, status, sentence in answers if not found else []:
        judged, said = exercise.judge(function)
        expect(judged == status, f"{who} is judged {judged}: {said}")
        expect(sentence in said, f"{who} gets other feedback: {said}")
        expect("Traceback" not in said, f"{who} gets a traceback: {said}")
        expect(status != "wrong" or sentence.strip(), f"{who} has no feedback")
    return found


def coincidences(exercise: Exercise) -> list[str]:
    """Return what the values in all cases of an exercise happen to share, by which a wrong answer could pass."""
    with undisturbed():
        runner = Trial(exercise.reference, exercise.cases)
        cases = [runner.arguments(i)[0] for i in range(len(runner))]
    names = [name for name in cases[0] if all(name in case for case in cases)]
    found = []

    def never(words, test, *some):
        if all(test(*(case[name] for name in some)) for case in cases):
            found.append(f"{exercise.name}: {' and '.join(some)} {words} in all cases")

    numbers = [name for name in names if type(cases[0][name]) in (int, float)]
    tensors = [name for name in names if isinstance(cases[0][name], torch.Tensor)]
    floats = [name for name in tensors if cases[0][name].is_floating_point()]
    for name in names:
        never("is the same", lambda value: _same(value, cases[0][name]), name)  # noqa: B023
    for a, b in itertools.combinations(numbers, 2):
        never("are equal", lambda x, y: x == y, a, b)
        never("add up to 1", lambda x, y: abs(x + y - 1) < 1e-9, a, b)
        never("add up to 0", lambda x, y: x == -y, a, b)
    for a, b in itertools.combinations(tensors, 2):
        never("are equal", _same, a, b)
    for name in floats:
        never("is whole", lambda x: bool((x == x.round()).all()), name)
    for name in tensors:
        never("has one shape", lambda x: x.shape == cases[0][name].shape, name)  # noqa: B023
        never("is square", lambda x: x.ndim >= 2 and x.shape[-1] == x.shape[-2], name)
        never("has one row", lambda x: x.ndim >= 2 and len(x) == 1, name)
    return found


def _same(a, b) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and bool(torch.equal(a, b))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


def every(answers: dict[str, dict]) -> list:
    """Return (exercise, answer) for each of {exercise: {what it does: answer}}, to parametrise a test with."""
    return [pytest.param(name, f, id=f"{name}, {said}") for name, some in answers.items() for said, f in some.items()]


def judged(declarations, answers: dict[str, dict], status: str) -> Callable:
    """Return the test that each of the answers, as `every` takes them, gets this status."""

    @pytest.mark.parametrize("name, answer", every(answers))
    def test(name, answer):
        came, said = getattr(declarations, name).judge(answer)
        assert came == status, said

    return test
