"""Say in words what can be read off a figure, for those who cannot see it; here so that no figure cell has to."""

import re

import numpy as np


def describe(fig) -> str:
    """Return what the axes of `fig` say: titles, labels with their units, each series' first, last and extreme values.

    A series is a line with a label, the only line of its axes, or a set of bars. Pictures say no more than their title.
    """
    parts: list[tuple[list[str], str]] = []  # (titles, what is below them); panels that say the same are one part
    for ax in fig.axes:
        title, said = _plain(ax.get_title() or ax.get_title(loc="left")), _axes(ax)
        if parts and parts[-1][1] == said:
            parts[-1][0].append(title)
        elif title or said:
            parts.append(([title], said))
    found = []
    for titles, said in parts:
        named = ", ".join(f"“{title}”" for title in titles if title)
        found.append(": ".join(filter(None, (named, said))) + ".")
    return " ".join(found)


def _axes(ax) -> str:
    """Return the labels and series of one axes, "Loss against steps: plain from 2.3 to 0.31" for example."""
    labels = [_plain(label) for label in (ax.get_ylabel(), ax.get_xlabel()) if label]
    if not labels:
        return ""
    head = " against ".join(labels)
    head = head[:1].upper() + head[1:] if len(head.split()[0]) > 3 else head
    if ax.get_label() == "<colorbar>":
        return f"Colour: {labels[0]}, {_range(ax.get_ylim())}"
    logarithmic = " and ".join(name for name in "xy" if getattr(ax, f"get_{name}scale")() == "log")
    head += f" ({logarithmic} logarithmic)" if logarithmic else ""
    return ": ".join(filter(None, (head, "; ".join([*_lines(ax), *_bars(ax)]))))


def _lines(ax) -> list[str]:
    """Return a phrase for each line that has a label, or for the only line."""
    in_data = lambda line: line.get_transform().contains_branch_seperately(ax.transData)[1]  # not so a vertical line
    lines = [line for line in ax.get_lines() if len(line.get_ydata()) and in_data(line)]
    named = [(_plain(line.get_label()), line) for line in lines if not str(line.get_label()).startswith("_")]
    found = named or ([("", lines[0])] if len(lines) == 1 else [])
    return [f"{name} {_course(line.get_ydata())}".strip() for name, line in found]


def _course(values) -> str:
    """Return how a series goes, "from 2.3 to 0.31, highest 2.4" for example."""
    y = np.asarray(values, dtype=float)
    y = y[np.isfinite(y)]
    if not len(y):
        return "has no values"
    first, last, low, high = (f"{value:.3g}" for value in (y[0], y[-1], y.min(), y.max()))
    if low == high:
        return f"at {low}"
    extremes = [f"lowest {low}"] * (low not in (first, last)) + [f"highest {high}"] * (high not in (first, last))
    return ", ".join([f"from {first} to {last}", *extremes])


def _bars(ax) -> list[str]:
    """Return "name value" for each bar, named as the axis names it."""
    found = []
    for bars in ax.containers:
        lying = getattr(bars, "orientation", "vertical") == "horizontal"
        axis = ax.yaxis if lying else ax.xaxis
        names = dict(zip(np.round(axis.get_ticklocs(), 6), (t.get_text() for t in axis.get_ticklabels()), strict=False))
        for bar in getattr(bars, "patches", []):
            middle = bar.get_y() + bar.get_height() / 2 if lying else bar.get_x() + bar.get_width() / 2
            name = names.get(round(middle, 6)) or f"{middle:.3g}"
            found.append(f"{_plain(name)} {bar.get_width() if lying else bar.get_height():.3g}")
    return found


def _range(limits) -> str:
    return f"{min(limits):.3g} to {max(limits):.3g}"


def _plain(text: str) -> str:
    """Return a label without the signs of mathematics, on one line."""
    return re.sub(r"[${}\\]", "", " ".join(str(text).split()))
