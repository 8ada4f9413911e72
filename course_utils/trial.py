"""Run a learner's function on the cases of an exercise: in a thread that can be stopped, with nothing shared."""

import contextlib
import contextvars
import copy
import ctypes
import inspect
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from course_utils.compare import difference, gradients, kept, shares

SECONDS = 5.0  # of CPU time, all cases of one function together
PATIENCE = 30.0  # seconds on the clock for a function that sleeps; waiting for input or in a debugger does not count
STOPPING = 1.0  # how long a function that runs forever is asked to stop
NEAR = 1e-3  # how far an argument is moved to tell a corner from a plain
PRINTED = 10_000  # characters that a function may print, all cases together; a loop that never ends prints millions
ASKING = ("pdb.py", "bdb.py", "kernelbase.py", "pydevd.py", "pydevd_frame.py")  # files in which one waits for a person


@dataclass
class Outcome:
    """What one call did: its result or error, each argument afterwards, and which it changed, marked or shared.

    `slopes` holds the result's gradient with respect to each argument that is asked about, None where none flows.
    """

    result: Any = None
    error: BaseException | None = None
    after: dict = field(default_factory=dict)
    changed: set = field(default_factory=set)
    marked: set = field(default_factory=set)
    shared: set = field(default_factory=set)
    slopes: dict = field(default_factory=dict)
    finished: bool = False


class Trial:
    """The cases of one check, made once from `make(generator)`; every function is given copies of its own.

    The arguments named in `gradient_of`, all of them tensors, ask for a gradient when the function is called.
    """

    def __init__(self, reference: Callable, make: Callable, gradient_of: tuple[str, ...] = ()):
        import torch

        self.name = reference.__name__.removesuffix("_reference")
        self.parameters = list(inspect.signature(reference).parameters.values())
        seed()
        self.cases = make(torch.Generator("cpu").manual_seed(0))
        self.gradient_of = gradient_of
        self.stuck = False  # whether the last function could not be stopped

    def __len__(self) -> int:
        return len(self.cases)

    def arguments(self, index: int) -> tuple[dict, list, dict]:
        """Return a copy of case `index`: by name, and split into positional and keyword arguments."""
        pairs = list(zip(self.parameters, fresh(self.cases[index]), strict=False))
        keywords = {p.name: v for p, v in pairs if p.kind is p.KEYWORD_ONLY}
        return {p.name: v for p, v in pairs}, [v for p, v in pairs if p.name not in keywords], keywords

    def run(self, function: Callable) -> list[Outcome]:
        """Call `function` on every case, in a thread that is stopped in time; the last outcome may be unfinished.

        The exception sent to the thread is SystemExit: `except Exception` lets it pass, and a thread that it ends
        prints nothing. A thread starts with the CPU as its default device, whatever torch.set_default_device says,
        and with gradients on; the function's own choice of both ends with it. `unchanged` puts back what else it sets.
        """
        outcomes, broken, stop = [], [], threading.Event()

        def work():
            try:
                for i in range(len(self)):
                    outcomes.append(Outcome())
                    self._call(function, i, outcomes[-1], stop)
                    if stop.is_set():
                        return
            except BaseException as error:  # SystemExit too, from a result's own methods
                if not stop.is_set():
                    broken.append(error)

        with unchanged(), contextlib.redirect_stdout(_Beginning(sys.stdout)):
            thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
            thread.start()
            try:
                _wait(thread)
            finally:
                stop.set()
                end = time.monotonic() + STOPPING
                while thread.is_alive() and time.monotonic() < end:
                    where = ctypes.c_ulong(thread.ident)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(where, ctypes.py_object(SystemExit))
                    thread.join(0.05)
                self.stuck = thread.is_alive()
        if broken:
            raise RuntimeError("a result could not be looked at") from broken[0]
        return list(outcomes) or [Outcome()]

    def slopes_beside(self, function: Callable, index: int, name: str) -> list:
        """Return the gradients of `function`, which is trusted, with the argument `name` moved a little, six ways."""
        import torch

        found = []
        for sign in (1, -1):
            generator = torch.Generator("cpu").manual_seed(0)
            for _ in range(3):
                named, positional, keywords = self.arguments(index)
                named[name].add_(sign * torch.empty_like(named[name]).uniform_(-NEAR, NEAR, generator=generator))
                for asked in self.gradient_of:
                    named[asked].requires_grad_()
                slope = slopes(function(*positional, **keywords), {name: named[name]})[name]
                found.append(torch.zeros_like(named[name]) if slope is None else slope)
        return found

    def _call(self, function: Callable, index: int, outcome: Outcome, stop: threading.Event) -> None:
        seed()
        named, positional, keywords = self.arguments(index)
        for name in self.gradient_of:
            named[name].requires_grad_()
        before = {name: kept(value) for name, value in named.items()}
        marks = {name: gradients(value) for name, value in named.items()}
        try:
            outcome.result = function(*positional, **keywords)
            outcome.slopes = slopes(outcome.result, {name: named[name] for name in self.gradient_of})
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: an answer must not end the kernel
            outcome.error = error
        if stop.is_set():
            outcome.error = None
            return
        outcome.after = {name: kept(value) for name, value in named.items()}
        outcome.changed = {name for name in named if difference(outcome.after[name], before[name], 0.0)}
        outcome.marked = {name for name, value in named.items() if gradients(value) != marks[name]}
        outcome.shared = {name for name, value in named.items() if shares(outcome.result, value)}
        outcome.finished = True


class _Beginning:
    """A stream that passes on only the first PRINTED characters, and says so where it ends."""

    def __init__(self, stream):
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            if len(text) >= self.left:
                self.stream.write("… (what is printed from here on is left out)\n")
        self.left -= len(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _wait(thread: threading.Thread) -> None:
    """Wait until `thread` ends, has used SECONDS of CPU time, or has slept through PATIENCE."""
    start, waited, last = time.process_time(), 0.0, time.monotonic()
    while thread.is_alive() and time.process_time() - start < SECONDS and waited < PATIENCE:
        thread.join(0.1)  # in short steps: on Windows a long one would not let Ctrl-C through
        now = time.monotonic()
        asking, last, passed = _asks(thread), now, now - last
        waited += 0 if asking else passed


def _asks(thread: threading.Thread) -> bool:
    """Tell whether `thread` waits for a person: at an `input` of the notebook's, or in a debugger."""
    frame = sys._current_frames().get(thread.ident)
    while frame:
        if os.path.basename(frame.f_code.co_filename) in ASKING:
            return True
        frame = frame.f_back
    return False


def slopes(result: Any, arguments: dict) -> dict:
    """Return the gradient of `result` with respect to each of `arguments`, by name; None where none flows.

    The entries of a tensor are added up with weights of their own: rows that sum to 1 would have no gradient else.
    """
    import torch

    found = dict.fromkeys(arguments)
    asked = {name: value for name, value in arguments.items() if value.requires_grad}
    if any(value.is_leaf and value.grad is not None for value in asked.values()):  # it went back already
        return found
    if asked and isinstance(result, torch.Tensor) and result.requires_grad and result.is_floating_point():
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype)
        total = (result.flatten() * weights).sum()
        found.update(zip(asked, torch.autograd.grad(total, list(asked.values()), allow_unused=True), strict=True))
    return found


def seed() -> None:
    """Seed Python's, NumPy's and torch's global generators, on the CPU, for one call."""
    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.default_generator.manual_seed(0)


def fresh(value: Any, memo: dict | None = None) -> Any:
    """Return a deep copy of a case; generators are copied with their state, which `copy.deepcopy` cannot do."""
    import torch

    memo = {} if memo is None else memo
    if isinstance(value, torch.Generator):
        return memo.setdefault(id(value), torch.Generator("cpu").set_state(value.get_state()))
    if type(value) in (tuple, list):
        return type(value)(fresh(item, memo) for item in value)
    return copy.deepcopy(value, memo)


@contextlib.contextmanager
def undisturbed():
    """Work on the CPU in float32, and leave the random state of Python, NumPy and torch (there) as it was."""
    import numpy
    import torch

    states, dtype = (random.getstate(), numpy.random.get_state()), torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        try:
            torch.set_default_dtype(torch.float32)
            yield
        finally:
            torch.set_default_dtype(dtype)
            random.setstate(states[0])
            numpy.random.set_state(states[1])


@contextlib.contextmanager
def unchanged():
    """Put back what is set for the whole process inside: settings of torch and of matplotlib, the working folder."""
    import torch
    from torch import _tensor_str

    printing = getattr(_tensor_str, "get_printoptions", dict)  # torch has no public way to read them
    settings = [
        (_folder, os.chdir),
        (torch.get_default_dtype, torch.set_default_dtype),
        (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (printing, lambda options: torch.set_printoptions(**options)),
    ]
    before = [read() for read, _ in settings]
    drawing = sys.modules["matplotlib"].rc_context() if "matplotlib" in sys.modules else contextlib.nullcontext()
    with drawing:
        try:
            yield
        finally:
            for (read, put), value in zip(settings, before, strict=True):
                if value is not None and read() != value:
                    put(value)


def _folder() -> str | None:
    """Return the working folder, or None if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None
