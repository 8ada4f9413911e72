"""Execute notebooks and save them fit to commit: python tools/run.py [01 ...]  (none named: all)

A second run of an unchanged notebook leaves no difference: no times of day, no widget state, no progress bars; in the
place of each widget is the figure that it shows at the start. Fails on an error, inside a widget too. One thread each,
as in tools/seeds.py: sums in another order round differently, and a run of seed 0 should agree with the record.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbclient
import nbformat
from filelock import FileLock

from course_utils import course, files

ROOT = Path(__file__).resolve().parents[1]
START = Path(tempfile.gettempdir()) / f"course-kernel-start-{Path.home().name}.lock"  # a file of each user
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"


def environment(folder: str, **more: str) -> dict[str, str]:
    """Return a kernel's environment: no bars, progress kept in `folder`, a failed claim is an error."""
    progress = Path(folder) / "notebooks"  # the name that readers see
    progress.mkdir(exist_ok=True)
    return {**os.environ, "TQDM_DISABLE": "1", "COURSE_STRICT": "1", "COURSE_PROGRESS": str(progress), **more}


def execute(
    path: Path,
    *,
    env: dict[str, str],
    on_start=None,
    until: str = "",
    widgets: bool = True,
    spent: dict | None = None,
    timeout: int | None = 1800,
) -> nbformat.NotebookNode:
    """Return the notebook at `path`, executed in a fresh kernel, up to the last cell tagged `until` if that is given.

    `widgets=False` leaves out the explorers, on which nothing depends.
    `on_start(pid)` is told the kernel's process; the dict `spent` is given the seconds spent in cells of each tag.
    No cell may take longer than `timeout` seconds (None: as long as it likes).
    """
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,
        skip_cells_with_tag="" if widgets else "widget",
        resources={"metadata": {"path": str(path.parent)}},
    )
    with contextlib.ExitStack() as stack:
        with FileLock(START):  # two at once may take the same ports
            stack.enter_context(client.setup_kernel(env=env))
        if on_start:
            on_start(client.km.provisioner.pid)
        for index, cell in enumerate(notebook.cells):
            start, tags = time.perf_counter(), cell.metadata.get("tags", [])
            client.execute_cell(cell, index)
            for tag in tags if spent is not None else []:
                spent[tag] = spent.get(tag, 0) + time.perf_counter() - start
            if until in tags and not any(until in c.metadata.get("tags", []) for c in notebook.cells[index + 1 :]):
                break
        client.set_widgets_metadata()
    clean(notebook)
    return notebook


def clean(notebook: nbformat.NotebookNode) -> None:
    """Replace widgets by what they show, and drop what differs from run to run; raise on an error inside a widget."""
    state = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    for model in state.values():
        for output in model["state"].get("outputs", []):
            if output["output_type"] == "error":
                raise RuntimeError(f"inside a widget: {output['ename']}: {output['evalue']}")
    executed = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if cell.execution_count:  # a cell that was run twice leaves no gap
            executed += 1
            cell.execution_count = executed
        cell.metadata.pop("execution", None)
        outputs = []
        for output in cell.outputs:
            view = output.get("data", {}).get(VIEW)
            outputs += shown(state, view["model_id"]) if view else [output]
        for output in outputs:
            if "text/html" in output.get("data", {}):
                output["data"].pop("image/png", None)  # it is in the HTML, too: a committed notebook is half as large
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def shown(state: dict, reference: str) -> list[dict]:
    """Return the outputs of the Output widgets below a widget, in order."""
    model = state.get(reference.removeprefix("IPY_MODEL_"), {"state": {}})["state"]
    return model.get("outputs", []) + [o for child in model.get("children", []) for o in shown(state, child)]


def write(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Write a notebook as a file."""
    nbformat.validate(notebook)
    files.write(path, nbformat.writes(notebook) + "\n")


def notebooks(names: Sequence[str] = (), *, drafts: bool = True) -> list[Path]:
    """Return the notebooks named, by number ("03") or path, or all of the course's, with or without drafts."""
    known = {path.name[:2]: path for path in course.files(ROOT / "notebooks")}
    return [known.get(n, Path(n).resolve()) for n in names] or course.files(ROOT / "notebooks", drafts=drafts)


if __name__ == "__main__":
    for path in notebooks(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            write(path, execute(path, env=environment(folder, OMP_NUM_THREADS="1")))
        print(f"{path.name}: executed and saved, {path.stat().st_size // 1000} kB")
