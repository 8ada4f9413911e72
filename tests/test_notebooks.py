"""The notebooks as files: executed in order, clean, described, within their sizes, and true to the record."""

import ast
import html
import inspect
import itertools
import json
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import run
import stamp

import course_utils
from course_utils import __version__, course, records
from course_utils.exercises import MODULES, by_notebook

ROOT = Path(__file__).resolve().parents[1]
BOOKS = {path.name: nbformat.read(path, as_version=4) for path in run.notebooks()}
PUBLISHED = {notebook.number: BOOKS[notebook.file] for notebook in course.NOTEBOOKS if notebook.file}
LESSONS = {number: book for number, book in PUBLISHED.items() if number != "00"}

every_notebook = pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))  # drafts, too
every_published = pytest.mark.parametrize("book", PUBLISHED.values(), ids=list(PUBLISHED))
every_lesson = pytest.mark.parametrize("book", LESSONS.values(), ids=list(LESSONS))


def code(book, tag=None):
    """The code cells of a notebook, or those with a tag."""
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def prose(book):
    """All Markdown of a notebook."""
    return "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")


def source(book, tag=None):
    """All code of a notebook, or that of the cells with a tag."""
    return "\n".join(cell.source for cell in code(book, tag))


def number(book):
    """The number in a notebook's title, "01" for example."""
    return book.cells[0].source[2:4]


def outputs(book):
    """All outputs of a notebook, each with its cell."""
    return [(cell, output) for cell in code(book) for output in cell.outputs]


@every_notebook
def test_cells_are_executed_in_order_and_without_error(book):
    assert [cell.execution_count for cell in code(book)] == list(range(1, len(code(book)) + 1))
    assert not [output for _, output in outputs(book) if output.output_type == "error"]


@every_notebook
def test_the_first_cell_says_what_you_will_do_need_follow_and_how_long_it_takes(book):
    lines = book.cells[0].source.split("\n")
    assert re.match(r"# \d\d · [A-Z]", lines[0])
    starts = [line.split("**")[1] for line in lines if line.startswith("**")]
    assert starts == ["You will", "You need", "Guide", "Runs in"]


@every_notebook
def test_it_begins_with_the_folded_colab_cell_and_one_set_up_cell(book):
    colab, setup = code(book)[:2]
    assert colab.metadata["tags"] == ["colab"] and colab.metadata["jupyter"]["source_hidden"]
    assert setup.metadata["tags"] == ["setup"]
    assert f'session.start("{number(book)}", version="{__version__}")' in setup.source
    for cell in code(book)[2:]:
        assert not re.search(r"^(import|from) (?!torch\.utils\.flop)", cell.source, re.M), (
            "imports stand in the set-up cell"
        )


@every_published
def test_it_ends_with_the_claims_questions_things_to_try_and_reading(book):
    headings = re.findall(r"^## (.+)", prose(book), re.M)
    assert headings[-4:] == ["What we saw", "Discuss", "Try", "Further reading"]
    (table,) = code(book, "claims")
    assert table.source == "claims.table_of_claims()" and "claims held" in str(table.outputs)


@every_notebook
def test_cells_are_short(book):
    lengths = sorted(len([line for line in cell.source.split("\n") if line.strip()]) for cell in code(book)[1:])
    assert lengths[len(lengths) // 2] <= 8 and lengths[-1] <= 20


@every_notebook
def test_lines_of_code_fit_a_laptop_s_window(book):
    lines = [line for cell in code(book)[1:] for line in cell.source.split("\n") if not line.startswith("from ")]
    assert [line for line in lines if len(line) > 92] == []  # an import may be longer: it sorts as one line


@every_notebook
def test_prose_outweighs_code_and_headings_nest(book):
    lines = sum(len(cell.source.split("\n")) for cell in code(book)[1:])
    assert len(prose(book).split()) >= 5 * lines
    levels = [1, *[len(h) for h in re.findall(r"^(#+) ", prose(book), re.M)]]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert levels.count(1) == 2  # the title, and the 1 it is compared with


@every_notebook
def test_no_path_address_warning_or_progress_bar_is_left_in_it(book):
    text = re.sub(r"base64,[\w+/=]+", "", json.dumps([book.cells, book.metadata]))  # pictures may spell anything
    assert not re.search(r"(?<![\w.])/(?:root|home|tmp|work|Users|usr|opt)/\w", text)
    assert not re.search(r"[A-Z]:\\\\", text)
    assert " object at 0x" not in text and "it/s" not in text
    assert not [output for _, output in outputs(book) if output.output_type == "stream" and output.name == "stderr"]
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert not [cell for cell in book.cells if "execution" in cell.metadata]


@every_notebook
def test_no_cell_hides_its_output_or_calls_a_shell_and_each_has_one_output(book):
    for cell in code(book)[1:]:
        assert not cell.source.rstrip().endswith(";") and not re.search(r"^[!%]", cell.source, re.M)
        assert len(cell.outputs) <= 1
    assert all("fork_rng" in cell.source for cell in code(book) if "torch.manual_seed" in cell.source)
    assert not re.search(r"filterwarnings|\.cuda\(|sys\.path", "\n".join(cell.source for cell in code(book)[1:]))


@every_notebook
def test_every_figure_has_a_text_alternative_that_reaches_the_html(book):
    from nbconvert import HTMLExporter

    tags = [str(output.data.get("text/html", "")) for _, output in outputs(book) if "data" in output]
    tags = [tag for tag in tags if tag.startswith("<img ")]
    alts = [html.unescape(re.search(r' alt="([^"]*)"', tag)[1]) for tag in tags]
    assert len(tags) == sum(cell.source.count("figures.show(fig") for cell in code(book))
    assert all(len(alt.split()) >= 5 for alt in alts)
    assert all(int(re.search(r'width="(\d+)"', tag)[1]) <= 840 for tag in tags)
    page, _ = HTMLExporter().from_notebook_node(book)
    assert [html.unescape(alt) for alt in re.findall(r"<img[^>]*\balt=\"([^\"]*)\"", page)] == alts
    assert not [output for _, output in outputs(book) if "image/png" in output.get("data", {})]


@every_notebook
def test_every_link_is_described_and_every_relative_one_leads_somewhere(book):
    text = prose(book)
    for words, target in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", text):
        assert len(words.split()) >= 2 and not words.startswith("http")
        if not target.startswith("http"):
            assert (ROOT / "notebooks" / target).is_file()
    assert not re.search(r"(?<!\()https?://", re.sub(r"```.*?```", "", text, flags=re.S))


def test_the_map_of_the_guide_names_sections_that_are_there():
    rows = re.findall(r"\| (\d\d), sections? ([\d, ]+) \|", prose(BOOKS["00_start_here.ipynb"]))
    assert len(rows) >= 15
    for number, sections in rows:
        book = next(book for name, book in BOOKS.items() if name.startswith(number))
        assert all(f"## {section} " in prose(book) for section in sections.split(", "))


@every_notebook
def test_widgets_are_tagged_and_nothing_depends_on_them(book):
    for cell in code(book):
        tags = cell.metadata.get("tags", [])
        assert ("widgets.explore(" in cell.source) == ("widget" in tags)
        if "widget" in tags:
            assert "nbval-ignore-output" in tags and cell.source.startswith("widgets.explore(")


@every_notebook
def test_its_exercises_are_those_declared_each_with_heading_minutes_difficulty_stub_and_check(book):
    declared = {exercise.name: exercise for exercise in by_notebook().get(number(book), [])}
    found = []
    for before, cell in itertools.pairwise(book.cells):
        check = re.search(r"^ex\.(\w+)\.check\((\w+)\)$", cell.source, re.M) if cell.cell_type == "code" else None
        if not check:
            continue
        exercise = declared[check[1]]
        found.append(check[1])
        assert re.search(rf"### Exercise {len(found)} · .+ \(\d+ minutes, difficulty [123]\)", before.source)
        stub = ast.parse(cell.source).body[0]
        assert stub.name == check[1] == check[2] and ast.get_docstring(stub)
        assert isinstance(stub.body[-1], ast.Raise)
        assert [a.arg for a in stub.args.args] == list(inspect.signature(exercise.reference).parameters)
        assert "not attempted yet" in str(cell.outputs)
    assert found == list(declared)


@every_notebook
def test_it_is_in_the_course_under_its_number(book):
    (entry,) = [entry for entry in course.NOTEBOOKS if entry.number == number(book)]
    assert book.cells[0].source.startswith(f"# {entry.number} · {entry.title}")


@every_published
def test_its_claims_are_those_of_the_record_and_hold_under_every_seed(book):
    keys = re.findall(r"claims\.record\(\s*\"([a-z0-9-]+)\"", source(book))
    recorded = records.read("claims")[number(book)]
    said = {node.value for node in ast.walk(ast.parse(source(book))) if isinstance(node, ast.Constant)}
    assert keys == list(recorded) and len(keys) == len(set(keys))
    for claim in recorded.values():
        assert claim["statement"] in said and len(claim["measured"]) == 5 and all(claim["holds"])
    assert "not yet measured" not in str(code(book, "claims")[0].outputs)


@every_lesson
def test_a_lesson_has_exercises_an_explorer_and_claims(book):
    assert source(book).count(".check(") >= 6 and len(code(book, "widget")) >= 1
    assert source(book).count("claims.record(") >= 8


@every_notebook
def test_a_notebook_with_a_long_run_saves_it_in_cells_that_do_nothing_else(book):
    saving = code(book, "checkpoint")
    assert ("session.long(" in source(book)) == bool(saving)
    assert all(cell.source.startswith("if session.long(") and not cell.outputs for cell in saving)


@every_lesson
def test_what_a_learner_wrote_is_used_afterwards(book):
    used = re.findall(r"^(\w+) = ex\.(\w+)\.use\((\w+)\)$", source(book), re.M)
    assert len(used) >= 2 and all(len(set(names)) == 1 for names in used)


def test_every_module_of_exercises_is_named_like_its_notebook():
    files = {number: book for book in BOOKS for number in MODULES if book.startswith(f"{number}_")}
    assert {number: f"{number}_{name}.ipynb" for number, name in MODULES.items()} == files


def test_what_is_shown_in_a_notebook_is_what_is_imported_later():
    modules = [import_module(f"course_utils.{module.name}") for module in pkgutil.iter_modules(course_utils.__path__)]
    shown = [cell.source for book in BOOKS.values() for cell in code(book, "shown")]
    assert shown
    for part in [part for source in shown for part in ast.parse(source).body]:
        kept = [vars(m)[part.name] for m in modules if getattr(vars(m).get(part.name), "__module__", "") == m.__name__]
        assert ast.dump(part) in [ast.dump(ast.parse(inspect.getsource(one)).body[0]) for one in kept]


def test_the_scalar_engine_is_at_most_sixty_lines():
    (engine,) = [source(book, "engine") for book in BOOKS.values() if code(book, "engine")]
    assert 20 < len([line for line in engine.split("\n") if line.strip()]) <= 60


def test_the_map_in_notebook_00_is_that_of_the_course():
    (cell,) = [cell for cell in code(PUBLISHED["00"]) if cell.source == "course.show()"]
    shown = cell.outputs[0].data["text/plain"]
    for notebook in course.NOTEBOOKS:
        names = by_notebook().get(notebook.number, [])
        state = f"0\u00a0of\u00a0{len(names)}" if names else "no exercises"
        row = next(line for line in shown.splitlines() if line.startswith(f"{notebook.number} {notebook.title} | "))
        assert f"| {notebook.guide} | " in row and row.endswith(state if notebook.file else "to come")


@every_notebook
def test_a_notebook_stays_under_a_megabyte(book):
    assert len(nbformat.writes(book)) < 1_000_000


def test_what_is_recorded_of_times_is_what_the_notebooks_may_take():
    costs = records.read("costs")
    assert set(costs["notebooks"]) == set(PUBLISHED)
    for notebook in course.NOTEBOOKS:
        taken = costs["notebooks"].get(notebook.number, {"seconds": 0})
        assert taken["seconds"] <= notebook.seconds and taken.get("training_seconds", 0) <= 45
    assert costs["loader_ratio"] >= 20 and costs["loop_overhead_percent"] <= 3


def test_what_is_derived_stands_in_every_notebook_and_in_the_maps():
    assert not stamp.stale(), "run `python tools/stamp.py`"


def test_cleaning_drops_widget_state_and_times_and_finds_an_error_inside_a_widget():
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("widget", outputs=[])])
    view = {run.VIEW: {"model_id": "box"}, "text/plain": "VBox()"}
    book.cells[0].outputs = [nbformat.v4.new_output("display_data", data=view)]
    book.cells[0].metadata["execution"] = {"iopub.execute_input": "today"}
    figure = {"output_type": "display_data", "data": {"text/plain": "a figure"}, "metadata": {}}
    state = {"box": {"state": {"children": ["IPY_MODEL_out"]}}, "out": {"state": {"outputs": [figure]}}}
    book.metadata["widgets"] = {run.STATE: {"state": state}}
    book.cells[0].execution_count = 7
    run.clean(book)
    assert book.cells[0].outputs[0].data["text/plain"] == "a figure" and book.cells[0].execution_count == 1
    assert "widgets" not in book.metadata and "execution" not in book.cells[0].metadata

    figure["output_type"] = "error"
    figure |= {"ename": "ZeroDivisionError", "evalue": "division by zero"}
    book.metadata["widgets"] = {run.STATE: {"state": state}}
    with pytest.raises(RuntimeError, match="inside a widget: ZeroDivisionError: division by zero"):
        run.clean(book)


@every_notebook
def test_it_was_executed_with_this_version_of_the_course(book):
    (output,) = code(book, "setup")[0].outputs
    assert f"Ready: notebook {number(book)}, version {__version__}, seed 0." in output.data["text/plain"]


def test_a_cell_that_ends_its_kernel_ends_the_tests_in_minutes(request, tmp_path):
    assert request.config.getoption("nbval_cell_timeout") <= 600  # nbval sees a dead kernel only by the time it takes
    cells = [nbformat.v4.new_code_cell(source, execution_count=1) for source in ["import os", "os._exit(1)", "1"]]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "dead.ipynb")
    call = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    call += ["--nbval-lax", "--nbval-cell-timeout", "1", "dead.ipynb"]
    tests = subprocess.run(call, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=300)
    assert tests.returncode == 1 and "1 failed, 1 passed, 1 xfailed" in tests.stdout
