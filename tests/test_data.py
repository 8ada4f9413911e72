"""Data: what is loaded is what was listed, damage is refused in one sentence, and the loader is fast and exact."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from course_utils import data

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of data/ with only MNIST in it, in a clone, used in place of the real one."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("manifest.json", "mnist.npz"):
        shutil.copy(data.data_dir() / name, folder / name)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


@pytest.mark.parametrize(("split", "n", "of_each"), [("train", 60000, 5421), ("test", 10000, 892)])
def test_mnist_is_whole_with_its_published_counts(split, n, of_each):
    x, y = data.mnist(split, standardise=False)
    assert x.shape == (n, 1, 28, 28) and x.dtype == torch.uint8 and int(x.max()) == 255
    assert y.shape == (n,) and y.dtype == torch.int64
    assert y.bincount().tolist()[5] == of_each == y.bincount().min()  # fives are the rarest


def test_standardised_digits_have_mean_zero_and_deviation_one():
    x, _ = data.mnist("train")
    assert x.dtype == torch.float32
    assert abs(x.mean().item()) < 1e-3 and abs(x.std().item() - 1) < 1e-3


def test_the_first_labels_are_those_of_the_original_order():
    assert data.mnist("train")[1][:12].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5]
    assert data.mnist("test")[1][:12].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6]


def test_every_file_in_the_manifest_is_there_and_matches_and_nothing_else_lies_in_data():
    listed = json.loads((data.data_dir() / "manifest.json").read_text(encoding="utf-8"))
    for name in listed:
        assert data.verified(name).is_file()
    files = {p.relative_to(data.data_dir()).as_posix() for p in data.data_dir().rglob("*") if p.is_file()}
    assert {f for f in files if not f.startswith("records/")} - {"README.md", "manifest.json"} == set(listed)
    assert all(name.split("/")[-1] in (data.data_dir() / "README.md").read_text("utf-8") for name in listed)


def test_a_damaged_byte_is_refused_with_the_repairing_command(copy):
    content = bytearray((copy / "mnist.npz").read_bytes())
    content[5_000_000] ^= 1
    (copy / "mnist.npz").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"^data/mnist\.npz is damaged.*git restore data/mnist\.npz.*build_data\.py mnist"
    ):
        data.mnist("test")


def test_a_truncated_file_is_refused_with_the_repairing_command(copy):
    content = (copy / "mnist.npz").read_bytes()
    (copy / "mnist.npz").write_bytes(content[:1000])
    with pytest.raises(ValueError, match=r"1,000 bytes instead of 11,\d\d\d,\d\d\d: run `git restore"):
        data.mnist("test")


def test_a_missing_file_is_refused_with_the_repairing_command(copy):
    (copy / "mnist.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"^data/mnist\.npz is missing: run `git restore data/mnist\.npz`"):
        data.mnist("test")


def test_a_listed_file_that_is_no_archive_is_refused(copy):
    (copy / "mnist.npz").write_bytes(b"not an archive")
    listed = json.loads((copy / "manifest.json").read_text())
    listed["mnist.npz"]["bytes"] = 14
    listed["mnist.npz"]["sha256"] = data._sha256(str(copy / "mnist.npz"), 14, 0)
    (copy / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(ValueError, match=r"^data/mnist\.npz cannot be read.*git restore data/mnist\.npz"):
        data.mnist("test")


def test_where_the_course_came_as_a_zip_no_git_command_is_advised(copy):
    (copy.parent / ".git").rmdir()
    (copy / "mnist.npz").unlink()
    with pytest.raises(FileNotFoundError) as refused:
        data.mnist("test")
    assert "is missing: download the course again, or rebuild it with `" in str(refused.value)
    assert "git" not in str(refused.value)


def test_letters_are_ink_on_paper_of_a_digits_size_centred_seeded_and_of_the_alphabet_only():
    x = data.letters(200, alphabet="AFX", seed=3)
    assert x.shape == (200, 1, 28, 28) and x.dtype == torch.uint8
    assert torch.equal(x, data.letters(200, alphabet="AFX", seed=3))
    assert not torch.equal(x, data.letters(200, alphabet="AFX", seed=4))
    assert len(x.flatten(1).unique(dim=0)) == 18, "three letters in six fonts"
    ink = x[:, 0].float()
    rows, columns = ink.amax(2) > 0, ink.amax(1) > 0
    assert max(rows.sum(1).max(), columns.sum(1).max()) == 20
    middle = [(side * torch.arange(28)).sum(1) / side.sum(1) for side in (ink.sum(2), ink.sum(1))]
    assert all((m - 13.5).abs().max() <= 0.5 + 1e-4 for m in middle)
    assert data.letters(1, alphabet="I", seed=0).float().mean() < data.letters(1, alphabet="M", seed=0).float().mean()


@pytest.mark.parametrize("alphabet", ["", "ab c", "Ä", "A-B"])
def test_an_alphabet_that_is_none_is_refused_in_one_sentence(alphabet):
    with pytest.raises(ValueError, match="letters and digits"):
        data.letters(3, alphabet=alphabet, seed=0)


def test_a_wrong_split_photo_or_shape_is_named_with_the_right_ones():
    with pytest.raises(ValueError, match='takes "train" or "test", got \'valid\''):
        data.mnist("valid")
    with pytest.raises(ValueError, match='takes "china" or "flower"'):
        data.photo("cat")
    with pytest.raises(ValueError, match="one of blobs, moons"):
        data.shapes("stars", 10, noise=0.1, seed=0)
    with pytest.raises(ValueError, match="3 examples and 2 labels"):
        data.loader(torch.zeros(3, 2), torch.zeros(2), batch_size=1, shuffle=False)


def test_the_data_folder_is_found_from_an_installed_copy_inside_a_clone_and_else_named(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "__file__", str(tmp_path / "site-packages" / "course_utils" / "data.py"))
    monkeypatch.chdir(ROOT / "notebooks")
    assert data.data_dir() == ROOT / "data"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="set the environment variable COURSE_DATA"):
        data.data_dir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"COURSE_DATA names .*nowhere"):
        data.data_dir()


def test_photographs_are_colour_images_between_0_and_1():
    for name in ("china", "flower"):
        x = data.photo(name)
        assert x.shape == (3, 427, 640) and 0 <= float(x.min()) < 0.05 and 0.9 < float(x.max()) <= 1


@pytest.mark.parametrize("name", data.SHAPES)
def test_a_shape_is_balanced_seeded_and_near_the_origin(name):
    x, y = data.shapes(name, 400, noise=0.05, seed=3)
    again, _ = data.shapes(name, 400, noise=0.05, seed=3)
    other, _ = data.shapes(name, 400, noise=0.05, seed=4)
    assert x.shape == (400, 2) and y.bincount().tolist() == [200, 200]
    assert torch.equal(x, again) and not torch.equal(x, other)
    assert float(x.abs().max()) < 1.8


def test_the_loader_gives_every_example_once_in_a_seeded_order():
    x, y = torch.arange(10.0)[:, None], torch.arange(10)
    epochs = [[batch for _, batch in data.loader(x, y, batch_size=4, shuffle=True, seed=s)] for s in (0, 0, 1)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    assert sorted(torch.cat(epochs[0]).tolist()) == list(range(10))
    assert torch.equal(torch.cat(epochs[0]), torch.cat(epochs[1]))
    assert not torch.equal(torch.cat(epochs[0]), torch.cat(epochs[2]))
    for a, b in data.loader(x, y, batch_size=3, shuffle=True):
        assert torch.equal(a[:, 0].long(), b)


def test_the_loader_beats_torchvisions_twentyfold_with_the_same_statistics(tmp_path):
    pytest.importorskip("torchvision")
    sys.path.insert(0, str(ROOT / "tools"))
    import measure

    theirs, ours = measure.loaders(tmp_path)
    plain, _ = data.mnist("train")
    same = torch.stack([theirs.dataset[i][0] for i in range(0, 60000, 600)])
    assert (same - plain[::600]).abs().max() < 1e-6
    ratios = sorted(measure.rate(ours, 469) / measure.rate(theirs, 10) for _ in range(3))
    assert ratios[1] >= 20, f"the median of three runs is {ratios[1]:.1f} times"


# ---- scenes


@pytest.fixture(scope="module")
def test_scenes():
    return data.scenes("test", 4000, seed=0)


def test_four_thousand_scenes_hold_every_test_digit_once_and_counts_from_one_to_four_equally_often(test_scenes):
    there = test_scenes.labels >= 0
    assert there.sum(1).bincount().tolist() == [0, 1000, 1000, 1000, 1000]
    assert test_scenes.labels[there].bincount().tolist() == data.mnist("test")[1].bincount().tolist()
    images, _ = data.mnist("test", standardise=False)
    ink = (images > data.INK).sum((1, 2, 3))
    assert test_scenes.masks[there].sum((1, 2)).sort().values.equal(ink.sort().values)


def test_a_scene_is_its_digits_and_each_box_the_smallest_around_its_mask(test_scenes):
    x, boxes, labels, masks = test_scenes
    threshold = (data.INK + 0.5) / 255
    assert torch.equal(masks.any(1), x[:, 0] * data.MNIST_STD + data.MNIST_MEAN > threshold)
    assert not masks[labels < 0].any() and not boxes[labels < 0].any()
    for i, k in (labels[:200] >= 0).nonzero().tolist():
        rows, columns = masks[i, k].nonzero().T
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert boxes[i, k].tolist() == [float(edge) for edge in edges]


def test_digits_of_a_scene_keep_apart_but_overlap(test_scenes):
    _, boxes, labels, masks = test_scenes
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    far = torch.cdist(centre, centre) + 1e3 * (torch.eye(4) + (labels < 0)[:, None].float())
    assert far[labels >= 0].min() >= 12
    assert 0.2 < (masks.sum(1).amax((1, 2)) > 1).float().mean() < 0.5  # scenes in which digits share ink


def test_scenes_are_those_of_their_seed_and_never_mix_the_splits():
    a, b, c = (data.scenes("train", 50, seed=seed, digits=(2, 3)) for seed in (1, 1, 2))
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True)) and not torch.equal(a.x, c.x)
    assert a.labels.shape == (50, 3) and set((a.labels >= 0).sum(1).tolist()) == {2, 3}
    digit = data.scenes("test", 300, seed=0, digits=(1, 1))
    of_test = {image.numpy().tobytes() for image in data.mnist("test", standardise=False)[0][:, 0]}
    bytes_of = (digit.x * 255 * data.MNIST_STD + 255 * data.MNIST_MEAN).round().byte()[:, 0]
    for image, box in zip(bytes_of[:20], digit.boxes[:20, 0].long(), strict=True):
        crops = (
            image[top : top + 28, left : left + 28].contiguous().numpy().tobytes()
            for top in range(max(0, int(box[3]) - 28), min(36, int(box[1])) + 1)
            for left in range(max(0, int(box[2]) - 28), min(36, int(box[0])) + 1)
        )
        assert any(crop in of_test for crop in crops)


def test_composing_scenes_reads_thousands_a_second():
    import time

    data.scenes("train", 10, seed=0)
    start = time.process_time()
    data.scenes("train", 4000, seed=0)
    assert 4000 / (time.process_time() - start) > 1000  # of CPU time; about 9,000 when the machine is quiet


def test_impossible_scenes_are_refused():
    with pytest.raises(ValueError, match=r"digits=\(0, 5\)"):
        data.scenes("train", 3, seed=0, digits=(0, 5))


def test_a_loader_may_transform_each_batch():
    x, y = torch.arange(6.0).reshape(6, 1), torch.arange(6)
    batches = list(data.loader(x, y, batch_size=4, shuffle=False, transform=lambda x: -x))
    assert torch.equal(torch.cat([b for b, _ in batches]), -x) and torch.equal(torch.cat([c for _, c in batches]), y)


def test_data_that_are_on_another_device_are_delivered_there():
    x, y = torch.zeros(10, 4, device="meta"), torch.zeros(10, dtype=torch.long, device="meta")
    batches = list(data.loader(x, y, batch_size=3, shuffle=True, seed=0))
    assert [len(a) for a, _ in batches] == [3, 3, 3, 1]
    assert all(part.device.type == "meta" for batch in batches for part in batch)
