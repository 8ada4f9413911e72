"""Measure every claim under seeds 0 to 4 and write data/records/claims.json: python tools/seeds.py [02 ...]

The record holds each claim with one number for each seed. A notebook's table of claims shows them beside the reader's
own number, and RESULTS.md lists them: run tools/run.py and tools/stamp.py afterwards. A claim that fails under some
seed is printed, and the command ends with 1.
"""

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from run import environment, execute, notebooks

from course_utils import records

SEEDS = range(5)


def measure(path: Path, seed: int) -> dict:
    """Return the claims of the notebook at `path`, executed under `seed`."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "claims.json"
        settings = {"COURSE_SEED": str(seed), "COURSE_CLAIMS": str(report), "COURSE_STRICT": "", "OMP_NUM_THREADS": "1"}
        execute(path, env=environment(folder, **settings), widgets=False)
        return json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}


def main(names: list[str]) -> int:
    """Measure the notebooks named, or all; return how many claims failed."""
    record = records.checked("claims")
    failed = 0
    for path in notebooks(names, drafts=False):
        measured: dict[str, dict] = {}
        with ProcessPoolExecutor(max_workers=2) as pool:  # two kernels of one thread each
            runs = list(pool.map(measure, [path] * len(SEEDS), SEEDS))
        for seed, claims in zip(SEEDS, runs, strict=True):
            print(
                f"{path.name}, seed {seed}: {sum(c['holds'] for c in claims.values())} of {len(claims)} hold",
                flush=True,
            )
            for key, claim in claims.items():
                kept = measured.setdefault(key, claim | {"measured": [], "holds": [], "details": []})
                kept["measured"].append(float(f"{claim['measured']:.6g}"))
                kept["holds"].append(claim["holds"])
                kept["details"] += [claim["details"]] if "details" in claim else []
                if not claim["holds"]:
                    failed += 1
                    print(f"  {key}: measured {claim['measured']:g}, expected {claim['expected']}", flush=True)
        for kept in measured.values():
            if not kept["details"]:
                del kept["details"]
        if measured:
            record[path.name[:2]] = measured
            records.write("claims", dict(sorted(record.items())))
    return failed


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
