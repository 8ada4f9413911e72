"""The exercise engine: what it says to every kind of answer, and that no answer can harm the kernel."""

import contextlib
import copy
import functools
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import types

import matplotlib
import numpy as np
import pytest
import torch
from declared import problems
from torch import nn

from course_utils import trial
from course_utils.exercise import Edit, Exercise, Feedback, Mistake, Stopped


def step_reference(w, g, *, lr):
    """Return `w` after one step against `g`."""
    return w - lr * g


def step_cases(generator):
    w = torch.randn(2, generator=generator)
    return [(w, torch.ones(2), 0.1), (w, torch.tensor([2.0, -1.0]), 0.5)]


step_reference.__module__ = "course_utils.exercises.gradient_descent"  # as if it were declared there


def uphill(w, g, *, lr):
    return w + lr * g


def in_place(w, g, *, lr):
    w -= lr * g
    return w


def make(reference=step_reference, cases=step_cases, **changes):
    given = {"hints": ["Which way?", "Down."], "look_at": "the sign"} | changes
    return Exercise(reference=reference, cases=cases, **given)


def of(reference, *cases, **changes):
    return make(reference, lambda generator: [c if isinstance(c, tuple) else (c,) for c in cases], **changes)


def returning(expected, got, **changes):
    """Return the feedback to an answer that returns `got` where `expected` is right."""
    return of(lambda x: expected, 1.0, **changes).check(lambda x: got)


@pytest.fixture(autouse=True)
def events(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path))
    seen = []
    progress = types.ModuleType("course_utils.progress")
    progress.record = lambda notebook, name, event: seen.append((notebook, name, event))
    monkeypatch.setitem(sys.modules, "course_utils.progress", progress)
    return seen


def test_a_right_answer_passes_and_says_on_how_many_cases(events):
    feedback = make(afterwards="Next: momentum.").check(lambda w, g, *, lr: w - g * lr)
    assert isinstance(feedback, Feedback) and feedback.status == "passed"
    assert feedback.text == "✔ `step`: right, checked on 2 cases. Next: momentum."
    assert events == [("01", "step", "attempted"), ("01", "step", "passed")]


def test_a_stub_draws_a_quiet_line_and_is_not_recorded(events):
    def step(w, g, *, lr):
        raise NotImplementedError

    feedback = make().check(step)
    assert feedback.status == "not attempted" and feedback.text.startswith("·") and events == []
    assert "`step`: not attempted yet" in feedback.text and "`ex.step.hint()`" in feedback.text


def test_a_stub_with_an_answer_above_or_below_its_raise_is_told_to_take_that_line_out(events):
    def step(w, g, *, lr):
        """Return the weights one step further."""
        return_value = w - lr * g
        raise NotImplementedError
        return return_value

    feedback = make().check(step)
    assert feedback.status == "wrong" and "still has its `raise NotImplementedError`" in feedback.text


def test_an_answer_that_calls_another_exercises_stub_is_not_told_to_take_out_a_line_of_its_own():
    def other(w):
        raise NotImplementedError

    def step(w, g, *, lr):
        w = other(w)
        return w - lr * g

    assert make().check(step).status == "not attempted"


def test_an_answer_that_calls_another_exercise_s_stub_is_told_which():
    def other_reference(w):
        return w

    def other(w):
        raise NotImplementedError

    def step(w, g, *, lr):
        return other(w) - lr * g

    declared = {**step_reference.__globals__, "other": make(other_reference)}
    reference = types.FunctionType(step_reference.__code__, declared, "step_reference")
    reference.__kwdefaults__ = step_reference.__kwdefaults__
    feedback = make(reference).check(step)
    assert feedback.status == "wrong" and "`step` calls `other`, which is not answered yet" in feedback.text


def test_what_a_library_has_not_implemented_is_no_stub():
    class Step(nn.Module):
        def forwards(self, w, g, *, lr):  # misspelt
            return w - lr * g

    feedback = make().check(lambda w, g, *, lr: Step()(w, g))
    assert feedback.status == "wrong" and 'is missing the required "forward" function' in feedback.text


def test_the_tested_one_in_the_place_of_an_answer_is_not_counted_as_one(events):
    ex = make()
    used = ex.use(uphill)
    feedback = ex.check(used)
    assert feedback.status == "not checked" and "which `use` put in the place of yours" in feedback.text
    assert events == []


def test_a_default_that_was_changed_is_named():
    def scale_reference(x, by=2):
        return by * x

    feedback = of(scale_reference, 1.0).check(lambda x, by=3: by * x)
    assert "takes `by` as 2 unless it is given; here it is 3" in feedback.text
    assert of(scale_reference, 1.0).check(lambda x, by=2: by * x).status == "passed"
    ones = np.ones(2)
    assert "here it is" in of(scale_reference, 1.0).check(lambda x, by=ones: by * x).text
    assert of(scale_reference, (1.0, 2)).check(lambda x, by: by * x).status == "passed"


def test_an_error_in_a_lambda_above_the_answer_has_no_line_of_it():
    square = lambda g: g.squared()

    def step(w, g, *, lr):
        return w - lr * square(g)

    said = make().check(step).text
    assert "'squared'` in `square = lambda g: g.squared()`" in said and "in line" not in said


def test_values_and_indices_together_are_told_apart():
    feedback = returning(torch.ones(2), torch.ones(2, 3).max(1))
    assert "got values and indices together" in feedback.text and "take `.values` of it" in feedback.text


@pytest.mark.parametrize("dtype", [torch.int, torch.long, torch.half, torch.bfloat16])
def test_numbers_that_were_rounded_are_told_their_type(dtype):
    expected = torch.tensor([10.2531, -3.7402])
    assert f"got a tensor of `{dtype}`" in returning(expected, expected.to(dtype)).text
    assert f"got a tensor of `{dtype}`" not in returning(expected, (2 * expected).to(dtype)).text


def test_a_mask_in_the_place_of_indices_is_told_its_type():
    said = returning(torch.tensor([1]), torch.tensor([False, True, False])).text
    assert "got a tensor of `torch.bool`, expected `torch.int64`" in said


def test_an_operation_that_torch_lacks_is_an_error_not_a_stub():
    def step(w, g, *, lr):
        return torch.empty(2, device="meta").cpu()

    feedback = make().check(step)
    assert feedback.status == "wrong" and "NotImplementedError" in feedback.text


def test_of_what_an_answer_prints_without_end_only_the_beginning_is_shown(monkeypatch, capsys):
    monkeypatch.setattr(trial, "SECONDS", 0.3)

    def step(w, g, *, lr):
        print("here")
        while True:
            print("and again")

    assert "did not finish" in make().check(step).text
    said = capsys.readouterr().out
    assert said.startswith("here\nand again\n") and said.endswith("from here on is left out)\n")
    assert trial.PRINTED < len(said) < trial.PRINTED + 100


@pytest.mark.parametrize("value", [3, None, torch.ones(2), "step"])
def test_a_value_instead_of_the_function_is_named(value):
    feedback = make().check(value)
    assert feedback.status == "wrong" and "takes the function itself, `ex.step.check(step)`" in feedback.text


def test_a_check_of_nothing_says_what_it_takes():
    text = make().check().text
    assert "takes the function itself, `ex.step.check(step)`; it got nothing." in text


@pytest.mark.parametrize(
    "answer", [lambda w: w, lambda w, g, x, *, lr: w, lambda w, g, lr, q: w, lambda g, w, *, lr: w]
)
def test_a_wrong_signature_is_told_the_arguments_in_order(answer):
    feedback = make().check(answer)
    assert feedback.status == "wrong" and "must take `(w, g, *, lr)`, in this order" in feedback.text


def test_other_argument_names_defaults_and_stars_are_fine():
    for answer in (
        lambda a, b, *, lr=1: a - lr * b,
        lambda *a, **k: a[0] - k["lr"] * a[1],
        lambda w, g, lr: w - lr * g,
    ):
        assert make().check(answer).status == "passed"


def test_partials_callable_objects_and_modules_are_answers():
    class Step:
        def __call__(self, w, g, *, lr):
            return w - lr * g

    class Net(nn.Module):
        def forward(self, w, g, *, lr):
            return w - lr * g

    for answer in (functools.partial(lambda k, w, g, *, lr: w - lr * g, 0), Step(), Net()):
        assert make().check(answer).status == "passed"
    assert of(lambda x: x.exp(), torch.ones(2)).check(torch.exp).status == "passed"


def test_an_error_is_shown_with_its_line_its_source_and_the_inputs():
    def step(w, g, *, lr):
        half = w / 2
        return half @ torch.ones(3)

    feedback = make().check(step)
    assert feedback.status == "wrong" and "raises `RuntimeError: " in feedback.text
    assert "in line 3, `return half @ torch.ones(3)`, on `w=[" in feedback.text and "lr=0.1" in feedback.text
    assert "Traceback" not in feedback.text and "exercise.py" not in feedback.text


def test_an_error_inside_a_module_names_the_learners_line_not_torchs():
    class Net(nn.Module):
        def forward(self, w, g, *, lr):
            return nn.functional.linear(w, torch.ones(3, 3))

    assert "in line 2, `return nn.functional.linear(" in make().check(Net()).text


def test_an_error_in_code_without_source_still_names_the_line():
    space = {}
    exec("def step(w, g, *, lr):\n    return w[9]", space)
    assert "in line 2 on `w=" in make().check(space["step"]).text


def test_html_in_what_an_answer_says_is_escaped():
    def step(w, g, *, lr):
        raise ValueError("<script>alert(1)</script> `x`\n<b>two</b>")

    feedback = make().check(step)
    assert "<script>" not in feedback._repr_html_() and "&lt;script&gt;" in feedback._repr_html_()


def test_endless_recursion_and_exits_are_errors_like_others():
    def deep(w, g, *, lr):
        return deep(w, g, lr=lr)

    def leave(w, g, *, lr):
        sys.exit("<bye>")

    def interrupted(w, g, *, lr):
        raise KeyboardInterrupt

    assert "raises `RecursionError: " in make().check(deep).text
    assert "raises `SystemExit: <bye>` in line 2" in make().check(leave).text
    assert "raises `KeyboardInterrupt` in line 2" in make().check(interrupted).text


def spin(x):
    while True:
        pass


def spin_and_swallow(x):
    while True:
        try:
            while True:
                x += 1
        except Exception:
            pass


@pytest.mark.parametrize("answer", [spin, spin_and_swallow])
def test_an_endless_loop_is_stopped_and_its_thread_ends(answer, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", 0.3)
    monkeypatch.setattr(trial, "STOPPING", 30.0)
    before = set(threading.enumerate())
    feedback = of(lambda x: x, 7).check(answer)
    assert feedback.status == "wrong" and "did not finish within 0.3 seconds on `x=7`" in feedback.text
    assert "restart" not in feedback.text and set(threading.enumerate()) <= before


def test_a_function_blocked_in_c_asks_for_a_restart(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.2)
    monkeypatch.setattr(trial, "STOPPING", 0.2)
    feedback = of(lambda x: x, 7).check(lambda x: time.sleep(5))
    assert feedback.status == "wrong" and "restart the kernel" in feedback.text


def test_a_loop_that_catches_everything_asks_for_a_restart(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.2)
    monkeypatch.setattr(trial, "STOPPING", 0.2)
    let_go = threading.Event()

    def stubborn(x):
        while not let_go.is_set():
            with contextlib.suppress(BaseException):
                time.sleep(0.01)

    feedback = of(lambda x: x, 7).check(stubborn)
    let_go.set()
    assert feedback.status == "wrong" and "did not finish" in feedback.text


def test_a_function_that_waits_for_a_person_is_waited_for(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.2)
    space = {"time": time}
    exec(compile("def ask():\n    time.sleep(0.6)\n    return 7", "lib/ipykernel/kernelbase.py", "exec"), space)
    assert of(lambda x: x, 7).check(lambda x: space["ask"]()).status == "passed"


def test_cases_are_made_once_a_check_and_on_the_cpu_whatever_the_default_device():
    made = []

    def cases(generator):
        made.append(torch.ones(2))
        return [(made[-1],), (made[-1] + 1,)]

    ex = make(lambda x: x + 1, cases, mistakes=[Mistake(lambda x: x, "Unmoved."), Mistake(lambda x: x - 1, "Down.")])
    torch.set_default_device("meta")
    try:
        assert ex.check(lambda x: x - 1).text.endswith("Down.")
    finally:
        torch.set_default_device("cpu")
    assert len(made) == 1 and made[0].device.type == "cpu"


def test_an_interrupt_while_waiting_stops_the_thread(monkeypatch):
    monkeypatch.setattr(trial, "STOPPING", 30.0)
    before, join = set(threading.enumerate()), threading.Thread.join
    calls = []

    def interrupted(thread, timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(Stopped):
        of(lambda x: x, 7).check(spin)
    assert set(threading.enumerate()) <= before


def test_an_interrupted_check_is_one_line_in_a_notebook(tmp_path):
    cell = """from course_utils import trial
def interrupt(thread): raise KeyboardInterrupt
trial._wait = interrupt
from course_utils.exercises import gradient_descent as ex
ex.momentum_step.check(lambda *arguments: None)"""
    call = [sys.executable, "-m", "IPython", "--colors=NoColor", f"--ipython-dir={tmp_path}", "-c", cell]
    said = subprocess.run(call, capture_output=True, text=True, check=False)
    line = "`momentum_step`: the check was interrupted, and nothing was counted."
    assert (said.stdout + said.stderr).strip() == line


def test_what_an_answer_prints_goes_through(capsys):
    def step(w, g, *, lr):
        print("seen", lr)
        return w - lr * g

    assert make().check(step).status == "passed" and capsys.readouterr().out == "seen 0.1\nseen 0.5\n"


def test_a_missing_return_is_asked_about():
    text = make().check(lambda w, g, *, lr: None).text
    assert "got `None`, expected a tensor of shape (2,): is a `return` missing?" in text


def test_a_return_that_is_missing_on_one_way_only_is_asked_about_so():
    text = of(abs, 1, -1).check(lambda x: x if x > 0 else None).text
    assert "got `None`, expected the int `1`: is a `return` missing on one of the ways through the function?" in text


def test_short_lists_of_numbers_of_unlike_length_are_shown_in_full():
    said = of(lambda x: torch.tensor([2, 0]), 1).check(lambda x: torch.tensor([2, 1, 0])).text
    assert "got `[2, 1, 0]`, expected `[2, 0]`" in said
    said = of(lambda x: [2, 0], 1).check(lambda x: [2, 1, 0]).text
    assert "got `[2, 1, 0]`, expected `[2, 0]`" in said


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (torch.ones(2), [1.0, 1.0], "of shape (2,); `torch.tensor` or `torch.stack` makes it one"),
        (torch.ones(2), (torch.ones(2),), "got a `tuple` of 1, expected a tensor of shape (2,); return that one alone"),
        (torch.ones(2), (1.0, 1.0), "of shape (2,); `torch.tensor` or `torch.stack` makes it one"),
        (torch.ones(2), np.ones(2), "got a NumPy array of shape (2,), expected a tensor of shape (2,)"),
        (torch.ones(2), 1.0, "got the float `1`, expected a tensor of shape (2,)"),
        (torch.ones(2), torch.ones(2, 1), "got a tensor of shape (2, 1), expected a tensor of shape (2,)"),
        (torch.tensor(1.0), torch.ones(1), "got a tensor of shape (1,), expected a tensor of shape () holding `1`"),
        (torch.ones(2), torch.ones(2) > 0, "got a tensor of `torch.bool`, expected `torch.float32`"),
        (torch.ones(2).long(), torch.ones(2), "got a tensor of `torch.float32`, expected `torch.int64`"),
        ((1.0, "b"), (1.0,), "got a `tuple` of 1, expected a `tuple` of 2"),
        ((1.0, 2.0), 1.0, "got the float `1`, expected a `tuple` of 2"),
        (1, True, "got the bool `True`, expected the int `1`"),
        (4, 4.0, "got the float `4`, expected the int `4`"),
        (4.0, 4 + 0j, "got the complex `4+0j`, expected the float `4`"),
        (True, 1, "got the int `1`, expected the bool `True`"),
        (
            torch.tensor(True),
            torch.tensor(1.0),
            "got a tensor of shape () holding `1`, expected a tensor of shape () holding `True`",
        ),
        ({"a": 1.0}, {"b": 1.0}, "got a dict with the keys `['b']`, expected `['a']`"),
        ("yes", None, "is a `return` missing"),
        (None, 1.0, "got the float `1`, expected `None`"),
        (torch.ones(0, 3), torch.ones(0, 2), "got a tensor of shape (0, 2), expected a tensor of shape (0, 3)"),
    ],
)
def test_a_wrong_type_shape_or_length_says_what_came_and_what_was_expected(expected, got, words):
    feedback = returning(expected, got)
    assert feedback.status == "wrong" and words in feedback.text and "look at" not in feedback.text


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]), "For `x=1`: got `[1, 2.5]`, expected `[1, 2]`"),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, float("nan")]), "`nan` is not a finite number"),
        (torch.zeros(5, 4), torch.eye(5, 4), "in a tensor of shape (5, 4) at index (0, 0), got `1`, expected `0`"),
        (torch.zeros(20), torch.full((20,), float("inf")), "at index (0,), got `inf`, expected `0`"),
        (0.123456, 0.123499, "got `0.123499`, expected `0.123456`"),
        (3, 4, "got `4`, expected `3`"),
        (100000, 100001, "got `100001`, expected `100000`"),
        (torch.tensor([100000]), torch.tensor([100001]), "got `[100001]`, expected `[100000]`"),
        ((1.0, [2.0, 3.0]), (1.0, [2.0, 4.0]), "in item 1, in item 1, got `4`, expected `3`"),
        ({"a": (1, 2)}, {"a": (1, 3)}, "in the item `'a'`, in item 1, got `3`, expected `2`"),
        ("yes", "no", "got `'no'`, expected `'yes'`"),
        (1.0, 10**400, "expected `1`"),
        (float("nan"), 1.0, "got `1`, expected `nan`"),
    ],
)
def test_a_wrong_value_is_shown_beside_the_right_one_and_says_where_to_look(expected, got, words):
    feedback = returning(expected, got)
    assert feedback.status == "wrong" and words in feedback.text and feedback.text.endswith("; look at the sign.")


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (torch.tensor(1.5), 1.5),
        (1.5, torch.tensor(1.5, requires_grad=True)),
        (1.5, np.float32(1.5)),
        (2, np.int64(2)),
        (2.0, 2),
        (True, torch.tensor(True)),
        (True, np.bool_(True)),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.ones(2), torch.ones(2, requires_grad=True)),
        (torch.ones(2), torch.ones(2).long()),
        (torch.ones(2), torch.ones(2) + 1e-7),
        (torch.ones(2).long(), torch.ones(2).int()),
        (torch.tensor([float("nan"), 1.0]), torch.tensor([float("nan"), 1.0])),
        (torch.tensor([float("inf"), 1.0]), torch.tensor([float("inf"), 1.0])),
        (float("nan"), float("nan")),
        (torch.ones(0, 3), torch.ones(0, 3)),
        (torch.eye(2), torch.eye(2).to_sparse()),
        ([1.0, "a", None], (1.0, "a", None)),
        ({"a": torch.ones(2)}, {"a": torch.ones(2)}),
        ({1, 2}, {2, 1}),
        (None, None),
    ],
)
def test_differences_that_do_no_harm_are_accepted(expected, got):
    assert returning(expected, got).status == "passed"


def test_a_generator_function_is_told_what_came():
    def answer(x):
        yield x

    assert "got a `generator`, expected a tensor of shape (2,)" in of(lambda x: x * 2, torch.ones(2)).check(answer).text


@pytest.mark.parametrize(
    ("argument", "spoil"),
    [
        (torch.ones(2), lambda x: x.add_(1)),
        ([3, 1, 2], lambda x: x.sort()),
        ([3, 1, 2], lambda x: x.clear()),
        ([torch.ones(2)], lambda x: x[0].zero_()),
        ({"a": [1.0]}, lambda x: x["a"].append(2.0)),
        ((torch.ones(2), 1.0), lambda x: x[0].zero_()),
        (np.ones(2), lambda x: x.fill(3)),
        (nn.Linear(1, 1), lambda x: nn.init.ones_(x.weight)),
        ({1}, lambda x: x.add(2)),
    ],
)
def test_an_answer_that_changes_its_argument_is_told_which(argument, spoil):
    ex = make(lambda first, x: 5.0, lambda generator: [(1.0, copy.deepcopy(argument))])
    feedback = ex.check(lambda a, b: (spoil(b), 5.0)[1])
    assert feedback.status == "wrong" and "changes its argument `x` in place" in feedback.text


def test_a_change_in_one_case_does_not_reach_the_next():
    text = make().check(in_place).text
    assert "changes its argument `w` in place" in text


def test_a_reference_that_changes_its_argument_asks_the_same_of_the_answer():
    def halve_reference(x):
        x.div_(2)

    ex = make(halve_reference, lambda generator: [(torch.ones(2),)])
    assert ex.check(lambda x: (x.mul_(0.5), None)[1]).status == "passed"
    assert "afterwards in the argument `x`, got `[1, 1]`, expected `[0.5, 0.5]`" in ex.check(lambda x: None).text


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.view(3), lambda x: x[:], lambda x: x.detach()])
def test_a_view_of_an_input_is_pointed_out(view):
    ex = make(lambda x: x.clone(), lambda generator: [(torch.ones(3),)])
    feedback = ex.check(view)
    assert feedback.status == "wrong" and "the argument `x` itself or a view of it" in feedback.text
    assert "`x.clone()`" in feedback.text


def test_values_are_called_right_only_once_they_are_right_in_all_cases():
    ex = make(lambda x: x.abs(), lambda generator: [(torch.ones(2),), (-torch.ones(2),)])
    text = ex.check(lambda x: x).text
    assert "got `[-1, -1]`, expected `[1, 1]`" in text and "values are right" not in text


def test_the_same_list_is_pointed_out_and_a_view_is_fine_where_the_reference_returns_one():
    ex = make(lambda x: list(x), lambda generator: [([1, 2],)])
    assert "the argument `x` itself" in ex.check(lambda x: x).text
    assert make(lambda x: x.T, lambda generator: [(torch.ones(2, 3),)]).check(lambda x: x.t()).status == "passed"


def test_a_usual_mistake_draws_its_own_sentence_after_what_came():
    ex = make(mistakes=[Mistake(uphill, "This walks uphill.")])
    text = ex.check(lambda w, g, *, lr: w + g * lr).text
    assert "For `w=[" in text and "expected `[" in text and text.endswith(". This walks uphill.")
    assert "look at" not in text


def test_a_mistake_can_be_declared_as_an_edit_of_the_reference():
    ex = make(mistakes=[Edit("w - lr", "w + lr", "This walks uphill."), Edit("lr * ", "", "The rate is missing.")])
    assert ex.check(lambda w, g, *, lr: w + g * lr).text.endswith(". This walks uphill.")
    assert ex.check(lambda w, g, *, lr: w - g).text.endswith(". The rate is missing.")
    with pytest.raises(ValueError, match="step_reference does not contain 'lr / g'"):
        make(mistakes=[Edit("lr / g", "", "No.")]).judge(lambda w, g, *, lr: w)


def test_a_mistake_that_raises_is_recognised_only_by_the_same_words():
    ex = of(lambda x: x[:1], torch.ones(2), mistakes=[Mistake(lambda x: x @ torch.ones(3), "Count them.")])
    assert ex.check(lambda x: torch.ones(2) @ torch.ones(3)).text.endswith("Count them.")
    assert not ex.check(lambda x: x @ torch.ones(4)).text.endswith("Count them.")


def test_what_the_learner_wrote_is_used_once_it_passes_and_the_reference_before(events):
    def step(w, g, *, lr):
        raise NotImplementedError

    right = lambda w, g, *, lr: w - g * lr
    ex = make()
    assert ex.use(right) is right and ex.use(step) is ex.use(uphill) is ex.use(3) is step_reference
    assert events == []


def test_a_case_can_be_asked_for_and_a_long_one_says_how():
    ex = of(lambda x: x.sum(0), torch.ones(2), torch.ones(5, 4))
    assert torch.equal(ex.case(2)["x"], torch.ones(5, 4))
    assert "(case 2: `ex.<lambda>.case(2)` gives it)" in ex.check(lambda x: x.sum(0) + (x.ndim > 1)).text
    assert "gives it" not in ex.check(lambda x: x.sum(0) + 1).text
    with pytest.raises(ValueError, match="from 1 to 2, got 0"):
        ex.case(0)
    for wrong in ("2", None, 1.5, torch.ones(2)):
        with pytest.raises(ValueError, match="case takes a number from 1 to"):
            ex.case(wrong)
    assert ex.case().keys() == ex.case(1).keys()


def test_a_reference_that_cannot_run_is_no_fault_of_the_learners(events):
    feedback = of(lambda x: torch.ones(2) @ x, torch.ones(3)).check(lambda x: x)
    assert feedback.status == "not checked" and "the check's own solution fails here" in feedback.text
    assert events == []


@pytest.mark.parametrize("spoil", [lambda x: x.requires_grad_(), lambda x: setattr(x, "grad", x.clone())])
def test_an_answer_that_touches_the_gradient_of_its_argument_is_told(spoil):
    ex = of(lambda x: x.sum().item(), torch.ones(2))
    assert "asks its argument `x` for a gradient" in ex.check(lambda x: (spoil(x), 2.0)[1]).text


def square_sum(x, y):
    return (x * x * y.detach()).sum()


def test_where_gradients_are_asked_for_they_are_compared_after_all_values():
    cases = [(torch.tensor([1.5, -1.0]), torch.tensor([2.0, 1.0])), (torch.tensor([0.5]), torch.tensor([3.0]))]
    say = lambda f, **changes: of(square_sum, *cases, gradient_of=("x", "y"), **changes).check(f).text
    assert "right, checked on 2 cases" in say(lambda x, y: square_sum(x, y))
    assert "right, checked on 2 cases" in say(lambda x, y: (x.double() ** 2 * y.detach()).sum())
    assert "got `5.5`, expected `" not in say(lambda x, y: (x * x * y.data).sum())
    assert "got `3.5`, expected `5.5`" in say(lambda x, y: (x * y).abs().sum() - 0.5)
    assert "a gradient flows back into `y`, and none should" in say(lambda x, y: (x * x * y).sum())
    assert "no gradient flows back into `x`: is it cut off" in say(lambda x, y: square_sum(x, y).item())
    assert "no gradient flows back into `x`: is it cut off" in say(torch.no_grad()(square_sum))
    half = lambda x, y: (x * x.detach() * y.detach()).sum()
    assert "but not the gradient with respect to `x`, for `x=[1.5, -1], y=[2, 1]`: got `[3, -1]`" in say(half)
    assert "Both factors." in say(half, mistakes=[Mistake(half, "Both factors.")])
    assert "or changes `requires_grad` of its argument `y`" in say(lambda x, y: (x * x * y.requires_grad_(False)).sum())
    assert "calls `.backward()` or" in say(lambda x, y: (square_sum(x, y).backward(), square_sum(x, y).detach())[1])


@pytest.mark.parametrize("pack", [lambda x: x, lambda x: x.sum(), lambda x: (1, x), lambda x: [[x], None]])
def test_where_a_detached_result_is_asked_for_one_that_still_carries_its_graph_is_told(pack):
    tracked = lambda x: pack(x * torch.ones(2, requires_grad=True))
    ex = of(lambda x: pack(x * 1), torch.ones(2), -torch.ones(2), detached=True)
    feedback = ex.check(tracked)
    said = "The numbers are right, but the result still carries its history of operations: return it with `.detach()`."
    assert feedback.status == "wrong" and feedback.text.endswith(said)
    assert ex.check(torch.no_grad()(tracked)).status == "passed"
    assert of(lambda x: pack(x * 1), torch.ones(2)).check(tracked).status == "passed"


def test_a_graph_is_spoken_of_only_once_all_values_are_right():
    ex = of(lambda x: x.abs(), torch.ones(2), -torch.ones(2), detached=True)
    text = ex.check(lambda x: x * torch.ones(2, requires_grad=True)).text
    assert "got `[-1, -1]`, expected `[1, 1]`" in text and "history" not in text


def test_at_a_corner_any_finite_gradient_is_right_and_nan_is_not():
    ex = of(lambda x: x.norm(), torch.zeros(2), torch.ones(3), gradient_of=("x",))
    assert ex.check(lambda x: (x + 1e-7).norm()).status == "passed"
    assert "`nan` is not a finite number" in ex.check(lambda x: x.square().sum().sqrt()).text


def test_rows_that_sum_to_1_have_a_gradient_to_compare():
    ex = of(lambda x: x.softmax(1), torch.tensor([[0.5, 1.0], [2.0, 0.0]]), gradient_of=("x",))
    assert "not the gradient with respect to `x`" in ex.check(lambda x: x.detach().softmax(1) + 0 * x).text


def test_a_gradient_that_cannot_be_computed_is_an_error_like_others():
    def spoiled(x):
        y = x.exp()
        result = y * y
        y.detach().zero_()
        y.add_(0)
        return result

    assert (
        "raises `RuntimeError: one of the variables"
        in of(lambda x: x.exp() ** 2, torch.ones(2), gradient_of=("x",)).check(spoiled).text
    )


@pytest.mark.parametrize("frozen", [True, False])
def test_a_step_recorded_in_a_modules_parameters_is_told(frozen):
    def halve(net):
        with torch.no_grad():
            net.weight.mul_(0.5)

    def recorded(net):
        net.requires_grad_(False)
        net.weight.mul_(torch.tensor(0.5, requires_grad=True))

    ex = of(halve, nn.Linear(2, 1).requires_grad_(not frozen))
    assert ex.judge(halve)[0] == "passed"
    assert "records a step in the parameters of `net`" in ex.check(recorded).text


def test_a_path_of_a_library_is_not_shown_to_a_learner():
    text = of(lambda x: x * 2, 1.0).check(np.vectorize(lambda: 1)).text
    assert "raises `TypeError" in text and ".py" not in text and "in line" not in text


def test_an_exit_in_a_results_own_methods_does_not_escape():
    class Leaves(list):
        def __len__(self):
            sys.exit("bye")

    assert "could not look at what came back" in of(lambda x: [x], 1).check(lambda x: Leaves([x])).text


def test_a_mistake_must_match_on_every_case():
    ex = make(mistakes=[Mistake(uphill, "This walks uphill.")])
    text = ex.check(lambda w, g, *, lr: w + lr * g if lr < 0.2 else w).text
    assert "uphill" not in text and text.endswith("look at the sign.")


def test_mistakes_that_raise_or_have_another_shape_or_type_are_recognised():
    def no_sum(x):
        return x * x

    def to_list(x):
        return (x * x).sum(dim=0).tolist()

    def unpacks(x):
        a, b = x
        return a * b

    def yields(x):
        yield x

    def forgets(x):
        (x * x).sum(dim=0)

    said = [Mistake(f, f"Sentence {f.__name__}.") for f in (no_sum, to_list, unpacks, yields, forgets)]
    ex = of(lambda x: (x * x).sum(dim=0), torch.ones(3, 2), mistakes=said)
    for mistake in said:
        assert ex.check(mistake.function).text.endswith(mistake.feedback)


def test_a_mistake_in_place_does_not_claim_an_answer_that_leaves_its_arguments_alone():
    ex = make(mistakes=[Mistake(in_place, "Underscore.")])
    assert ex.check(in_place).text.endswith("Underscore.")
    assert ex.check(lambda w, g, *, lr: w - lr * g).status == "passed"


def test_the_returned_argument_draws_the_sentence_of_the_forgotten_update_even_as_a_copy():
    ex = make(mistakes=[Mistake(lambda w, g, *, lr: w, "Nothing moved.")])
    assert ex.check(lambda w, g, *, lr: w).text.endswith("Nothing moved.")
    assert ex.check(lambda w, g, *, lr: w.clone()).text.endswith("Nothing moved.")


def test_an_error_that_the_reference_raises_is_asked_for():
    def root_reference(x):
        if x < 0:
            raise ValueError("x must not be negative")
        return x**0.5

    ex = of(root_reference, 4.0, -1.0)
    assert ex.judge(root_reference)[0] == "passed"
    assert "expected a `ValueError` raised" in ex.check(lambda x: abs(x) ** 0.5).text


def test_a_check_leaves_all_random_states_alone_and_seeds_the_answer():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    def noisy_reference(x):
        return x + torch.rand(2)

    def noisy(x):
        noise = torch.rand(2)
        random.random(), np.random.rand(), random.seed(5), torch.rand(9)
        return noise + x

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert of(noisy_reference, 1.0, 2.0).check(noisy).status == "passed"
    assert draw() == expected


def test_a_generator_argument_gives_every_call_the_same_numbers():
    ex = make(lambda g: torch.rand(2, generator=g), lambda generator: [(generator,), (generator,)])
    assert ex.check(lambda g: torch.rand(2, generator=g)).status == "passed"


def test_a_result_that_cannot_be_compared_still_draws_a_sentence():
    class Odd(str):
        def __eq__(self, other):
            raise RuntimeError("no")

        __hash__ = None

    class OddError(Exception):
        def __str__(self):
            raise RuntimeError("no")

    def fail(x):
        raise OddError

    odd = Odd("a")
    assert "could not look at what came back" in of(lambda x: odd, 1).check(lambda x: Odd("b")).text
    assert of(lambda x: 1, 1).check(fail).status == "wrong"


def test_a_gradient_should_be_0_on_a_plain_and_may_be_anything_at_a_corner():
    cut_off = Exercise(
        reference=lambda x: x.relu(),
        cases=lambda generator: [(torch.tensor([-1.0, 0.0, 2.0]),), (torch.tensor([[0.0], [3.0]]),)],
        hints=["a", "b"],
        gradient_of=("x",),
    )

    def with_gradient(plain, corner):
        gradient = lambda x: torch.where(x > 0, 1.0, torch.where(x < 0, plain, corner))
        return lambda x: x.detach().relu() + gradient(x.detach()) * (x - x.detach())

    assert [cut_off.judge(with_gradient(0.0, corner))[0] for corner in (0.0, 0.5, 1.0)] == ["passed"] * 3
    status, said = cut_off.judge(with_gradient(1.0, 0.0))
    assert status == "wrong" and "not the gradient with respect to `x`" in said and "expected `[0, 0, 2]`" in said
    assert cut_off.judge(with_gradient(0.0, math.inf))[0] == "wrong"


def test_what_overflows_is_said_where_ordinary_numbers_are_right():
    log_total = Exercise(
        reference=lambda x: x.logsumexp(0),
        cases=lambda generator: [(torch.tensor([0.5, 1.0]),), (torch.tensor([1000.0, 1.0]),)],
        hints=["a", "b"],
        look_at="the sum",
    )
    said = log_total.judge(lambda x: x.exp().sum().log())[1]
    assert "got `inf`, expected `1000`. Other cases are right: look for e to a large number" in said
    assert log_total.judge(lambda x: 2 * x.logsumexp(0))[1].endswith("; look at the sum.")
    assert log_total.judge(lambda x: x.exp().sum().log() + x.log().sum() / 0)[1].endswith("; look at the sum.")


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (
            lambda w, g, *, lr: w.requires_grad_().sub_(g),
            "an argument is changed in place, work on a copy (`.clone()`)",
        ),
        (lambda w, g, *, lr: torch.autograd.grad(w.sum(), w), "`x.detach().requires_grad_()` asks for a gradient"),
        (lambda w, g, *, lr: w.requires_grad_().backward(), "`.sum()` makes one"),
        (lambda w, g, *, lr: (g,) * lr, "returns a tuple, `(g,) = …` takes it out"),
        (lambda w, g, *, lr: w.requires_grad_().numpy(), "stay with tensors"),
        (lambda w, g, *, lr: math.exp(1e9), "e to a number that is too large"),
    ],
)
def test_what_python_and_pytorch_raise_most_often_is_explained(answer, meaning):
    assert make().check(answer).text.endswith(f"{meaning}.")


@pytest.mark.parametrize("answer", [lambda w, g, *, lr: math.log(-lr), lambda w, g, *, lr: math.sqrt(-lr)])
def test_a_log_or_a_root_that_does_not_exist_is_explained_in_every_version_of_python(answer):
    assert re.search(": a (log|root)( or a root)? of a number below 0", make().check(answer).text)


def test_an_answer_with_names_of_its_own_is_used_with_the_references_names():
    ex = make()

    def step(weights, slope, *, lr):
        """Mine."""
        return weights - lr * slope

    used = ex.use(step)
    assert used(w=torch.ones(1), g=torch.ones(1), lr=0.5) == used(torch.ones(1), torch.ones(1), lr=0.5) == 0.5
    assert used.__doc__ == "Mine." and ex.use(used) is not ex.reference
    same_names = lambda w, g, *, lr: w - lr * g
    assert ex.use(same_names) is same_names


def test_hints_come_one_by_one_and_then_point_to_the_solution(events):
    ex = make()
    assert ex.hint().text == "➜ Hint 1 of 2: Which way?"
    assert ex.hint().text == "➜ Hint 1 of 2: Which way?\nHint 2 of 2: Down."
    assert ex.hint().text.endswith("no more hints: `ex.step.solution()` is what is left.")
    assert events == [("01", "step", "hint")] * 3


def test_the_solution_is_the_references_source_under_the_exercises_name(events):
    shown = make().solution()
    assert 'def step(w, g, *, lr):\n    """Return `w` after' in shown.text and "return w - lr * g" in shown.text
    assert "step_reference" not in shown.text and "<pre><code>def step(" in shown._repr_html_()
    assert events == [("01", "step", "solution")]


def test_what_progress_has_to_say_is_shown(monkeypatch):
    monkeypatch.setattr(sys.modules["course_utils.progress"], "record", lambda *event: "The disk is full.")
    ex = make()
    for shown in (ex.check(lambda w, g, *, lr: w - lr * g), ex.check(uphill), ex.hint(), ex.solution()):
        assert shown.text.endswith("The disk is full.") and shown.text.count("full") == 1
        assert "The disk is full." in shown._repr_html_()


def test_a_sound_declaration_has_no_problems(events):
    said = [Mistake(uphill, "Uphill."), Mistake(in_place, "In place."), Mistake(lambda w, g, *, lr: w, "Unmoved.")]
    assert problems(make(mistakes=said)) == [] and events == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hints": []}, "hints"),
        ({"hints": [" "]}, "hints"),
        ({"cases": lambda generator: []}, "cases"),
        ({"cases": lambda generator: [(1, 2, 3, 4)]}, "cases"),
        ({"mistakes": [Mistake(step_reference, "Not wrong.")]}, "mistake 1 is judged passed"),
        ({"mistakes": [Mistake(uphill, "A."), Mistake(uphill, "B.")]}, "mistake 2 gets other feedback"),
        ({"mistakes": [Mistake(uphill, "")]}, "mistake 1 has no feedback"),
    ],
)
def test_a_faulty_declaration_is_reported(changes, words):
    assert any(words in sentence for sentence in problems(make(**changes)))


def test_importing_the_engine_does_not_import_torch():
    code = "import sys, course_utils.exercise; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def look_around():
    """Everything that a function could leave behind for the cells after it."""
    return {
        "random states": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),
        "folder": os.getcwd(),
        "dtype and device": (torch.get_default_dtype(), torch.ones(1).device),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "algorithms": (torch.get_deterministic_debug_mode(), torch.is_anomaly_enabled()),
        "printing": (repr(torch.tensor([1.23456, 1e6])), repr(np.array([1.23456]))),
        "matplotlib": dict(matplotlib.rcParams),
    }


CARELESS = {
    "seeds": lambda: (random.seed(7), np.random.seed(7), torch.manual_seed(7)),
    "folder": lambda: os.chdir(tempfile.gettempdir()),
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "algorithms": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "torch's printing": lambda: torch.set_printoptions(precision=2, sci_mode=False),
    "NumPy's printing": lambda: np.set_printoptions(precision=2),
    "matplotlib": lambda: matplotlib.rc("lines", linewidth=9),
}


@pytest.mark.parametrize("careless", CARELESS.values(), ids=list(CARELESS))
def test_what_an_answer_sets_for_the_whole_kernel_is_put_back_before_the_reference_runs(careless):
    seen = []

    def reference(x):
        seen.append(look_around())
        return 2 * x

    def answer(x):
        careless()
        return 2 * x

    exercise = of(reference, 1.0)
    exercise.check(lambda x: 2 * x)
    before = look_around()
    assert exercise.check(answer).status == "passed"
    assert look_around() == before and seen[0] == seen[1]


def test_an_answer_whose_working_folder_is_gone_is_checked_all_the_same(tmp_path, monkeypatch):
    def answer(x):
        (tmp_path / "short").mkdir()
        os.chdir(tmp_path / "short")
        (tmp_path / "short").rmdir()
        return x

    monkeypatch.chdir(tmp_path)
    assert of(lambda x: x, 1.0).check(answer).status == "passed"
    assert os.getcwd() == str(tmp_path)
