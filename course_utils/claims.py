"""Claims of the guide and the papers, each with what was expected and what this kernel measured, in one table."""

import json
import math
import os
import re
from pathlib import Path

from course_utils import files, records
from course_utils.display import Shown, message, table

STRICT = "COURSE_STRICT"  # set by the project's tests: a claim that fails is an error
REPORT = "COURSE_CLAIMS"  # set by tools/seeds.py: the file that each claim is written to
_claims: dict[str, dict] = {}
_notebook = ""


class ClaimFailed(AssertionError):
    """Say that a claim was not borne out; raised only in the project's tests."""


def begin(notebook: str) -> None:
    """Start an empty table for a notebook, "01" for example."""
    global _notebook
    _notebook = notebook
    _claims.clear()


def record(
    key: str,
    statement: str,
    *,
    source: str,
    measured: float,
    unit: str = "",
    at_most: float | None = None,
    at_least: float | None = None,
    published: str = "",
    against: str = "",
    why: str = "",
    details: dict[str, list[float]] | None = None,
) -> Shown:
    """Enter one claim in the table and return one line that says how it came out.

    `statement` is a claim in our own words; it holds if at_least ≤ measured ≤ at_most (give one or both, in `unit`).
    `published` is an earlier result to stand beside it; `against` names who says otherwise, "the guide" for example;
    `why` says what to think of when it does not hold; `details` are rows of further numbers, for `table_of_details`.
    """
    if at_most is None and at_least is None:
        raise ValueError(f"claim {key!r} can never fail: give at_most, at_least or both")
    if not re.fullmatch(r"[a-z0-9-]+", key):
        raise ValueError(f"a claim's key is made of small letters, digits and hyphens, got {key!r}")
    measured = float(measured)
    low, high = (-math.inf if at_least is None else at_least), (math.inf if at_most is None else at_most)
    claim = {
        "statement": statement,
        "source": source,
        "unit": unit,
        "expected": _expected(at_least, at_most, unit),
        "published": published,
        "against": against,
        "measured": measured,
        "holds": low <= measured <= high,  # false for NaN
    }
    if details:
        claim["details"] = {name: [round(float(value), 4) for value in row] for name, row in details.items()}
    _claims[key] = claim
    if os.environ.get(REPORT):
        files.write(Path(os.environ[REPORT]), json.dumps(_claims))
    line = f"{_number(measured, unit)}, expected {_expected(at_least, at_most, '')}: {statement}"
    if claim["holds"]:
        return message(line, "good")
    reason = why or (
        "if you changed a cell above or stopped a training, that is why; run the notebook from the top to be sure. "
        "Another machine or another version of PyTorch rounds differently and can tip a narrow case"
    )
    if os.environ.get(STRICT):
        raise ClaimFailed(f"{key}: measured {_number(measured, unit)}, expected {claim['expected']}")
    return message(f"{line}\nNot so here: {reason}.", "bad")


def table_of_claims() -> Shown:
    """Return the notebook's claims so far: statement, source, expected, measured here and over the recorded seeds.

    The caption names the claims of the record that are still to be run.
    """
    seen = records.read("claims").get(_notebook, {})
    rows = []
    for key, claim in _claims.items():
        verdict = "✔ holds" if claim["holds"] else "✘ not so here: see the line above, under its cell"
        if claim["against"]:
            verdict += f", against {claim['against']}"
        expected = claim["expected"] + (f"\n({claim['published']})" if claim["published"] else "")
        seeds = span(seen[key]["measured"], claim["unit"]) if key in seen else "not yet measured"
        here = _number(claim["measured"], claim["unit"])
        rows.append([claim["statement"], claim["source"], expected, here, seeds, verdict])
    headers = ["Claim", "Source", "Expected", "Measured here", "Seeds 0 to 4", "Verdict"]
    held = sum(claim["holds"] for claim in _claims.values())
    caption = f"{held} of {len(_claims)} claims held in this run."
    outside = [key for key, claim in _claims.items() if key in seen and _outside(claim, seen[key]["measured"])]
    if outside:
        caption += (
            f" Outside the range over the seeds: {len(outside)}. The seeds ran on one thread; other machines and more"
            " threads add in another order, and training magnifies what rounding changes."
        )
    missing = [f"`{key}`" for key in seen if key not in _claims]
    if missing:
        caption += f" Not run in this kernel: {', '.join(missing)}."
    return table(headers, rows, caption=caption)


def _outside(claim: dict, numbers: list[float]) -> bool:
    """Return whether a claim's number is outside the range of the recorded ones, which have six digits."""
    slack = 1e-5 * max(map(abs, numbers))
    return not min(numbers) - slack <= claim["measured"] <= max(numbers) + slack


def table_of_details(key: str, headers: list[str], *, caption: str) -> Shown:
    """Return the rows of numbers behind a claim, each as its range over the recorded seeds, under `headers`."""
    seeds = records.read("claims").get(_notebook, {}).get(key, {}).get("details", [])
    rows = [
        [name, *[span([seed[name][i] for seed in seeds if name in seed], "") for i in range(len(row))]]
        for name, row in (seeds[0] if seeds else {}).items()
    ]
    return table(headers, rows or [["not yet measured"]], caption=caption)


def recorded(notebook: str, key: str) -> str:
    """Return what the course's record says of a claim of any notebook: its range over the seeds, with its unit."""
    claim = records.read("claims").get(notebook, {}).get(key)
    return span(claim["measured"], claim["unit"]) if claim else "not yet measured"


def record_table(notebook: str) -> str:
    """Return the committed record of one notebook, "01" for example, as a table in Markdown."""
    rows = ["| Claim | Source | Expected | Seeds 0 to 4 | |", "|---|---|---|---|---|"]
    for claim in records.read("claims").get(notebook, {}).values():
        expected = claim["expected"] + (f" ({claim['published']})" if claim["published"] else "")
        held, runs = sum(claim["holds"]), len(claim["holds"])
        verdict = "✔" if held == runs else f"✘ {runs - held} of {runs} runs"
        if claim["against"]:
            verdict += f" against {claim['against']}"
        measured = span(claim["measured"], claim["unit"])
        rows.append(f"| {claim['statement']} | {claim['source']} | {expected} | {measured} | {verdict} |")
    return "\n".join(rows)


def span(numbers: list[float], unit: str) -> str:
    """Return "low to high unit" of some numbers, or one number if they read the same."""
    low, high = _number(min(numbers), ""), _number(max(numbers), "")
    return (low if low == high else f"{low} to {high}") + (f" {unit}" if unit else "")


def _number(value: float, unit: str) -> str:
    """Return a number with three significant digits and its unit."""
    if value == 0 or not math.isfinite(value):
        text = f"{value:g}"
    elif 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.1e}"
    return f"{text} {unit}".strip()


def _expected(at_least: float | None, at_most: float | None, unit: str) -> str:
    """Return the bounds in words."""
    if at_least is not None and at_most is not None:
        return f"{at_least:g} to {at_most:g} {unit}".strip()
    return (f"at least {at_least:g} {unit}" if at_most is None else f"at most {at_most:g} {unit}").strip()
