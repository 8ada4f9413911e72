"""Torch's default device and dtype: whatever the learner makes of them, the course's own tensors stay what they are."""

import pytest
import torch
from torch import nn

from course_utils import checkpoints, data, detection, words
from course_utils.exercises import by_notebook
from course_utils.exercises import gradient_descent as ex
from course_utils.reader import make_reader

GIVEN = {"dtype": torch.float32, "device": "cpu"}


@pytest.fixture(params=["meta", "float64"])
def change(request):
    """A function that changes torch's default device or dtype, until the test ends."""
    yield (
        lambda: torch.set_default_device("meta") if request.param == "meta" else torch.set_default_dtype(torch.float64)
    )
    torch.set_default_device("cpu")
    torch.set_default_dtype(torch.float32)


def loaded():
    """Batches of three epochs, the first one left early, and of data in their own order."""
    x, y = torch.arange(20, **GIVEN)[:, None], torch.arange(20, device="cpu")
    batches = data.loader(x, y, batch_size=6, shuffle=True, seed=5)
    pairs = [next(iter(batches)), *batches, *batches, *data.loader(x, y, batch_size=6, shuffle=False)]
    return [part for pair in pairs for part in pair]


def spelled():
    """Words as rows and in batches."""
    rows, lengths = words.encode(["knight", "night", "a", "aunt"] * 5, words.LETTERS)
    batches = words.loader(rows, rows.clone(), batch_size=3, seed=2, labels=lengths)
    return [rows, lengths, *(part for x, y in [*batches, *batches] for part in (*x, y))]


def guessed():
    counts = torch.arange(32, device="cpu").reshape(2, 4, 4) % 5
    return [*words.letter_tables(counts), *words.letter_tables(counts.float())]


def detected():
    """Windows, masks and scores of the digits in ten scenes, found where they are and a pixel beside."""
    scenes = data.scenes("test", 10, seed=0)
    index, which = (scenes.labels >= 0).nonzero().T
    boxes = scenes.boxes[index, which]
    sure = torch.linspace(0, 1, len(index), **GIVEN)
    found = detection.Detections(index, boxes + 1, scenes.labels[index, which], sure)
    windows, corner = detection.look(scenes.x, index, boxes)
    score = detection.mean_average_precision(found, scenes.boxes, scenes.labels, iou=0.7)
    hits = detection.match(found, scenes.boxes, scenes.labels, iou=0.7)
    return [windows, corner, detection.on_canvas(windows[:, 0], corner, 64), hits, torch.tensor(score, **GIVEN)]


MAKERS = {
    **{name: lambda name=name: data.shapes(name, 41, noise=0.1, seed=3) for name in data.SHAPES},
    "mnist": lambda: data.mnist("test"),
    "photo": lambda: [data.photo("china")],
    "letters": lambda: [data.letters(20, alphabet="AF", seed=1)],
    "scenes": lambda: data.scenes("test", 30, seed=4),
    "loader": loaded,
    "words": spelled,
    "letter_tables": guessed,
    "detection": detected,
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_made_is_the_same_on_the_cpu_and_of_the_same_type(name, change):
    plain = MAKERS[name]()
    change()
    for a, b in zip(plain, MAKERS[name](), strict=True):
        assert a.dtype == b.dtype and a.device == b.device == torch.device("cpu") and torch.equal(a, b)


def test_an_order_is_that_of_torchs_own_sampler_also_after_an_epoch_that_was_left_early():
    own = data.Shuffled(50, seed=7)
    theirs = torch.utils.data.RandomSampler(range(50), generator=torch.Generator().manual_seed(7))
    for _ in range(3):
        assert list(own) == list(theirs)
        assert [next(iter(own)), len(own)] == [next(iter(theirs)), len(theirs)]


def test_exercises_are_checked_in_float32_and_the_learners_defaults_stay(change):
    change()
    before = torch.get_default_dtype(), torch.get_default_device()
    for exercise in by_notebook()["01"]:
        assert exercise.judge(exercise.reference)[0] == "passed"
    values = ex.momentum_step.case(1).values()
    assert all(
        value.dtype is torch.float32 and value.device.type == "cpu" for value in values if torch.is_tensor(value)
    )
    assert before == (torch.get_default_dtype(), torch.get_default_device())


def test_trained_weights_are_loaded_whatever_the_default_dtype_but_not_into_a_network_that_holds_no_numbers():
    plain = checkpoints.load("digits", make_reader()).state_dict()
    torch.set_default_dtype(torch.float64)
    try:
        double = checkpoints.load("digits", make_reader()).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(plain[key].double(), double[key].double()) for key in plain)
    with torch.device("meta"):
        network = make_reader()
    with pytest.raises(ValueError, match=r'on the device "meta".*torch\.set_default_device\("cpu"\)'):
        checkpoints.load("digits", network)
    with torch.device("meta"), pytest.raises(ValueError, match="of another network"):
        checkpoints.load("digits", nn.Linear(2, 1))
