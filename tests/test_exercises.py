"""Every declared exercise: its stub, its solution and each common mistake get the feedback they should."""

import ast
import re

import nbformat
import pytest
import run
import torch
from declared import coincidences, problems

from course_utils.exercises import by_notebook
from course_utils.trial import Trial, undisturbed

ALL = [exercise for some in by_notebook().values() for exercise in some]
NAMED = {exercise.name: exercise for exercise in ALL}
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: f"{exercise.notebook}/{exercise.name}")
BOOKS = {path.name[:2]: path for path in run.notebooks()}


def cases_of(name):
    """The cases of an exercise, a list of tuples."""
    with undisturbed():
        return Trial(NAMED[name].reference, NAMED[name].cases).cases


@each_exercise
def test_stub_solution_and_every_common_mistake_get_their_own_feedback(exercise):
    assert problems(exercise) == []


@each_exercise
def test_the_solution_that_is_shown_is_a_function_of_the_exercises_own_name(exercise):
    assert exercise.source().startswith(f"def {exercise.name}(")
    assert 4 <= len(exercise.mistakes) <= 8 and len(exercise.hints) >= 2


@each_exercise
def test_the_solution_that_is_shown_runs_in_the_notebook_and_passes(exercise):
    cells = nbformat.read(BOOKS[exercise.notebook], as_version=4).cells
    (setup,) = (cell.source for cell in cells if "setup" in cell.metadata.get("tags", []))
    names = {}
    imports = [node for node in ast.parse(setup).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(ast.unparse(ast.Module(imports, [])), names)
    exec(exercise.source(), names)
    assert exercise.judge(names[exercise.name])[0] == "passed"


SQUARE = {"largest_rate: H", "conv2d: weight", "rnn_step: W_h"}  # by their definition


@each_exercise
def test_no_values_coincide_in_all_cases(exercise):
    assert [c for c in coincidences(exercise) if c.removesuffix(" is square in all cases") not in SQUARE] == []


def tensors_in(case):
    """All tensors among the arguments of a case."""
    parts = [value if isinstance(value, list | tuple) else [value] for value in case]
    return [part for some in parts for part in some if isinstance(part, torch.Tensor)]


@pytest.mark.parametrize("name", ["descent_step", "momentum_step", "adam_step", "relu_backward"])
def test_where_tensors_may_have_any_shape_the_cases_have_several_ranks(name):
    assert len({case[0].ndim for case in cases_of(name)}) >= 3


def test_where_any_number_of_tensors_may_come_the_cases_have_several():
    assert {1, 2, 3} <= {len(case[0]) for case in cases_of("clip")}


@pytest.mark.parametrize("name", ["cross_entropy", "bits_per_letter", "pick"])
def test_where_stability_is_asked_for_the_cases_go_beyond_what_exp_can_hold(name):
    logits = [case[0] if case[0].ndim == 2 else case[0][None] for case in cases_of(name)]
    spread = [rows.amax(1) - rows.amin(1) for rows in logits]
    assert any((rows.amax(1) < -750).any() for rows in logits), "no row of large negative numbers"
    assert any(((rows > 750).all(1) & (gap < 5)).any() for rows, gap in zip(logits, spread, strict=True)), (
        "no equal ones"
    )
    assert any((gap > 750).any() for gap in spread), "no row whose exps are 0 beside the largest"


def test_boxes_have_fractions_touch_and_lie_far_from_zero():
    boxes = torch.cat([torch.cat([case[0].flatten(), case[1].flatten()]) for case in cases_of("pairwise_iou")])
    assert (boxes != boxes.round()).any()
    corners = torch.cat([case[0].flatten() for case in cases_of("nms")])
    assert corners.min() < 0 and corners.max() > 1000 and (corners != corners.round()).any()


def test_a_stride_can_be_larger_than_the_kernel():
    assert any(case[2] > case[1].shape[-1] for case in cases_of("conv2d") if len(case) > 2)
    assert any(stride > k for _, k, stride, _ in cases_of("output_size"))


@each_exercise
def test_the_first_hint_does_not_hold_a_line_of_the_solution(exercise):
    lines = [re.sub(r"\s", "", line.strip().removeprefix("return ")) for line in exercise.source().splitlines()[1:]]
    assert not [line for line in lines if len(line) >= 12 and line in re.sub(r"\s", "", exercise.hints[0])]
