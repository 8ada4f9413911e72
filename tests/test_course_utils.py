"""The small modules: the course's start, its claims, how things are shown, figures and widgets."""

import ctypes
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from course_utils import claims, course, display, figures, session, widgets
from course_utils.describe import describe

matplotlib.use("agg")


def test_importing_the_package_imports_neither_torch_nor_numpy():
    code = "import sys, course_utils.display, course_utils.course; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


# ---------------------------------------------------------------- session


def test_a_start_seeds_everything_and_says_ready(monkeypatch):
    import torch

    monkeypatch.setenv("COURSE_SEED", "3")
    first = session.start("01", version="1.0")
    a = torch.rand(1)
    session.start("01", version="1.0")
    assert torch.equal(a, torch.rand(1)) and session.seed() == 3
    assert "Ready: notebook 01, version 1.0, seed 3." in repr(first)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if os.name == "posix" else None, "mallinfo2"), reason="needs glibc")
def test_a_started_notebook_takes_large_tensors_from_memory_that_it_keeps():
    code = """
import ctypes, sys, torch
from course_utils import session
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks a b c d e f".split()]
info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if sys.argv[1] == "started":
    session.start("01", version="1.0")
before = info()
some = [torch.ones(5_000_000) for _ in range(8)]
held = info()
del some
print(held.hblks - before.hblks, held.arena - info().arena)  # taken from the system one by one; given back
"""
    counts = lambda word: subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True).stdout
    assert counts("started").split() == ["0", "0"] and counts("not").split() == ["8", "0"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's limits")
def test_where_a_container_has_little_memory_none_is_kept(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(session, "LIMITS", (str(tmp_path / "missing"), str(limit)))
    limit.write_text("max\n")
    machine = session.memory()
    assert machine > 1e9
    limit.write_text(f"{2 << 30}\n")
    assert session.memory() == min(machine, 2 << 30) and session.keep_memory() is False


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_where_memory_cannot_be_kept_a_notebook_starts_all_the_same(system, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    assert session.keep_memory() is False


@pytest.mark.parametrize(("version", "cure"), [("0.9", "open the notebook of version 1.0"), ("1.10", "make update")])
def test_a_notebook_of_another_version_is_told_with_its_cure(version, cure, monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(session, "__file__", str(tmp_path / "course_utils" / "session.py"))
    said = repr(session.start("01", version=version))
    assert version in said and cure in said and "\n" not in said
    (tmp_path / ".git").rmdir()
    said = repr(session.start("01", version=version))
    assert cure.replace("make update", "download the course again") in said and "git" not in said


def test_a_started_notebook_shows_six_digits_of_a_number_that_has_more(tmp_path):
    cell = """from course_utils import session
_ = session.start("01", version="1.0")
from IPython import get_ipython
shown = get_ipython().display_formatter.format
print(shown({"a": 1 / 3, "b": [28.0, 2e-18 / 3], "c": -0.0, 3: 7, "d": 12345.678, "e": float("nan")})[0]["text/plain"])
print(shown(1.0)[0]["text/plain"], shown(0.1 + 0.2)[0]["text/plain"], 0.1 + 0.2)"""
    call = [sys.executable, "-m", "IPython", "--colors=NoColor", f"--ipython-dir={tmp_path}", "-c", cell]
    said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    expected = ["{'a': 0.333333,", "'b': [28.0, 6.66667e-19],", "'c': -0.0,", "3: 7,", "'d': 12345.7,", "'e': nan}"]
    assert [line.strip() for line in said.splitlines()[-7:]] == [*expected, "1.0 0.3 0.30000000000000004"]


# ---------------------------------------------------------------- claims


@pytest.fixture
def free(monkeypatch):
    """A reader's kernel: a claim that fails is no error."""
    monkeypatch.delenv(claims.STRICT, raising=False)
    claims.begin("99")


def enter(measured, **bounds):
    return claims.record("a-key", "Water is wet.", source="guide", measured=measured, **bounds)


@pytest.mark.parametrize(
    ("measured", "bounds", "holds"),
    [
        (1.0, {"at_most": 1.0}, True),
        (1.1, {"at_most": 1.0}, False),
        (0.9, {"at_least": 1.0}, False),
        (1.0, {"at_least": 0.9, "at_most": 1.1}, True),
        (math.nan, {"at_most": 1.0}, False),
        (math.inf, {"at_least": 1.0}, True),
    ],
)
def test_a_claim_holds_exactly_within_its_bounds(free, measured, bounds, holds):
    said = repr(enter(measured, **bounds))
    assert said.startswith("✔" if holds else "✘")
    assert ("Not so here: if you changed a cell" in said) is not holds


def test_a_failing_claim_is_a_red_row_for_a_reader_and_an_error_in_the_tests(free, monkeypatch):
    enter(2, at_most=1)
    assert "✘ not so here" in repr(claims.table_of_claims())
    monkeypatch.setenv(claims.STRICT, "1")
    with pytest.raises(claims.ClaimFailed, match=r"a-key: measured 2\.00, expected at most 1"):
        enter(2, at_most=1)


def test_a_claim_that_cannot_fail_is_refused(free):
    with pytest.raises(ValueError, match="can never fail"):
        enter(1)


def test_the_table_shows_source_expected_measured_seeds_and_verdict(free, monkeypatch):
    record = {"99": {"a-key": {"measured": [1.5, 1.25]}}}
    monkeypatch.setattr(claims.records, "read", lambda name: record)
    enter(1.4, at_most=2, unit="%", published="2003: 1.6%", against="the guide")
    shown = claims.table_of_claims()
    for part in (
        "Water is wet.",
        "guide",
        "at most 2 %",
        "2003: 1.6%",
        "1.40 %",
        "1.25 to 1.50 %",
        "holds, against the guide",
    ):
        assert part in repr(shown) and part in shown._repr_html_()
    assert shown._repr_html_().count("<th ") == 6
    assert "Outside" not in repr(shown)
    enter(1.6, at_most=2, unit="%")
    assert "Outside the range over the seeds: 1." in repr(claims.table_of_claims())


def test_the_table_names_the_recorded_claims_that_were_not_run_and_only_those(free, monkeypatch):
    enter(1, at_most=2)
    seen = {"measured": [1.0]}
    monkeypatch.setattr(claims.records, "read", lambda name: {"99": {"first": seen, "a-key": seen, "last": seen}})
    assert "held in this run. Not run in this kernel: `first`, `last`." in repr(claims.table_of_claims())
    monkeypatch.setattr(claims.records, "read", lambda name: {"99": {"a-key": seen}})
    assert "Not run" not in repr(claims.table_of_claims())
    monkeypatch.setattr(claims.records, "read", lambda name: {})  # a draft
    assert "Not run" not in repr(claims.table_of_claims())


def test_further_numbers_behind_a_claim_are_shown_as_their_range_over_the_recorded_seeds(free, monkeypatch):
    enter(1, at_most=2, details={"fully": [97.25, 40.0]})
    show = lambda: repr(claims.table_of_details("a-key", ["", "0", "3"], caption="Moved"))
    monkeypatch.setattr(claims.records, "read", lambda name: {})
    assert "not yet measured" in show()
    record = {"99": {"a-key": {"details": [{"fully": [97.2, 40]}, {"fully": [97.2, 38.5]}]}}}
    monkeypatch.setattr(claims.records, "read", lambda name: record)
    assert show() == "Moved\n | 0 | 3\nfully | 97.2 | 38.5 to 40.0"


def test_each_claim_reports_its_numbers_to_the_file_that_is_asked_for(free, monkeypatch, tmp_path):
    monkeypatch.setenv(claims.REPORT, str(tmp_path / "claims.json"))
    enter(1, at_most=2)
    assert json.loads((tmp_path / "claims.json").read_text())["a-key"]["measured"] == 1


def test_what_is_on_record_of_any_claim_can_be_quoted(monkeypatch):
    record = {"98": {"a-key": {"measured": [1.5, 0.25], "unit": "nats"}}}
    monkeypatch.setattr(claims.records, "read", lambda name: record)
    assert claims.recorded("98", "a-key") == "0.250 to 1.50 nats"
    assert claims.recorded("98", "other") == claims.recorded("97", "a-key") == "not yet measured"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.4567, "1.46"), (0, "0"), (98.76, "98.8"), (1234.5, "1,234"), (2.34e-6, "2.3e-06"), (-0.4984, "-0.498")],
)
def test_a_number_is_shown_with_three_digits(value, text):
    assert claims._number(value, "") == text


# ---------------------------------------------------------------- display


def test_whatever_a_text_contains_is_shown_as_text():
    markup = display.message("<script>alert(1)</script> `a<b**2 - c**2` **bold**", "bad")._repr_html_()
    stressed = display.message("on *both* sides, 2 * padding - k * 2 and (*cases, 1)")._repr_html_()
    assert "on <em>both</em> sides, 2 * padding - k * 2 and (*cases, 1)" in stressed
    assert "<script>" not in markup and "<code>a&lt;b**2 - c**2</code>" in markup and "<b>bold</b>" in markup


def test_the_stars_of_a_formula_stay():
    adam = "m / (1 − beta1**t), v = beta2 * v + (1 − beta2) * grad**2, f(*arguments, **options) and w**2"
    assert display.inline(adam) == adam
    assert display.inline("**all of it**, (*new*) and *two words*.") == (
        "<b>all of it</b>, (<em>new</em>) and <em>two words</em>."
    )


def test_a_table_has_headers_and_a_caption():
    shown = display.table(["a", "b"], [["1", "<2>"]], caption="Two things")
    assert shown._repr_html_().count('<th scope="col"') == 2 and "<caption" in shown._repr_html_()
    assert "&lt;2&gt;" in shown._repr_html_() and repr(shown) == "Two things\na | b\n1 | <2>"


# ---------------------------------------------------------------- figures


def luminance(colour):
    """Relative luminance, as WCAG 2 defines it."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(colour)]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


@pytest.mark.parametrize("name", figures.COLOURS)
@pytest.mark.parametrize("page", ["white", "#111111"])
def test_every_colour_stands_out_on_a_light_and_on_a_dark_page(name, page):
    light, dark = sorted((luminance(figures.COLOURS[name]), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def described(draw, columns=1):
    """The words for a figure that `draw(axes)` has drawn."""
    import matplotlib.pyplot as plt

    fig, axes = figures.new(columns)
    draw(axes)
    plt.close(fig)
    return describe(fig)


def test_a_figure_says_its_labels_scales_and_each_labelled_series():
    def draw(ax):
        ax.semilogx([1, 10, 100], [2.3, 2.5, 0.31], label="64 at a time")
        ax.plot([1, 100], [1, math.nan], color="grey")  # without a label: a help to the eye
        ax.axhline(0.35, label="goal")
        ax.set(xlabel="passes", ylabel="loss $L_1$")

    said = "Loss L_1 against passes (x logarithmic): 64 at a time from 2.3 to 0.31, highest 2.5; goal at 0.35."
    assert described(draw) == said


def test_bars_are_named_as_the_axis_names_them_and_the_only_line_needs_no_label():
    lying = lambda ax: (ax.barh(["linear", "two layers"], [7.4, 1.5]), ax.set(xlabel="errors (%)"))
    standing = lambda ax: (ax.bar(["a", "b"], [1, 2]), ax.set(ylabel="count"))
    line = lambda ax: (ax.plot([3, 1, 2]), ax.axvline(1), ax.set(ylabel="loss"))
    assert described(lying) == "Errors (%): linear 7.4; two layers 1.5."
    assert described(standing) == "Count: a 1; b 2."
    assert described(line) == "Loss: from 3 to 2, lowest 1."


def test_pictures_say_their_titles_alike_panels_once_and_a_colour_bar_its_range():
    assert described(lambda ax: ax.axis("off")) == ""
    panels = lambda axes: [ax.set(title=t, xlabel="$w_1$", ylabel="$w_2$") for ax, t in zip(axes, "ab", strict=True)]
    assert described(panels, columns=2) == "“a”, “b”: w_2 against w_1."
    bar = lambda ax: ax.figure.colorbar(ax.imshow([[0, 4]]), label="gate")
    assert described(bar) == "Colour: gate, 0 to 4."


def test_a_figure_is_shown_with_its_text_alternative_and_closed(monkeypatch):
    import IPython.display
    import matplotlib.pyplot as plt

    sent = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: sent.append(data))
    fig, ax = figures.new()
    ax.plot([1, 2])
    ax.set(ylabel="loss")
    figures.show(fig, 'A "line" that rises.')
    assert sent[0]["text/plain"] == 'A "line" that rises. Loss: from 1 to 2.' and not plt.get_fignums()
    tag = sent[0]["text/html"]
    assert tag.startswith('<img src="data:image/png;base64,iVBOR')
    assert 'width="840" height="320" alt="A &quot;line&quot; that rises. Loss: from 1 to 2.">' in tag
    assert f'base64,{sent[0]["image/png"]}"' in tag
    with pytest.raises(ValueError, match="needs a sentence"):
        figures.show(figures.new()[0], " ")


def test_latex_gets_the_figure_and_a_page_the_html_with_its_alternative(monkeypatch):
    import IPython.display
    import nbformat.v4 as new
    from nbconvert import HTMLExporter, LatexExporter

    sent = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: sent.append(data))
    figures.show(figures.new()[0], "An empty figure.")
    book = new.new_notebook(cells=[new.new_code_cell("1", outputs=[new.new_output("display_data", data=sent[0])])])
    text, resources = LatexExporter().from_notebook_node(book)
    assert r"\includegraphics" in text and [name.endswith(".png") for name in resources["outputs"]] == [True]
    page, _ = HTMLExporter().from_notebook_node(book)
    assert page.count('alt="An empty figure."') == 1 and page.count("<img") == 1


def test_a_grey_photo_keeps_its_greys_and_a_signed_one_has_zero_in_the_middle(monkeypatch):
    import base64
    import io

    import IPython.display
    import torch
    from PIL import Image

    from course_utils import data

    sent = []
    monkeypatch.setattr(IPython.display, "display", lambda shown, raw: sent.append(shown["text/html"]))
    fig, ax = figures.new(width=6, height=4)
    figures.photo(data.photo("flower").mean(0), ax=ax)
    figures.show(fig, "A flower in front of a dark ground.")
    content = base64.b64decode(sent[0].split("base64,")[1].split('"')[0])
    assert len(Image.open(io.BytesIO(content)).convert("L").getcolors()) > 200
    fig, ax = figures.new(width=6, height=4)
    figures.photo(data.photo("flower").permute(1, 2, 0), ax=ax)
    figures.show(fig, "The same in colour: as many pixels as are shown, and no more.")
    coloured = Image.open(io.BytesIO(base64.b64decode(sent[1].split("base64,")[1].split('"')[0])))
    assert coloured.size == (600, 400) and coloured.getcolors(20_000) is None
    _, ax = figures.new()
    figures.photo(torch.tensor([[-1.0, 4.0]]), ax=ax, signed=True)
    assert ax.images[0].get_clim() == (-4, 4)


def test_connections_have_as_many_weights_as_they_say():
    titles = []
    for kind in ("fully", "locally", "convolutionally"):
        _, ax = figures.new()
        figures.connections(kind, ax=ax)
        titles.append(ax.get_title())
    assert titles == ["fully: 48 weights", "locally: 18 weights", "convolutionally: 3 weights"]


def test_points_that_are_not_in_the_plane_are_refused_with_their_shape():
    import torch

    with pytest.raises(ValueError, match=r"x must be \(n, 2\), got \(4, 3\)"):
        figures.points(torch.zeros(4, 3), torch.zeros(4))


# ---------------------------------------------------------------- widgets and course


def test_a_widget_draws_at_the_start_and_after_each_change():
    seen = []
    explorer = widgets._explorer(
        lambda **values: seen.append(values), {"rate": (0.0, 1.0, 0.1, 0.5), "steps": (1, 9, 1, 2), "kind": ["a", "b"]}
    )
    controls = explorer.children[0].children
    assert seen == [{"rate": 0.5, "steps": 2, "kind": "a"}]
    controls[2].value = "b"
    controls[1].value = 7
    assert seen[1:] == [{"rate": 0.5, "steps": 2, "kind": "b"}, {"rate": 0.5, "steps": 7, "kind": "b"}]
    assert all(not getattr(control, "continuous_update", False) for control in controls)


def test_a_widget_takes_a_text_and_draws_it_anew_when_it_is_changed():
    seen = []
    explorer = widgets._explorer(lambda **values: seen.append(values), {"word": "night"})
    (field,) = explorer.children[0].children
    field.value = "knight"
    assert seen == [{"word": "night"}, {"word": "knight"}] and not field.continuous_update


def test_below_a_widget_is_what_was_drawn_last_or_its_error(request):
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance()
    request.addfinalizer(InteractiveShell.clear_instance)

    def draw(n):
        print("n is", n)
        ax = figures.new()[1]
        figures.show(ax.figure, f"Nothing, {n} times.")
        1 / n

    explorer = widgets._explorer(draw, {"n": (0, 2, 1, 2)})
    controls, below = explorer.children
    printed, figure = below.outputs
    assert printed == {"output_type": "stream", "name": "stdout", "text": "n is 2\n"}
    assert figure["output_type"] == "display_data" and "Nothing, 2 times." in figure["data"]["text/html"]
    controls.children[0].value = 0
    assert [output["output_type"] for output in below.outputs] == ["stream", "display_data", "error"]
    assert below.outputs[2]["ename"] == "ZeroDivisionError" and "division by zero" in str(below.outputs[2]["traceback"])


def test_a_widget_without_its_kernel_is_the_figure_that_it_shows_at_the_start(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    figure = {"output_type": "display_data", "data": {"text/html": "<b>two</b>", "text/plain": "Two."}, "metadata": {}}
    for outputs in [(figure,), ()]:
        monkeypatch.setattr(widgets, "_outputs", lambda draw, values, outputs=outputs: outputs)
        widgets.explore(print, n=(0, 2, 1, 2))
    views = [data.pop("application/vnd.jupyter.widget-view+json") for data in shown]
    assert all(view["model_id"] for view in views)
    assert shown[0] == {"text/html": "<b>two</b>", "text/plain": "Two. (Run this cell to move the controls.)"}
    assert shown[1] == {"text/plain": "(Run this cell to move the controls.)"}


def test_the_table_of_contents_names_notebooks_that_there_are():
    folder = Path(__file__).resolve().parents[1] / "notebooks"
    assert all((folder / notebook.file).is_file() for notebook in course.NOTEBOOKS if notebook.file)
    assert [notebook.number for notebook in course.NOTEBOOKS] == [f"{i:02}" for i in range(13)]
    assert all(n.file.startswith(f"{n.number}_") and course.belongs(n.file) for n in course.NOTEBOOKS if n.file)


def test_only_numbered_notebooks_belong_to_the_course_and_a_draft_is_one_that_it_does_not_name(tmp_path):
    names = ["00_start_here.ipynb", "99_draft.ipynb"]
    for name in [*names, "my_00_start_here.ipynb", "00_start_here-Copy1.ipynb", "Untitled.ipynb", "99_notes.txt"]:
        (tmp_path / name).touch()
    assert [path.name for path in course.files(tmp_path)] == names
    assert [path.name for path in course.files(tmp_path, drafts=False)] == names[:1]
