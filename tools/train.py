"""Train the checkpoints in data/checkpoints/ by a long run of their notebook: python tools/train.py 02 [name] [seed …]

Executes the notebook under seed 0 (or those named), with the longer budget that it keeps for this, up to its cell
tagged `checkpoint`. The weights of seed 0 go to data/checkpoints/ and into data/manifest.json, and what every run
reached to data/records/checkpoints.json. With a name, only that checkpoint of the notebook's is trained. At most two
kernels of one thread each; up to half an hour for each seed.
"""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import build_data
from run import environment, execute, notebooks

from course_utils import records


def train(path: Path, seed: int, folder: Path, only: str) -> None:
    """Execute the notebook at `path` as a long run under `seed`; what it saves is in `folder`, even if a cell fails."""
    folder.mkdir()
    settings = {"COURSE_SEED": str(seed), "COURSE_LONG": str(folder), "COURSE_STRICT": "", "OMP_NUM_THREADS": "1"}
    settings["COURSE_LONG_ONLY"] = only
    with tempfile.TemporaryDirectory() as progress:
        execute(path, env=environment(progress, **settings), until="checkpoint", widgets=False, timeout=None)


def keep(file: Path, number: str, *, weights: bool) -> None:
    """Enter a finished run in the record; with `weights`, its checkpoint becomes the course's own."""
    from course_utils.checkpoints import header

    record = records.checked("checkpoints")
    came = header(file)
    others = [run for run in record.get(file.stem, []) if run["seed"] != came["seed"]]
    record[file.stem] = sorted([came, *others], key=lambda run: run["seed"])
    records.write("checkpoints", record)
    print(came, flush=True)
    if weights:
        build_data.keep(f"checkpoints/{file.name}", file.read_bytes(), rebuild=f"python tools/train.py {number}")


def main(number: str, seeds: list[int], only: str = "") -> int:
    """Train notebook `number`'s checkpoints under each seed; return how many runs failed: the others are kept."""
    (path,), failed = notebooks([number]), 0
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(max_workers=2) as pool:
        runs = {pool.submit(train, path, seed, Path(folder) / str(seed), only): seed for seed in seeds}
        for run in as_completed(runs):
            try:
                run.result()
            except Exception as error:
                failed += 1
                print(f"seed {runs[run]}: {error}", flush=True)
            for file in sorted((Path(folder) / str(runs[run])).glob("*.safetensors")):
                keep(file, number, weights=runs[run] == 0)
    return failed


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("python tools/train.py 02 [name] [seed ...]: name the notebook whose checkpoints are to be trained")
    number, *words = sys.argv[1:]
    names = [word for word in words if not word.isdigit()]
    sys.exit(min(1, main(number, [int(word) for word in words if word.isdigit()] or [0], *names[:1])))
