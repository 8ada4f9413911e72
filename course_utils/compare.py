"""Compare what a function gave with what was expected, and say the difference in words; for the exercises' checks."""

import cmath
import contextlib
from collections.abc import Iterator
from typing import Any

SMALL = 12  # a tensor with at most this many numbers is shown whole
RETURN_MISSING = "is a `return` missing?"


def difference(got: Any, expected: Any, tolerance: float) -> tuple[str, bool] | None:
    """Return ("got ..., expected ...", whether it is only a value), or None where the two are the same.

    The same: a number, a tensor with no dimensions and a NumPy number; a list and a tuple; any two float types;
    an int where a float is expected; NaN and NaN. Not the same: a bool and a number, a float or a float tensor where
    an int or an int tensor is expected, a complex number where a real one is.
    """
    a, b = number(got), number(expected)
    unlike = f"got {kind(got)}, expected {kind(expected)}"
    if a is not None and b is not None:
        if isinstance(a, bool) != isinstance(b, bool) or _rank(a) > _rank(b):
            return unlike, False
        near = a == b or (a != a and b != b)
        if not near and not (isinstance(a, int) and isinstance(b, int)):
            with contextlib.suppress(OverflowError):
                near = cmath.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
        return None if near else (pair(got, expected), True)
    if is_array(expected) and is_array(got) and hasattr(got, "detach") == hasattr(expected, "detach"):
        return _array_difference(got, expected, tolerance)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(got) != len(expected):
            plain = all(len(side) <= SMALL and None not in map(number, side) for side in (got, expected))
            return (pair(got, expected), True) if plain else (unlike, False)
        found = [(f"item {i}", difference(g, e, tolerance)) for i, (g, e) in enumerate(zip(got, expected, strict=True))]
    elif isinstance(expected, dict) and isinstance(got, dict):
        if got.keys() != expected.keys():
            return f"got a dict with the keys {code(short(list(got)))}, expected {code(short(list(expected)))}", False
        found = [(f"the item {code(short(key))}", difference(got[key], expected[key], tolerance)) for key in expected]
    elif isinstance(expected, Iterator) and type(got) is type(expected):
        return None
    elif got is None and expected is not None:
        return f"got `None`, expected {kind(expected)}: {RETURN_MISSING}", False
    elif type(got) is not type(expected):
        if hasattr(expected, "detach") and is_array(got):
            return f"{unlike}; `torch.as_tensor` makes it one", False
        if hasattr(expected, "detach") and type(got).__module__ == "torch.return_types":
            return f"got values and indices together, expected {kind(expected)}: take `.values` of it", False
        if hasattr(expected, "detach") and isinstance(got, tuple) and any(map(is_array, got)):
            return f"{unlike}; return that one alone (`torch.stack` joins rows)", False
        if hasattr(expected, "detach") and isinstance(got, list | tuple):
            return f"{unlike}; `torch.tensor` or `torch.stack` makes it one", False
        return unlike, False
    else:
        return None if got is expected or got == expected else (pair(got, expected), True)
    return next(((f"in {where}, {d[0]}", d[1]) for where, d in found if d), None)


def _rank(x: complex) -> int:
    """Return 0 for an int, 1 for a float, 2 for a complex number."""
    return isinstance(x, float) + 2 * isinstance(x, complex)


def _array_difference(got: Any, expected: Any, tolerance: float) -> tuple[str, bool] | None:
    import torch

    a, b = (torch.as_tensor(x if hasattr(x, "detach") else x.copy()).detach().cpu() for x in (got, expected))
    a, b = (x if x.layout is torch.strided else x.to_dense() for x in (a, b))
    rank_a, rank_b = ((x.dtype != torch.bool) + x.is_floating_point() + 2 * x.is_complex() for x in (a, b))
    types = f"got a tensor of {code(str(a.dtype))}, expected {code(str(b.dtype))}"
    if a.ndim == b.ndim and (rank_a > rank_b or (rank_a == 0) != (rank_b == 0)):
        return types, False
    if a.shape != b.shape and a.ndim == b.ndim == 1 and max(len(a), len(b)) <= SMALL:
        return pair(got, expected), True
    if a.shape != b.shape:
        return f"got {kind(got)}, expected {kind(expected)}", False
    if rank_b > 1:
        wide = torch.complex128 if rank_b > 2 else torch.float64
        same = torch.isclose(a.to(wide), b.to(wide), rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        same = a == b
    if same.all():
        return None
    whole, narrow = rank_a < rank_b == 2, rank_a == rank_b == 2 and a.element_size() < 4
    if (whole or narrow) and torch.isclose(a.double(), b.double(), rtol=0.01, atol=1.0 if whole else 0.01).all():
        return f"{types}, and what rounding takes away is lost", False
    lost = ~torch.isfinite(a) & torch.isfinite(b)
    index = tuple(torch.nonzero(lost if lost.any() else ~same)[0].tolist())
    said = pair(a, b) if a.numel() <= SMALL else f"in {kind(got)} at index {index}, {pair(a[index], b[index])}"
    return said + (f", and {code(short(a[index]))} is not a finite number" if lost.any() else ""), True


def kind(value: Any) -> str:
    """Return what `value` is, in words, with its shape or length."""
    if value is None:
        return "`None`"
    if is_array(value) and value.shape == ():
        return f"a {'tensor' if hasattr(value, 'detach') else 'NumPy number'} of shape () holding {code(short(value))}"
    if number(value) is not None:
        return f"the {type(number(value)).__name__} {code(short(value))}"
    if is_array(value):
        return f"a {'tensor' if hasattr(value, 'detach') else 'NumPy array'} of shape {tuple(value.shape)}"
    size = f" of {len(value)}" if isinstance(value, list | tuple | dict | set) else ""
    name = type(value).__name__
    return f"a{'n' * (name[0].lower() in 'aeio')} {code(name)}{size}"


def number(value: Any) -> complex | None:
    """Return a Python number for a number, a NumPy number or a tensor with no dimensions; else None."""
    value = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    return value if isinstance(value, int | float | complex) else None


def finite(value: Any) -> bool:
    """Tell whether all numbers in a number, a tensor, or a list or tuple of these are finite."""
    if isinstance(value, list | tuple):
        return all(map(finite, value))
    if is_array(value):
        import torch

        return bool(torch.as_tensor(value).isfinite().all())
    plain = number(value)
    return plain is None or isinstance(plain, int) or cmath.isfinite(plain)


def is_array(value: Any) -> bool:
    """Return whether `value` is a tensor or a NumPy array of numbers."""
    import numpy
    import torch

    return isinstance(value, torch.Tensor) or (isinstance(value, numpy.ndarray) and value.dtype.kind in "biufc")


def short(value: Any, digits: int = 4) -> str:
    """Return `value` in a few characters: a small tensor as nested lists, a large one as its shape."""
    plain = number(value)
    if plain is not None:
        return f"{plain + 0.0:.{digits}g}" if isinstance(plain, float | complex) else str(plain)  # + 0.0: no -0
    if is_array(value):
        size = value.numel() if hasattr(value, "numel") else value.size
        return (
            short(value.tolist(), digits)
            if 0 < size <= SMALL or value.shape == (0,)
            else kind(value).removeprefix("a ")
        )
    if isinstance(value, list | tuple):
        inside = ", ".join([short(v, digits) for v in value[:SMALL]] + ["…"] * (len(value) > SMALL))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{short(k)}: {short(v, digits)}" for k, v in list(value.items())[:SMALL]) + "}"
    if value is None or isinstance(value, str | bytes | set):
        return repr(value)
    return getattr(value, "__name__", type(value).__name__)


def pair(got: Any, expected: Any) -> str:
    """Return "got ..., expected ..." with as many digits as it takes to tell the two apart."""
    digits = next((d for d in (4, 7) if short(got, d) != short(expected, d)), 17)
    return f"got {code(short(got, digits))}, expected {code(short(expected, digits))}"


def code(text: str, width: int = 200) -> str:
    """Return one line of `text` between back-ticks, cut at `width`."""
    line = " ".join(str(text).replace("`", "'").split())
    return f"`{line if len(line) <= width else line[: width - 1] + '…'}`"


def kept(value: Any) -> Any:
    """Return a copy of an argument for a later comparison: of tensors, lists, dicts, sets, arrays and modules."""
    if is_array(value):
        return value.detach().clone() if hasattr(value, "detach") else value.copy()
    if isinstance(value, list | tuple):
        return [kept(v) for v in value]
    if isinstance(value, dict):
        return {k: kept(v) for k, v in value.items()}
    if hasattr(value, "state_dict"):
        return kept(dict(value.state_dict()))
    return set(value) if isinstance(value, set) else value


def gradients(value: Any) -> list:
    """Return of every tensor in an argument whether it asks for a gradient, and whether it has one.

    Of a module's parameters also whether they are still leaves, with no step recorded in them.
    """
    if isinstance(value, list | tuple):
        return [mark for v in value for mark in gradients(v)]
    if hasattr(value, "state_dict") and hasattr(value, "parameters"):
        return [(*mark, p.is_leaf) for p in value.parameters() for mark in gradients(p)]
    has = lambda tensor: tensor.is_leaf and tensor.grad is not None
    return [(value.requires_grad, has(value))] if hasattr(value, "requires_grad") else []


def shares(result: Any, argument: Any) -> bool:
    """Return whether a list, dict, set or tensor in `result` is one in `argument`, or a view of its memory."""

    def parts(value):
        if isinstance(value, list | tuple | dict):
            yield from [] if isinstance(value, tuple) else [(id(value), 0)]
            for v in value.values() if isinstance(value, dict) else value:
                yield from parts(v)
        elif isinstance(value, set):
            yield id(value), 0
        elif hasattr(value, "untyped_storage"):
            yield id(value), value.untyped_storage().data_ptr() if str(value.layout) == "torch.strided" else 0

    theirs = list(parts(argument))
    return any(a == c or (b and b == d) for a, b in parts(result) for c, d in theirs)
