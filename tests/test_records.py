"""Records and settings: what is missing or damaged is named with its cure, in one sentence, and stops no notebook."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from course_utils import checkpoints, claims, data, records, session, words

CURE = "run `git restore data/{}` in the course's folder"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of data/ in a clone, with the records, notebook 02's checkpoint and the place names."""
    real = data.data_dir()
    (tmp_path / ".git").mkdir()
    for name in (
        "manifest.json",
        "places.txt.gz",
        "checkpoints/digits.safetensors",
        *map("records/{}.json".format, records.SOUND),
    ):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real / name, tmp_path / "data" / name)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def spoil(file: Path, how: str) -> None:
    """Damage `file`; "folder" and "missing" say what is in its place, all else is what it then has."""
    file.unlink()
    if how == "folder":
        file.mkdir()
    elif how != "missing":
        file.write_bytes(how.encode("latin-1"))


def refused(action, *args) -> str:
    """Return the one sentence of ours with which `action` is refused, with nothing behind it."""
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        action(*args)
    assert type(error.value) in (ValueError, FileNotFoundError)
    assert error.value.__cause__ is None and (error.value.__suppress_context__ or not error.value.__context__)
    assert "\n" not in str(error.value)
    return str(error.value)


DAMAGE = [
    "",
    "{",
    "\xff\xfe",
    "[" * 100_000,
    "[]",
    "3",
    "null",
    '"text"',
    '{"02": "3"}',
    '{"02": {"a": 3}}',
    '{"02": [3]}',
]


@pytest.mark.parametrize("how", [*DAMAGE, "folder"], ids=lambda how: repr(how)[:20])
@pytest.mark.parametrize("name", records.SOUND)
def test_a_damaged_record_is_refused_with_its_cure_and_read_as_an_empty_one(copy, name, how):
    spoil(copy / "records" / f"{name}.json", how)
    assert records.read(name) == {}
    said = refused(records.checked, name)
    what = "cannot be read (Is a directory): move it away and" if how == "folder" else "is damaged:"
    assert said == f"data/records/{name}.json {what} {CURE.format(f'records/{name}.json')}"


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("claims", ("02", 0, "measured"), []),
        ("claims", ("02", 0, "measured"), ["0.3"]),
        ("claims", ("02", 0, "measured"), 0.3),
        ("claims", ("02", 0, "unit"), None),
        ("claims", ("02", 0, "holds"), "yes"),
        ("claims", ("02", 0, "details"), {"a": [1]}),
        ("checkpoints", ("digits", 0, "test_error"), "small"),
        ("checkpoints", ("digits", 0), []),
        ("checkpoints", ("digits",), []),
        ("costs", ("notebooks", 0, "seconds"), None),
        ("costs", ("loader_ratio",), "43"),
    ],
)
def test_one_value_of_the_wrong_type_is_damage_too(copy, name, path, value):
    file = copy / "records" / f"{name}.json"
    whole = inside = json.loads(file.read_text(encoding="utf-8"))
    assert records.checked(name) == whole
    for step in path[:-1]:
        inside = inside[list(inside)[step] if isinstance(inside, dict) and step == 0 else step]
    inside[path[-1]] = value
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert "is damaged" in refused(records.checked, name) and records.read(name) == {}


def test_a_file_that_may_not_be_read_is_named_with_its_cure(copy, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(data, "_sha256", forbidden)
    said = refused(words.places, "test")
    assert said.startswith(
        "data/places.txt.gz cannot be read (Permission denied): give yourself the right to read it, or run"
    )
    monkeypatch.setattr(Path, "read_text", forbidden)
    for name, action in (("manifest.json", words.places), ("records/claims.json", lambda _: records.checked("claims"))):
        right = "(Permission denied): give yourself the right to read it, or"
        assert refused(action, "test").startswith(f"data/{name} cannot be read {right} {CURE.format(name)}")


def test_a_missing_entry_says_how_to_get_the_file_again(copy):
    (copy / "records" / "claims.json").unlink()
    said = refused(lambda: records.read("claims")["03"])
    assert said == f"data/records/claims.json has no entry '03': {CURE.format('records/claims.json')}"
    (copy.parent / ".git").rmdir()
    assert "has no entry '03': download the course again" in refused(lambda: records.read("claims")["03"])


@pytest.mark.parametrize("how", ["missing", "", "{", "[]", '{"digits": [{"seed": "0"}]}', "folder"])
def test_without_a_sound_record_the_tables_say_not_yet_measured_and_the_notebook_goes_on(copy, how, monkeypatch):
    monkeypatch.delenv(claims.STRICT, raising=False)
    for name in ("claims", "checkpoints"):
        spoil(copy / "records" / f"{name}.json", how)
    started = repr(session.start("02", version="1.0"))
    assert "Ready: notebook 02, version 1.0, seed 0." in started
    for name in ("claims", "checkpoints"):
        there = f"data/records/{name}.json" in started and CURE.format(f"records/{name}.json") in started
        assert there == (how != "missing")
    assert max(1.0, *[run["test_error"] for run in checkpoints.runs("digits")]) == 1.0
    assert [run["seed"] for run in checkpoints.runs("digits")] == [0]
    assert "Other seeds: not yet measured." in repr(checkpoints.table_of_runs("digits"))
    claims.record("reader-live", "It reads.", source="guide", measured=1, at_most=2)
    assert "not yet measured" in repr(claims.table_of_claims())
    assert claims.recorded("03", "bottleneck") == "not yet measured"
    assert "not yet measured" in repr(claims.table_of_details("bottleneck", ["", "2"], caption="By length"))


def test_where_all_is_well_the_start_is_one_line_and_the_tables_have_no_remark(copy):
    assert repr(session.start("02", version="1.0")) == "✔ Ready: notebook 02, version 1.0, seed 0."
    assert len(checkpoints.runs("digits")) == 5 and "not yet" not in repr(checkpoints.table_of_runs("digits"))


def test_a_run_of_a_checkpoint_that_does_not_exist_is_refused(copy):
    assert "data/checkpoints/none.safetensors is not listed in data/manifest.json" in refused(checkpoints.runs, "none")


@pytest.mark.parametrize(
    "how", ["", "{", "\xff", "[]", "{}", '{"places.txt.gz": 3}', '{"places.txt.gz": {"bytes": "3"}}']
)
def test_a_damaged_manifest_is_refused_with_its_cure(copy, how):
    spoil(copy / "manifest.json", how)
    assert refused(words.places, "test") == f"data/manifest.json is damaged: {CURE.format('manifest.json')}"


@pytest.mark.parametrize("how", ["missing", "folder"])
def test_a_manifest_that_is_not_there_is_named_with_its_cure(copy, how, monkeypatch):
    spoil(copy / "manifest.json", how)
    said = refused(words.places, "test")
    assert "manifest.json was not found: COURSE_DATA names" in said
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.chdir(copy.parent)
    monkeypatch.setattr(data, "__file__", str(copy.parent / "course_utils" / "data.py"))
    assert refused(words.places, "test") == f"data/manifest.json is missing or no file: {CURE.format('manifest.json')}"


def test_a_folder_in_the_place_of_a_data_file_and_one_that_is_listed_but_broken_are_named_with_their_cure(copy):
    spoil(copy / "places.txt.gz", "folder")
    said = refused(words.places, "test")
    assert said.startswith("data/places.txt.gz is no file: move away what is in its place, and run `git restore")
    (copy / "places.txt.gz").rmdir()
    (copy / "places.txt.gz").write_bytes(b"broken")
    listed = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    listed["places.txt.gz"] |= {"bytes": 6, "sha256": data._sha256(str(copy / "places.txt.gz"), 6, 0)}
    (copy / "photos").mkdir()
    (copy / "photos" / "china.png").write_bytes(b"broken")
    listed["photos/china.png"] |= {"bytes": 6, "sha256": listed["places.txt.gz"]["sha256"]}
    (copy / "manifest.json").write_text(json.dumps(listed), encoding="utf-8")
    assert refused(words.places, "test") == f"data/places.txt.gz cannot be read: {CURE.format('places.txt.gz')}"
    assert refused(data.photo, "china") == f"data/photos/china.png cannot be read: {CURE.format('photos/china.png')}"


@pytest.mark.parametrize("place", ["/nowhere", " ", "~nobody/data", "a" * 5000, "mnist.npz", "file", "folder"])
def test_a_data_folder_that_is_none_is_named(place, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", place)
    said = refused(data.mnist, "test")
    assert (
        f"COURSE_DATA names {place};" in said and "set the environment variable COURSE_DATA to the data/ folder" in said
    )
    assert records.read("claims") == {} and "Ready" in repr(session.start("00", version="1.0"))


def test_a_data_folder_below_the_home_folder_may_be_named_with_a_tilde(copy, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(copy.parent))
    monkeypatch.setenv("COURSE_DATA", "~/data")
    assert data.data_dir() == copy


@pytest.mark.parametrize("seed", ["abc", "1.5", "-1", "4294967296", "9" * 5000, "٣", "0x1", "1 2"])
def test_a_seed_that_is_no_number_is_refused_in_one_sentence(seed, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", seed)
    said = refused(lambda: session.start("01", version="1.0"))
    assert said.startswith(
        "the environment variable COURSE_SEED should be a whole number from 0 to 4294967295, such as 3"
    )
    assert said.endswith(": correct it or remove it")


@pytest.mark.parametrize(("seed", "number"), [("", 0), (" 7 ", 7), ("4294967295", 2**32 - 1)])
def test_a_seed_that_is_a_number_is_taken(seed, number, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", seed)
    session.start("01", version="1.0")
    assert session.seed() == number == torch.initial_seed()


def test_the_tools_refuse_a_damaged_record_before_they_measure_anything(copy, monkeypatch):
    import build_data
    import measure
    import seeds
    import stamp
    import train

    for name in records.SOUND:
        spoil(copy / "records" / f"{name}.json", "{")
    assert "claims.json is damaged" in refused(seeds.main, ["02"])
    assert "costs.json is damaged" in refused(measure.main, ["02"])
    assert "claims.json is damaged" in refused(stamp.derived)
    assert "checkpoints.json is damaged" in refused(
        lambda: train.keep(copy / "checkpoints" / "digits.safetensors", "02", weights=False)
    )
    spoil(copy / "manifest.json", "{")
    monkeypatch.setattr(build_data, "DATA", copy)
    assert "manifest.json is damaged" in refused(lambda: build_data.keep("new.txt", b"", rebuild=""))
    assert not (copy / "new.txt").exists()
