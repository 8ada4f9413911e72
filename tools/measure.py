"""Measure what each notebook costs and what the course saves; write it where readers look: python tools/measure.py

Executes every notebook in a fresh kernel and records wall seconds, those spent in cells tagged `training`, CPU seconds
and peak memory in data/records/costs.json; then the loader against torchvision's and the training loop against the bare
five lines, as ratios within one run.
From the record come each notebook's *Runs in* line and README's map, which tools/stamp.py writes at the end.
`python tools/measure.py 02` measures only that notebook and keeps the rest of the record.
"""

import json
import statistics
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import stamp
from run import environment, execute, notebooks

from course_utils import records


def watch(pid: int, seen: dict, stop: threading.Event) -> None:
    """Keep in `seen` the CPU seconds and the peak memory (MB) of a process and its children, until `stop`."""
    process = psutil.Process(pid)
    while not stop.wait(0.05):
        try:
            family = [process, *process.children(recursive=True)]
            memory = sum(p.memory_info().rss for p in family) / 1e6
            seen["cpu_seconds"] = sum(sum(p.cpu_times()[:2]) for p in family)
        except psutil.Error:
            continue
        seen["peak_mb"] = max(seen.get("peak_mb", 0), memory)


def cost(path: Path) -> dict[str, float]:
    """Return what executing the notebook at `path` costs."""
    seen, spent, stop = {}, {}, threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        begin = lambda pid: threading.Thread(target=watch, args=(pid, seen, stop), daemon=True).start()
        execute(path, env=environment(folder), on_start=begin, spent=spent)
        seen["seconds"] = time.perf_counter() - start
    stop.set()
    if "training" in spent:
        seen["training_seconds"] = spent["training"]
    return {name: round(value) for name, value in sorted(seen.items())}


def write_idx(folder: Path) -> None:
    """Write the digits in the original format, where torchvision looks for them."""
    from course_utils import data

    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, name in (("train", "train"), ("test", "t10k")):
        x, y = data.mnist(split, standardise=False)
        images = struct.pack(">4i", 2051, len(x), 28, 28) + x.numpy().tobytes()
        (raw / f"{name}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, len(y)) + bytes(y.tolist()))


def loaders(folder: Path) -> tuple:
    """Return the usual DataLoader of the training digits, from torchvision, and the course's own."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from course_utils import data

    write_idx(folder)
    usual = transforms.Compose([transforms.ToTensor(), transforms.Normalize((data.MNIST_MEAN,), (data.MNIST_STD,))])
    theirs = DataLoader(datasets.MNIST(folder, train=True, transform=usual), batch_size=128, shuffle=True)
    return theirs, data.loader(*data.mnist("train"), batch_size=128, shuffle=True)


def rate(loader, batches: int) -> float:
    """Return the images that a loader delivers in a second of CPU time, over its first `batches` batches."""
    start, images = time.process_time(), 0
    for i, (x, _) in enumerate(loader):
        images += len(x)
        if i + 1 == batches:
            break
    return images / (time.process_time() - start)


def loader_ratio(repeats: int = 5) -> float:
    """Return how many times faster the course's loader is than the usual one: the median over alternating runs."""
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = loaders(Path(folder))
        return statistics.median(rate(ours, 469) / rate(theirs, 40) for _ in range(repeats))


def loop_overhead(repeats: int = 25) -> float:
    """Return what fit costs over the bare five lines, in % of CPU time on one thread: the median over pairs."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from course_utils import data, training

    torch.set_num_threads(1)
    x, y = data.mnist("train")
    batches = list(data.loader(x.flatten(1), y, batch_size=128, shuffle=False))

    def bare(model, optimizer):
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()

    def fitted(model, optimizer):
        training.fit(model, batches, optimizer, F.cross_entropy, num_epochs=1)

    ratios = []
    for _ in range(repeats):
        seconds = []
        for run in (bare, fitted):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
            start = time.process_time()
            run(model, optimizer)
            seconds.append(time.process_time() - start)
        ratios.append(seconds[1] / seconds[0])
    return 100 * (statistics.median(ratios) - 1)


def main(words: list[str]) -> None:
    """Measure everything, or the notebooks named, and write it where readers look."""
    record = records.checked("costs") if words else {}
    taken = {path.name[:2]: cost(path) for path in notebooks(words, drafts=False)}
    record["notebooks"] = dict(sorted({**record.get("notebooks", {}), **taken}.items()))
    if not words:
        record["loader_ratio"] = round(loader_ratio(), 1)
        record["loop_overhead_percent"] = round(loop_overhead(), 2)
    records.write("costs", record)
    print(json.dumps(record, indent=1))
    stamp.main([])


if __name__ == "__main__":
    main(sys.argv[1:])
