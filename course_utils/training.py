"""The training loop and its progress bar: shown in notebook 01, imported from then on."""

import io
import math
import sys
import time
from contextlib import contextmanager

import torch
from torch import nn

_interrupted = -math.inf  # when a training was last interrupted


@contextmanager
def progress_bar(total: int):
    """Show a bar of `total` steps; call the value it gives with each step's loss. Interrupting ends its block quietly.

    The ■ button ends a training early and keeps what was learned; a second press within two seconds stops the cell.
    """
    global _interrupted
    from tqdm.std import tqdm

    file = sys.stdout if watched() else io.StringIO()
    with tqdm(total=total, leave=False, file=file, mininterval=0.5, bar_format="{l_bar}{bar:20}{r_bar}") as bar:
        done = 0

        def step(loss: float) -> None:
            nonlocal done
            done += 1
            if bar.update():  # true when the bar was drawn anew, twice a second
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

        try:
            yield step
        except KeyboardInterrupt:
            bar.close()
            now = time.monotonic()
            twice, _interrupted = now - _interrupted < 2, now
            if twice:
                raise
            kept = "the model and its history are kept (■ twice stops the cell)"
            print(f"Interrupted after {done} of {total} steps: {kept}.")


def watched() -> bool:
    """Tell whether somebody may be looking at the running cell.

    JupyterLab, VS Code and Colab let a cell ask for input. Tools that execute a notebook (nbclient, and on top of it
    `jupyter nbconvert --execute`, `jupyter execute` and papermill) do not; they would save every state of the bar.
    """
    from IPython import get_ipython

    request = getattr(get_ipython(), "get_parent", dict)()  # what the kernel is answering now; {} outside a kernel
    return request.get("content", {}).get("allow_stdin", True)


def fit(model, train_loader, optimizer, loss_fn, *, num_epochs, schedule=None, after_epoch=None):
    """Train `model` in place; return the loss of every step. An interrupt keeps both."""
    history = []
    with progress_bar(num_epochs * len(train_loader)) as step:
        for _ in range(num_epochs):
            model.train()
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
                if schedule:
                    schedule.step()
                history.append(loss.item())
                step(history[-1])
            if after_epoch:
                after_epoch()
    return history


@torch.no_grad()
def error_rate(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the percentage of examples x (N, ...) for which the largest of the model's outputs is not y (N,)."""
    training = model.training
    model.eval()
    wrong = sum((model(x[i : i + 500]).argmax(1) != y[i : i + 500]).sum().item() for i in range(0, len(x), 500))
    model.train(training)
    return 100 * wrong / len(x)
