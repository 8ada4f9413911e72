"""Checkpoints: what is saved is what is loaded; a damaged file and another network are refused in one sentence."""

import hashlib
import json

import pytest
import torch
from torch import nn

from course_utils import checkpoints, data, session


def network(hidden=3):
    """A small network with weights, running averages and a counter."""
    return nn.Sequential(nn.Conv2d(1, hidden, 3), nn.BatchNorm2d(hidden)).to(memory_format=torch.channels_last)


@pytest.fixture
def tmp_path(tmp_path):
    """The data folder of a clone of the course."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A data folder of its own that holds one checkpoint, and the model that was saved in it."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setenv(session.LONG, str(tmp_path / "checkpoints"))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    session.start("02", version="1.0")
    model = network()
    model(torch.randn(8, 1, 5, 5))
    checkpoints.save("small", model, steps=12, test_error=0.25)
    listed(tmp_path)
    monkeypatch.delenv(session.LONG)
    return model


def listed(folder, **wrong):
    """Write a manifest that lists the checkpoint as it now is."""
    content = (folder / "checkpoints" / "small.safetensors").read_bytes()
    entry = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rebuild": "python tools/train.py 02",
    }
    (folder / "manifest.json").write_text(json.dumps({"checkpoints/small.safetensors": entry | wrong}))


def test_a_loaded_model_is_the_saved_one_and_ready_to_be_used(saved):
    model = checkpoints.load("small", network())
    x = torch.randn(2, 1, 6, 6)
    assert torch.equal(model(x), saved.eval()(x)) and not model.training
    assert int(model[1].num_batches_tracked) == 1


def test_in_half_precision_the_file_is_smaller_and_holds_the_rounded_weights(saved, tmp_path, monkeypatch):
    rounded = network(hidden=400).half().float()
    monkeypatch.setenv(session.LONG, str(tmp_path / "checkpoints"))
    checkpoints.save("small", rounded, steps=1, half=True)
    monkeypatch.delenv(session.LONG)
    listed(tmp_path)
    assert (tmp_path / "checkpoints" / "small.safetensors").stat().st_size < 4 * 400 * 9
    loaded = checkpoints.load("small", network(hidden=400))
    assert torch.equal(loaded[0].weight, rounded[0].weight) and loaded[0].weight.dtype is torch.float32


def test_the_header_records_notebook_seed_steps_minutes_and_metrics(saved):
    header = checkpoints.header(data.data_dir() / "checkpoints" / "small.safetensors")
    assert list(header) == ["notebook", "seed", "steps", "minutes", "test_error"]
    assert (header["notebook"], header["seed"], header["steps"], header["test_error"]) == ("02", 0, 12, 0.25)
    assert header["minutes"] >= 0


def test_another_architecture_is_refused_in_one_sentence_and_the_model_is_left_as_it_was(saved):
    other = network(hidden=4)
    before = other[0].weight.clone()
    with pytest.raises(ValueError, match=r"^data/checkpoints/small\.safetensors is of another network: the file has "):
        checkpoints.load("small", other)
    assert torch.equal(other[0].weight, before)
    with pytest.raises(ValueError, match=r"the file has 0\.bias \(3,\), this network has no 0\.bias; run the cell"):
        checkpoints.load("small", nn.Sequential())
    with pytest.raises(ValueError, match=r"the file has no 2\.weight, this network has 2\.weight \(1, 3\)"):
        checkpoints.load("small", nn.Sequential(*network(), nn.Linear(3, 1)))


def test_a_damaged_a_truncated_and_a_missing_file_are_refused_with_the_repairing_command(saved, tmp_path):
    path = tmp_path / "checkpoints" / "small.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"is damaged.*git restore data/checkpoints/small.*tools/train\.py 02"):
        checkpoints.load("small", network())
    path.write_bytes(content[:100])
    with pytest.raises(ValueError, match=r"100 bytes instead of .*git restore"):
        checkpoints.load("small", network())
    listed(tmp_path)  # listed as it is, but no safetensors file
    with pytest.raises(ValueError, match=r"^data/checkpoints/small\.safetensors cannot be read: run `git restore"):
        checkpoints.load("small", network())
    (tmp_path.parent / ".git").rmdir()  # the course came as a ZIP
    with pytest.raises(ValueError, match=r"^data/checkpoints/small\.safetensors cannot be read: download the course"):
        checkpoints.load("small", network())
    (tmp_path.parent / ".git").mkdir()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"is missing: run `git restore"):
        checkpoints.load("small", network())


def test_only_a_long_run_saves(monkeypatch):
    monkeypatch.delenv(session.LONG, raising=False)
    with pytest.raises(RuntimeError, match=r"in a long run only"):
        checkpoints.save("small", network(), steps=1)


def test_every_checkpoint_of_the_course_is_a_run_on_record_within_its_hour():
    files = sorted((data.data_dir() / "checkpoints").glob("*.safetensors"))
    assert files
    for path in files:
        runs = checkpoints.runs(path.stem)
        assert checkpoints.header(path) == runs[0] and [run["seed"] for run in runs] == list(range(len(runs)))
        assert all(0 < run["minutes"] <= 60 for run in runs)
        assert f"| {runs[0]['seed']} |" in repr(checkpoints.table_of_runs(path.stem)).replace("\n", "\n| ")


def test_a_finished_long_run_is_kept_in_the_record_in_the_manifest_and_as_a_file(saved, tmp_path, monkeypatch):
    import train

    monkeypatch.setattr(train.build_data, "DATA", tmp_path)
    came = tmp_path / "came" / "small.safetensors"
    came.parent.mkdir()
    (tmp_path / "checkpoints" / "small.safetensors").rename(came)
    train.keep(came, "02", weights=True)
    train.keep(came, "02", weights=False)  # the same seed again replaces it
    assert [run["seed"] for run in checkpoints.runs("small")] == [0]
    assert torch.equal(checkpoints.load("small", network())[0].weight, saved[0].weight)


def test_a_long_run_loads_what_it_has_itself_saved(tmp_path, monkeypatch):
    monkeypatch.setenv(session.LONG, str(tmp_path))
    model = network()
    checkpoints.save("own", model, steps=3)
    assert torch.equal(checkpoints.load("own", network())[0].weight, model[0].weight)
    assert [run["steps"] for run in checkpoints.runs("own")] == [3]


def test_what_a_long_run_saved_is_kept_even_if_a_later_cell_fails(saved, tmp_path, monkeypatch, capsys):
    import nbformat
    import train

    start = 'from torch import nn\nfrom course_utils import checkpoints, session\nsession.start("99", version="1.0")'
    save = 'checkpoints.save("kept", nn.Linear(2, 1), steps=7)'
    cells = [nbformat.v4.new_code_cell(source) for source in (start, save, "1 / 0", "pass")]
    cells[1].metadata["tags"] = cells[3].metadata["tags"] = ["checkpoint"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "99_try.ipynb")
    monkeypatch.setattr(train.build_data, "DATA", tmp_path)
    assert train.main(str(tmp_path / "99_try.ipynb"), [0]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert [(run["seed"], run["steps"]) for run in checkpoints.runs("kept")] == [(0, 7)]
    checkpoints.load("kept", nn.Linear(2, 1))


def test_a_long_run_can_be_for_one_checkpoint_of_several(monkeypatch):
    monkeypatch.delenv(session.LONG, raising=False)
    assert not session.long() and not session.long("names")
    monkeypatch.setenv(session.LONG, "somewhere")
    assert session.long() and session.long("names")
    monkeypatch.setenv(session.ONLY, "names")
    assert session.long() and session.long("names") and not session.long("transformer")
