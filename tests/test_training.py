"""The training loop: it learns what five bare lines learn, and an interrupt keeps what there is."""

import types

import nbclient
import nbformat
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data, training


def problem():
    """A small classifier, its batches and its optimizer, always the same."""
    torch.manual_seed(0)
    x, y = data.shapes("moons", 200, noise=0.1, seed=0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    return x, y, model, torch.optim.SGD(model.parameters(), lr=0.2)


def test_fit_gives_exactly_what_the_bare_five_lines_give():
    x, y, model, optimizer = problem()
    history = training.fit(
        model, data.loader(x, y, batch_size=32, shuffle=True), optimizer, F.cross_entropy, num_epochs=3
    )
    x, y, bare, optimizer = problem()
    losses, loader = [], data.loader(x, y, batch_size=32, shuffle=True)
    for _ in range(3):
        for a, b in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(bare(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert history == losses and len(history) == 21
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), bare.parameters(), strict=True))


def test_a_schedule_is_stepped_once_a_batch():
    x, y, model, optimizer = problem()
    loader = data.loader(x, y, batch_size=50, shuffle=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    training.fit(model, loader, optimizer, F.cross_entropy, num_epochs=2, schedule=schedule)
    assert schedule.last_epoch == 8


def test_an_interrupt_keeps_the_model_and_the_losses_so_far(capsys):
    x, y, model, optimizer = problem()
    before = [p.clone() for p in model.parameters()]

    def interrupted_loss(logits, labels, seen=[]):  # noqa: B006
        seen.append(1)
        if len(seen) == 6:
            raise KeyboardInterrupt
        return F.cross_entropy(logits, labels)

    loader = data.loader(x, y, batch_size=32, shuffle=True)
    history = training.fit(model, loader, optimizer, interrupted_loss, num_epochs=5)
    assert len(history) == 5
    assert not any(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert "Interrupted after 5 of 35 steps: the model and its history are kept" in capsys.readouterr().out


def test_a_second_interrupt_soon_after_stops_the_cell(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    clock = iter([100.0, 101.0])
    monkeypatch.setattr(training, "_interrupted", 0.0)
    monkeypatch.setattr(training, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    x, y, model, optimizer = problem()
    assert training.fit(model, [(x, y)], optimizer, interrupted, num_epochs=1) == []
    with pytest.raises(KeyboardInterrupt):
        training.fit(model, [(x, y)], optimizer, interrupted, num_epochs=1)


def test_fit_calls_after_each_epoch_and_trains_on_in_training_mode():
    model, modes, passes = nn.Linear(2, 2), [], []
    model.register_forward_hook(lambda *_: modes.append(model.training))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(torch.ones(3, 2), torch.zeros(3, dtype=torch.long))] * 2

    def after():
        passes.append(len(modes))
        model.eval()

    training.fit(model, batches, optimizer, F.cross_entropy, num_epochs=3, after_epoch=after)
    assert passes == [2, 4, 6] and all(modes)


def test_other_errors_pass_through_fit():
    x, y, model, optimizer = problem()
    with pytest.raises(ZeroDivisionError):
        training.fit(model, [(x, y)], optimizer, lambda a, b: 1 / 0, num_epochs=1)


def test_the_error_rate_counts_in_percent_and_leaves_the_mode_alone():
    model = nn.Identity().train()
    logits = torch.eye(4).repeat(600, 1)
    y = torch.arange(4).repeat(600)
    y[:24] = (y[:24] + 1) % 4
    assert training.error_rate(model, logits, y) == 1.0
    assert model.training


def test_a_tool_that_executes_a_notebook_saves_no_bar_and_whoever_looks_on_sees_it(monkeypatch):
    source = """
import time
from course_utils import training
print("before")
with training.progress_bar(4) as step:
    for _ in range(4):
        time.sleep(0.6)
        step(1 / 3)
"""
    cells = [nbformat.v4.new_code_cell(source) for _ in range(2)]
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), coalesce_streams=False)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        client.kc.allow_stdin = True  # as in JupyterLab, VS Code and Colab, where somebody may answer
        client.execute_cell(cells[1], 1)
    saved, seen = ["".join(output.text for output in cell.outputs) for cell in cells]
    assert saved == "before\n"
    assert "| 2/4 [" in seen and "| 3/4 [" in seen and "loss 0.3333" in seen
