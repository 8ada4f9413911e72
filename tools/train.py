"""Train the checkpoints in data/checkpoints/ by a long run of their notebook: python tools/train.py 02 [seed ...]

Executes the notebook under each seed (0 to 4 unless named), with the longer budget that it keeps for this, up to its
cell tagged `checkpoint`. The weights of seed 0 go to data/checkpoints/ and into data/manifest.json, and what every run
reached to data/records/checkpoints.json. Two kernels of one thread each; minutes to an hour for each seed.
"""

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import build_data
from run import ROOT, environment, execute, notebooks, write_text

RECORD = ROOT / "data" / "records" / "checkpoints.json"


def train(path: Path, seed: int, folder: Path) -> Path:
    """Execute the notebook at `path` as a long run under `seed`; its checkpoints are then in `folder`."""
    folder.mkdir()
    settings = {"COURSE_SEED": str(seed), "COURSE_LONG": str(folder), "COURSE_STRICT": "", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as progress:
        execute(path, env=environment(progress, **settings), until="checkpoint", widgets=False, timeout=None)
    return folder


def keep(file: Path, number: str, *, weights: bool) -> None:
    """Enter a finished run in the record; with `weights`, its checkpoint becomes the course's own."""
    from course_utils.checkpoints import header

    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    came = header(file)
    others = [run for run in record.get(file.stem, []) if run["seed"] != came["seed"]]
    record[file.stem] = sorted([came, *others], key=lambda run: run["seed"])
    write_text(RECORD, json.dumps(record, indent=1) + "\n")
    print(came, flush=True)
    if weights:
        build_data.keep(f"checkpoints/{file.name}", file.read_bytes(), rebuild=f"python tools/train.py {number}")


def main(number: str, seeds: list[int]) -> int:
    """Train notebook `number`'s checkpoints under each seed; return how many runs failed: the others are kept."""
    (path,), failed = notebooks([number]), 0
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(max_workers=2) as pool:
        runs = {pool.submit(train, path, seed, Path(folder) / str(seed)): seed for seed in seeds}
        for run in as_completed(runs):
            try:
                for file in sorted(run.result().glob("*.safetensors")):
                    keep(file, number, weights=runs[run] == 0)
            except Exception as error:
                failed += 1
                print(f"seed {runs[run]}: {error}", flush=True)
    return failed


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("python tools/train.py 02 [seed ...]: name the notebook whose checkpoints shall be trained")
    sys.exit(min(1, main(sys.argv[1], [int(word) for word in sys.argv[2:]] or list(range(5)))))
