"""Check a learner's function against a tested reference; here so that a notebook shows questions, not checking."""

import ast
import contextlib
import functools
import inspect
import itertools
import linecache
import os
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from types import CodeType
from typing import Any

from course_utils import trial
from course_utils.compare import RETURN_MISSING, code, difference, finite, gradients, kind, number, short
from course_utils.display import Shown, message
from course_utils.trial import Outcome, Trial, undisturbed

NOTHING = object()  # given to `check` where nothing is
RAISED = {  # a part of what Python or PyTorch says, and what it most likely means
    "leaf Variable that requires grad": "an argument is changed in place, work on a copy (`.clone()`)",
    "a view of a leaf Variable": "an argument is changed in place, work on a copy (`.clone()`)",
    "does not require grad and does not have a grad_fn": "`x.detach().requires_grad_()` asks for a gradient",
    "created only for scalar outputs": "a gradient is of one number, `.sum()` makes one",
    "multiply sequence by non-int of type 'float'": "`torch.autograd.grad` returns a tuple, `(g,) = …` takes it out",
    "Can't call numpy() on Tensor that requires grad": "NumPy would cut the gradient off, stay with tensors",
    "shapes cannot be multiplied": "the columns of the left one should be as many as the rows of the right one",
    "bitwise_xor": "`**` is the power",
    "math domain error": "a log or a root of a number below 0, or the log of 0",
    "expected a positive input": "a log of a number below 0 or of 0",  # Python 3.14 says it so
    "expected a nonnegative input": "a root of a number below 0",
    "math range error": "e to a number that is too large",
}
KIND = {"passed": "good", "wrong": "bad", "not attempted": "note", "not checked": "note"}


class Feedback(Shown):
    """Hold what a check says; `status` is one of "passed", "wrong", "not attempted", "not checked"."""

    def __init__(self, status: str, sentence: str):
        shown = message(sentence, KIND[status])
        super().__init__(markup=shown.markup, text=shown.text)
        self.status = status


class Stopped(KeyboardInterrupt):
    """A check was interrupted; notebooks show this as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{self}"]


@dataclass(frozen=True)
class Mistake:
    """A common wrong answer, and the feedback that an answer with the same results gets."""

    function: Callable
    feedback: str

    def of(self, reference: Callable) -> Callable:
        return self.function


@dataclass(frozen=True)
class Edit:
    """A common wrong answer that is the reference with `old` replaced by `new`, wherever `old` occurs; its feedback."""

    old: str
    new: str
    feedback: str

    def of(self, reference: Callable) -> Callable:
        """Return the wrong answer; a ValueError if the reference does not contain `old`."""
        source = textwrap.dedent(inspect.getsource(reference))
        if self.old not in source:
            raise ValueError(f"Edit: {reference.__name__} does not contain {self.old!r}")
        space = dict(reference.__globals__)
        exec(source.replace(self.old, self.new), space)
        return space[reference.__name__]


@dataclass(kw_only=True, repr=False, eq=False)
class Exercise:
    """One exercise: its reference, the cases it is checked on, its hints, and the mistakes it knows.

    Its name is the reference's, without `_reference`; its notebook is that of the module (`exercises.MODULES`).
    `cases(generator)` returns a list of tuples, one value per parameter of the reference (keyword-only ones too).
    Every call gets copies of its own, so that no answer can spoil the next one's input.
    If the reference changes an argument or returns a part of one, so may the answer; where the reference raises,
    the answer must raise the same type. The gradient with respect to the arguments in `gradient_of` is compared too.
    With `detached`, a result that still carries its graph is wrong. Where the notebook computes on with the results,
    they must have the expected float type, that of the argument `like`.
    """

    reference: Callable
    cases: Callable
    hints: list[str]
    mistakes: list[Mistake | Edit] = field(default_factory=list)
    look_at: str = ""
    afterwards: str = ""
    tolerance: float = 1e-5
    gradient_of: tuple[str, ...] = ()
    detached: bool = False
    like: str = ""
    hints_shown: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        return self.reference.__name__.removesuffix("_reference")

    @property
    def notebook(self) -> str:
        from course_utils.exercises import MODULES

        module = self.reference.__module__.rpartition(".")[2]
        return next((number for number, name in MODULES.items() if name == module), "")

    def __repr__(self) -> str:
        return f"Exercise `{self.name}`: `ex.{self.name}.check({self.name})`, `.hint()`, `.solution()`"

    def check(self, answer: Any = NOTHING) -> Feedback:
        """Return what is to be said about `answer`, a function; never raises, whatever the function does.

        Only an interrupt (■) ends it, with `Stopped`.
        """
        try:
            theirs = answer is not self.reference
            status, sentence = self.judge(answer) if theirs else ("not checked", self._not_theirs())
        except KeyboardInterrupt:
            raise Stopped(f"`{self.name}`: the check was interrupted, and nothing was counted.") from None
        except (Exception, SystemExit) as error:  # an object that cannot even be compared or printed
            said = f"the check could not look at what came back ({type(error).__name__})"
            status, sentence = "wrong", f"`{self.name}`: {said}; return plain tensors, numbers, lists or tuples."
        events = {"wrong": ["attempted"], "passed": ["attempted", "passed"]}.get(status, [])
        return Feedback(status, sentence + "".join(dict.fromkeys(self._record(event) for event in events)))

    def _not_theirs(self) -> str:
        cure = "run the cell with your function again, then its check"
        return f"`{self.name}`: this is the tested one, which `use` put in the place of yours; {cure}."

    def use(self, answer: Any) -> Callable:
        """Return `answer` if it passes the check, else the tested reference; the notebook goes on with it.

        If its parameters have other names, it can still be called with the reference's.
        """
        try:
            if self.judge(answer)[0] != "passed":
                return self.reference
        except (Exception, SystemExit):
            return self.reference
        ours = inspect.signature(self.reference)
        with contextlib.suppress(TypeError, ValueError):  # functions written in C may not tell
            if not set(ours.parameters) <= set(inspect.signature(answer).parameters):
                return self._renamed(answer, ours)
        return answer

    def _renamed(self, answer: Callable, ours: inspect.Signature) -> Callable:
        """Return `answer`, to be called with the reference's names."""

        @functools.wraps(answer)
        def renamed(*positional, **keywords):
            bound = ours.bind(*positional, **keywords)
            return answer(*bound.args, **bound.kwargs)

        return renamed

    def case(self, number: int = 1) -> dict:
        """Return the arguments of case `number`, from 1 on, by name: `answer(**ex.NAME.case(2))` tries it."""
        with undisturbed():
            runner = Trial(self.reference, self.cases)
        if not isinstance(number, int) or not 1 <= number <= len(runner):
            raise ValueError(f"case takes a number from 1 to {len(runner)}, got {short(number)}")
        return runner.arguments(number - 1)[0]

    def hint(self) -> Shown:
        """Return the hints so far and one more; after the last, say what is left."""
        over = self.hints_shown >= len(self.hints)
        self.hints_shown = min(self.hints_shown + 1, len(self.hints))
        lines = [f"Hint {i + 1} of {len(self.hints)}: {h}" for i, h in enumerate(self.hints[: self.hints_shown])]
        lines += [f"There are no more hints: `ex.{self.name}.solution()` is what is left."] if over else []
        return message("\n".join(lines) + self._record("hint"), "hint")

    def solution(self) -> Shown:
        """Return the reference's own source, under the exercise's name."""
        said = message(f"One solution of `{self.name}`, the one that answers are compared with:")
        code, after = self.source(), self._record("solution").strip()
        tail = message(after) if after else Shown(markup="", text="")
        return Shown(
            markup=f"{said.markup}<pre><code>{escape(code, quote=False)}</code></pre>{tail.markup}",
            text=f"{said.text}\n{code}{tail.text}",
        )

    def source(self) -> str:
        """Return the reference's source with its name replaced by the exercise's."""
        code = textwrap.dedent(inspect.getsource(self.reference))
        return re.sub(rf"\b{self.reference.__name__}\b", self.name, code)

    def judge(self, answer: Any) -> tuple[str, str]:
        """Return (status, sentence) for `answer`, and record nothing."""
        if not callable(answer):
            came = "it got " + ("nothing" if answer is NOTHING else kind(answer))
            return "wrong", f"`check` takes the function itself, `ex.{self.name}.check({self.name})`; {came}."
        with undisturbed():
            runner = Trial(self.reference, self.cases, self.gradient_of)
            misfit = self._misfit(answer, runner)
            if misfit:
                return "wrong", misfit
            came = runner.run(answer)
            stubs = [c.error for c in came if _left_as_stub(c.error)]
            if stubs:
                if _more_than_a_stub(answer, stubs[0]):
                    return "wrong", f"`{self.name}` still has its `raise NotImplementedError`: take that line out."
                called = _steps(stubs[0])[-1][0].co_name
                if called != self.name and isinstance(self.reference.__globals__.get(called), Exercise):
                    return "wrong", f"`{self.name}` calls `{called}`, which is not answered yet: answer that one first."
                return "not attempted", f"`{self.name}`: not attempted yet. `ex.{self.name}.hint()` gives a hint."
            if not came[-1].finished:
                return "wrong", self._unfinished(_shown(runner, len(came) - 1), stuck=runner.stuck)
            wanted = runner.run(self.reference)
            broken = next((w.error for w in wanted if w.error is not None and not _on_purpose(w.error)), None)
            if broken is not None or not wanted[-1].finished:
                why = code(f"{type(broken).__name__}: {broken}") if broken is not None else "it takes too long"
                said = "this says nothing about your answer, and nothing was counted. Restart the kernel and try again"
                return "not checked", f"`{self.name}`: the check's own solution fails here ({why}); {said}."
            both = list(enumerate(zip(came, wanted, strict=True)))
            shown = [_shown(runner, i) for i in range(len(runner))]
            looks = (self._problem, self._gradient, self._graph, self._sharing, self._type)
            problems = [(look(shown[i], c, w) for look in looks for i, (c, w) in both)]
            problems += [(self._flat(shown[i], c, w, runner, i) for i, (c, w) in both)]
            said, is_value = next(filter(None, itertools.chain(*problems)), ("", False))
            if said.endswith(RETURN_MISSING) and any(c.result is not None for c in came):
                said = said.removesuffix("?") + " on one of the ways through the function?"
            if not said:
                done = f"right, checked on {len(runner)} case{'s' * (len(runner) != 1)}."
                return "passed", f"`{self.name}`: {done} {self.afterwards}".strip()
            for mistake in self.mistakes:
                if self._alike(came, runner.run(mistake.of(self.reference))):
                    return "wrong", f"{said}{'' if said.endswith('?') else '.'} {mistake.feedback}"
            unlike = [c for c, w in zip(came, wanted, strict=True) if self._differs(c, w)]
            if is_value and len(unlike) < len(came) and not any(finite(c.result) for c in unlike):
                said += ". Other cases are right: look for e to a large number, the log or the quotient of 0, 0 × ∞, "
                said += "∞ − ∞, or a root or an arc cosine just outside its range"
            elif is_value and self.look_at:
                said += f"; look at {self.look_at}"
            return "wrong", said if said.endswith("?") else f"{said}."

    def _misfit(self, answer: Callable, runner: Trial) -> str:
        """Return a sentence if the answer cannot take the reference's arguments, in their order; else an empty one."""
        try:
            theirs = inspect.signature(getattr(answer, "forward", answer))
        except (TypeError, ValueError):  # functions written in C may not tell
            return ""
        ours = inspect.signature(self.reference)
        for name, p in ours.parameters.items():
            other = theirs.parameters[name].default if name in theirs.parameters else p.default
            if p.default is not p.empty and other is not p.empty and number(other) != number(p.default):
                return f"`{self.name}` takes `{name}` as {p.default!r} unless it is given; here it is {short(other)}."
        ordered = [p.name for p in ours.parameters.values() if p.kind is not p.KEYWORD_ONLY]
        names = [name for name in theirs.parameters if name in ordered]
        swapped = len(names) == len(ordered) and names != ordered
        with contextlib.suppress(TypeError):
            for i in range(len(runner)):
                _, positional, keywords = runner.arguments(i)
                theirs.bind(*positional, **keywords)
            if not swapped:
                return ""
        return f"`{self.name}` must take `{_bare(ours)}`, in this order; this one takes `{_bare(theirs)}`."

    def _unfinished(self, inputs: str, *, stuck: bool) -> str:
        said = f"`{self.name}` did not finish within {trial.SECONDS:g} seconds on {inputs}"
        restart = " It could not be stopped either: restart the kernel before you go on." if stuck else ""
        loop = "a loop that never ends, or one over single numbers where one operation on tensors would do"
        return f"{said}: is there {loop}?{restart}"

    def _problem(self, inputs: str, came: Outcome, wanted: Outcome) -> tuple[str, bool] | None:
        """Return (what is wrong, without a full stop; whether it is only a value), or None."""
        if came.error is not None and type(came.error) is not type(wanted.error):
            error = code(f"{type(came.error).__name__}: {came.error}".strip(": "))
            means = next((f": {meaning}" for part, meaning in RAISED.items() if part in str(came.error)), "")
            return f"`{self.name}` raises {error}{_where(came.error)} on {inputs}{means}", False
        if wanted.error is not None and came.error is None:
            return f"For {inputs}: got {kind(came.result)}, expected a `{type(wanted.error).__name__}` raised", False
        for name in sorted(came.marked - wanted.marked):
            if name in came.changed - wanted.changed and not isinstance(came.after[name], dict):
                continue  # this says more
            if name in self.gradient_of:
                said = f"calls `.backward()` or changes `requires_grad` of its argument `{name}`"
                return f"`{self.name}` {said}; its caller does that, and `{name}.detach()` leaves it as it is", False
            if isinstance(came.after[name], dict):  # a module
                said = f"records a step in the parameters of `{name}`, or changes whether they ask for a gradient"
                return f"`{self.name}` {said}; work below `with torch.no_grad():`", False
            return f"`{self.name}` asks its argument `{name}` for a gradient; work on `{name}.detach().clone()`", False
        for name in sorted(came.changed - wanted.changed):
            return f"`{self.name}` changes its argument `{name}` in place; work on a copy or make a new one", False
        found = self._differs(came, wanted)
        if found:
            return f"For {inputs}: {found[0]}", found[1]
        return None

    def _gradient(self, inputs: str, came: Outcome, wanted: Outcome) -> tuple[str, bool] | None:
        """Return (how a gradient differs, False), or None; asked once all values are right.

        Where the expected gradient is exactly 0, there may be a corner: `_flat` looks at those places.
        """
        for name, expected in wanted.slopes.items():
            got = came.slopes.get(name)
            if expected is None and got is not None:
                return f"The values are right, but a gradient flows back into `{name}`, and none should", False
            if expected is not None and got is None:
                cut = "is it cut off by `.item()`, `.detach()`, `.data` or `torch.no_grad()`?"
                return f"The values are right, but no gradient flows back into `{name}`: {cut}", False
            if expected is not None:
                got = got.where((expected != 0) | ~got.isfinite(), expected)
                found = difference(got, expected, self.tolerance)
                if found:
                    return self._wrong_gradient(name, inputs, found[0]), False
        return None

    def _flat(self, inputs: str, came: Outcome, wanted: Outcome, runner: Trial, index: int) -> tuple[str, bool] | None:
        """Return (how a gradient differs, False), or None, where the expected one is 0 here and close by.

        If it is not 0 close by, there is a corner, and any finite number is right.
        """
        for name, expected in wanted.slopes.items():
            got = came.slopes[name]
            if expected is None or not difference(got, expected, self.tolerance):
                continue
            flat = expected == 0
            for slope in runner.slopes_beside(self.reference, index, name):
                flat = flat & (slope == 0)
            found = difference(got.where(flat, expected), expected, self.tolerance)
            if found:
                return self._wrong_gradient(name, inputs, found[0]), False
        return None

    def _wrong_gradient(self, name: str, inputs: str, found: str) -> str:
        return f"The values are right, but not the gradient with respect to `{name}`, for {inputs}: {found}"

    def _graph(self, inputs: str, came: Outcome, wanted: Outcome) -> tuple[str, bool] | None:
        """Return (that the result carries a graph, False), or None; asked once all values are right."""
        if self.detached and any(asks for asks, *_ in gradients(came.result)):
            said = "the result still carries its history of operations: return it with `.detach()`"
            return f"The numbers are right, but {said}", False
        return None

    def _sharing(self, inputs: str, came: Outcome, wanted: Outcome) -> tuple[str, bool] | None:
        """Return (which argument the result shares memory with, False), or None; asked once all values are right."""
        for name in sorted(came.shared - wanted.shared):
            said = f"the result is the argument `{name}` itself or a view of it, so that changing one changes the other"
            return f"The values are right, but {said}; return something new, for instance `{name}.clone()`", False
        return None

    def _type(self, inputs: str, came: Outcome, wanted: Outcome) -> tuple[str, bool] | None:
        """Return (that a result has another float type than expected, False), or None; asked once all is right."""
        results = [r if isinstance(r, list | tuple) else [r] for r in (came.result, wanted.result)]
        for got, expected in zip(*results, strict=False) if self.like else []:
            if hasattr(got, "detach") and got.dtype != expected.dtype:
                types = f"{code(str(got.dtype))} where `{self.like}` is {code(str(expected.dtype))}"
                said = f"but for {inputs} the result is of type {types}, and could not be used together with it"
                return f"The numbers are right, {said}: `.to({self.like}.dtype)` makes it the same", False
        return None

    def _differs(self, came: Outcome, other: Outcome) -> tuple[str, bool] | None:
        found = difference(came.result, other.result, self.tolerance)
        for name in sorted(other.changed) if not found else []:
            found = difference(came.after[name], other.after[name], self.tolerance)
            if found:
                return f"afterwards in the argument `{name}`, {found[0]}", found[1]
        return found

    def _alike(self, came: list[Outcome], mistaken: list[Outcome]) -> bool:
        return mistaken[-1].finished and all(
            (type(c.error), str(c.error or "")) == (type(m.error), str(m.error or ""))
            and c.changed == m.changed
            and c.shared <= m.shared
            and not self._differs(c, m)
            and not self._gradient("", c, m)
            for c, m in zip(came, mistaken, strict=True)
        )

    def _record(self, event: str) -> str:
        """Record the event; return what progress has to say about it, as a further line, or an empty string."""
        from course_utils.progress import record

        said = record(self.notebook, self.name, event)
        return f"\n{said}" if said else ""


def _shown(runner: Trial, index: int) -> str:
    """Return the arguments of case `index` in words: whole if they are short, else with how to get them."""
    named = runner.arguments(index)[0]
    text = ", ".join(f"{name}={short(value)}" for name, value in named.items())
    whole = len(text) <= 160 and " of shape (" not in text and "…" not in text
    return code(text, 160) + ("" if whole else f" (case {index + 1}: `ex.{runner.name}.case({index + 1})` gives it)")


def _bare(signature: inspect.Signature) -> str:
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def _steps(error: BaseException | None) -> list:
    """Return (code, line) of every step to the error that is not ours."""
    steps = traceback.walk_tb(error.__traceback__ if error else None)
    return [(frame.f_code, line) for frame, line in steps if frame.f_code.co_filename != trial.__file__]


def _on_purpose(error: BaseException) -> bool:
    """Tell whether the last step to `error` is a `raise`."""
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    return linecache.getline(frame.f_code.co_filename, line).strip().startswith("raise ")


def _left_as_stub(error: BaseException | None) -> bool:
    """Return whether NotImplementedError was raised by name, not by an operation that torch lacks."""
    if not isinstance(error, NotImplementedError):
        return False
    at, line = (_steps(error) or [(None, 0)])[-1]
    if at and _of_a_library(at):
        return False
    source = linecache.getline(at.co_filename, line) if at else ""
    return not source.strip() or "NotImplementedError" in source


def _of_a_library(at: CodeType) -> bool:
    """Return whether this code is of Python, an installed package or the course, not of the learner."""
    libraries = [*{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}]
    libraries.append(os.path.dirname(__file__))
    return at.co_filename.startswith((*libraries, "<frozen"))


def _more_than_a_stub(answer: Callable, error: BaseException) -> bool:
    """Return whether the answer itself raised `error`, and has more than this one statement below its docstring."""
    try:
        if _steps(error)[-1][0] is not answer.__code__:  # a function that it calls did
            return False
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(answer))).body
        return len(definition.body) - (ast.get_docstring(definition) is not None) > 1
    except (OSError, TypeError, SyntaxError, ValueError, AttributeError, IndexError):  # no source, no plain function
        return False


def _where(error: BaseException) -> str:
    """Return " in line n, `source`" for the last step of the error in the learner's own file or cell."""
    steps = [step for step in _steps(error) if not _of_a_library(step[0])]
    own = [step for step in steps if step[0].co_filename == steps[0][0].co_filename]
    if not own:
        return ""
    at, line = own[-1]
    named = [step[0] for step in own if not step[0].co_name.startswith("<")] or [at]
    source = linecache.getline(at.co_filename, line).strip()
    if line not in {at_line for *_, at_line in named[-1].co_lines()}:  # a lambda that stands elsewhere
        return f" in {code(source)}" if source else ""
    place = f" in line {line - named[-1].co_firstlineno + 1}" + (f" of `{named[-1].co_name}`" if len(named) > 1 else "")
    return place + (f", {code(source)}," if source else "")
