"""The progress file: nothing recorded is lost, nothing of the learner's is deleted, and file trouble never raises."""

import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils import course, progress, progress_file

REPOSITORY = Path(__file__).resolve().parent.parent
KEEP_FIXTURES = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    monkeypatch.setenv("COURSE_PROGRESS", str(folder))
    return folder / "my_progress.json"


@pytest.fixture
def clock(monkeypatch):
    """Freeze the time at noon; `clock.tick()` lets a minute pass."""
    frozen = SimpleNamespace(time=datetime(2025, 1, 31, 12, tzinfo=timezone.utc))
    frozen.tick = lambda minutes=1: setattr(frozen, "time", frozen.time + timedelta(minutes=minutes))
    monkeypatch.setattr(progress_file, "now", lambda: frozen.time)
    return frozen


def put(file, content):
    """Write `content` (bytes, or anything for JSON) as the progress file."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def names(file):
    """Return the names of the files beside `file`, without the lock."""
    return sorted(f.name for f in file.parent.iterdir() if f.suffix != ".lock")


def whole(exercises, **more):
    return {"version": 1, "learner": "", "exercises": exercises, **more}


def failing(error):
    """Return a function that raises `error` whatever it is given."""

    def fail(*args, **kwargs):
        raise error

    return fail


def python(code, *args):
    """Start another Python with progress imported; it waits long for the lock, so that no test depends on speed."""
    start = "import sys; from course_utils import progress, progress_file; progress_file.LOCK_SECONDS = 300\n"
    command = [sys.executable, "-c", start + code, *map(str, args)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def test_attempts_hints_pass_and_solution_are_counted_with_their_times(file, clock):
    for event in ("attempted", "hint", "attempted", "passed", "solution", "passed", "attempted"):
        assert progress.record("01", "momentum_step", event) is None
        clock.tick()
    assert json.loads(file.read_text(encoding="utf-8")) == whole(
        {
            "01/momentum_step": {
                "attempts": 3,
                "hints": 1,
                "first": "2025-01-31T12:00:00Z",
                "passed": "2025-01-31T12:03:00Z",
                "solution": False,
            }
        }
    )
    assert progress.load() == (json.loads(file.read_text(encoding="utf-8")), None)


def test_a_solution_counts_as_seen_only_before_the_pass_even_within_one_second(clock):
    for event in ("solution", "passed"):
        progress.record("01", "a", event)
    for event in ("passed", "solution"):
        progress.record("01", "b", event)
    kept = progress.load()[0]["exercises"]
    assert kept["01/a"]["solution"] is True and kept["01/b"]["solution"] is False


def test_a_pass_counts_as_an_attempt_when_no_attempt_was_recorded():
    progress.record("01", "a", "passed")
    assert progress.load()[0]["exercises"]["01/a"]["attempts"] == 1


def test_a_clock_set_back_moves_the_first_time_back(clock):
    progress.record("01", "a", "hint")
    clock.tick(-10)
    progress.record("01", "a", "passed")
    entry = progress.load()[0]["exercises"]["01/a"]
    assert entry["first"] == "2025-01-31T11:50:00Z" and progress.minutes(entry) == 0


def test_an_unknown_event_is_refused_with_the_list_of_events(file):
    with pytest.raises(ValueError, match=r"attempted, passed, hint, solution.*'done'"):
        progress.record("01", "a", "done")
    assert not file.parent.exists()


def test_unknown_keys_and_letters_of_all_alphabets_are_kept(file):
    put(file, whole({"01/a": {"mood": "☀"}}, learner="Zoë 李", plan=[1, {"x": None}]))
    progress.record("01", "a", "hint")
    text = file.read_text(encoding="utf-8")
    kept = json.loads(text)
    assert "Zoë 李" in text and kept["plan"] == [1, {"x": None}]
    assert kept["exercises"]["01/a"]["mood"] == "☀" and kept["exercises"]["01/a"]["hints"] == 1
    assert text == json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_file_saved_by_an_editor_with_a_byte_order_mark_is_read(file):
    put(file, b"\xef\xbb\xbf" + json.dumps(whole({"01/a": {"hints": 2}})).encode())
    assert progress.record("01", "a", "hint") is None
    assert progress.load()[0]["exercises"]["01/a"]["hints"] == 3


def test_the_place_is_a_folder_a_json_file_or_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "ada.json"))
    assert progress.path() == tmp_path / "ada.json"
    (tmp_path / "folder.json").mkdir()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "folder.json"))
    assert progress.path() == tmp_path / "folder.json" / "my_progress.json"
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(REPOSITORY / "notebooks").st_uid, raising=False)
    assert progress.path() == REPOSITORY / "notebooks" / "my_progress.json"
    monkeypatch.setattr(progress, "__file__", str(tmp_path / "site-packages" / "course_utils" / "progress.py"))
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid, raising=False)
    monkeypatch.chdir(tmp_path)
    assert progress.path() == tmp_path / "my_progress.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"version": 1, "learner": "\\ud800", "exercises": {}}',
        whole([]),
        whole({}, learner=3),
        whole({}, version=True),
        whole({}, version="1"),
        whole({}, version=0),
        {"version": 1},
        json.dumps(whole({}, big="x" * progress_file.MAX_BYTES)).encode(),
    ],
    ids=lambda content: repr(content)[:30],
)
def test_a_damaged_file_is_set_aside_unchanged_and_recording_goes_on(file, clock, content):
    put(file, content)
    original = file.read_bytes()
    assert "is damaged" in progress.load()[1] and names(file) == ["my_progress.json"]
    sentence = progress.record("01", "a", "passed")
    aside = "my_progress.damaged-20250131-120000.json"
    assert aside in sentence and names(file) == [aside, "my_progress.json"]
    assert (file.parent / aside).read_bytes() == original
    assert progress.record("01", "a", "hint") is None
    assert progress.load()[0]["exercises"]["01/a"]["hints"] == 1


def test_files_damaged_in_the_same_second_are_all_kept(file, clock):
    for content in (b"one", b"two", b"three"):
        put(file, content)
        progress.record("01", "a", "hint")
    kept = [f.read_bytes() for f in sorted(file.parent.glob("*.damaged-*"))]
    assert sorted(kept) == [b"one", b"three", b"two"]


@pytest.mark.parametrize(
    "entry",
    [
        3,
        None,
        {"attempts": -1},
        {"attempts": True},
        {"hints": "2"},
        {"first": None},
        {"passed": "yesterday"},
        {"passed": "٢٠٢٥-01-01T00:00:00Z"},
        {"first": "2025-02-30T00:00:00Z"},
        {"solution": 1},
    ],
    ids=ascii,
)
def test_a_damaged_entry_is_left_out_the_others_stay_and_the_whole_is_copied(file, entry):
    put(file, whole({"01/a": {"hints": 2}, "01/b": entry}))
    original = file.read_bytes()
    assert "partly damaged" in progress.record("01", "a", "hint")
    kept, sentence = progress.load()
    assert sentence is None and list(kept["exercises"]) == ["01/a"] and kept["exercises"]["01/a"]["hints"] == 3
    assert [f.read_bytes() for f in file.parent.glob("*.damaged-*")] == [original]


@given(content=st.binary(max_size=200))
@settings(max_examples=60, **KEEP_FIXTURES)
def test_any_bytes_as_a_file_are_set_aside_and_never_raise(file, content):
    put(file, content)
    progress.load()
    sentence = progress.record("01", "a", "passed")
    aside = file.parent / sentence.split("`")[3].rpartition("/")[2]
    assert aside.read_bytes() == content and progress.load()[1] is None
    aside.unlink()


LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["2025-01-01T00:00:00Z"])
ANY_ENTRY = st.dictionaries(st.sampled_from(["attempts", "first", "passed", "solution", "other"]), LEAVES) | LEAVES
ANY_FILE = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just(1) | LEAVES,
        "learner": st.text() | LEAVES,
        "exercises": st.dictionaries(st.sampled_from(["01/a", "01/b"]), ANY_ENTRY) | LEAVES,
        "first": LEAVES,
    },
)


@given(content=ANY_FILE)
@settings(max_examples=60, **KEEP_FIXTURES)
def test_any_json_as_a_file_never_raises_and_is_sound_after_one_record(file, content):
    put(file, content)
    sentence = progress.record("01", "a", "hint")
    newer = type(content.get("version")) is int and content["version"] > 1
    assert newer == bool(sentence and sentence.startswith("Not recorded"))
    assert newer or (progress.load()[1] is None and progress.load()[0]["exercises"]["01/a"]["hints"] >= 1)


def test_a_file_of_a_newer_version_is_left_untouched_and_the_learner_told(file):
    put(file, {"version": 2, "exercises": "of a new kind"})
    original = file.read_bytes()
    assert "newer version" in progress.record("01", "a", "passed") and "newer version" in progress.load()[1]
    assert file.read_bytes() == original and names(file) == ["my_progress.json"]


def test_a_place_that_cannot_be_written_gives_a_sentence_without_the_full_path(tmp_path, monkeypatch):
    (tmp_path / "a_file").write_text("in the way")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "a_file" / "below"))
    sentence = progress.record("01", "a", "passed")
    assert sentence.startswith("Not recorded: `below/my_progress.json` cannot be written")
    assert str(tmp_path) not in sentence and (tmp_path / "a_file").read_text() == "in the way"
    progress.load(), course.show({}), progress.reset()


def test_a_folder_in_the_place_of_the_file_gives_a_sentence(file, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    file.mkdir(parents=True)
    assert "cannot be written" in progress.record("01", "a", "passed") and "cannot be read" in progress.load()[1]
    assert file.is_dir()


@pytest.mark.parametrize("error", [OSError("no locks"), NotImplementedError("no flock"), filelock.Timeout("a lock")])
def test_a_file_system_that_cannot_lock_still_records(monkeypatch, error):
    monkeypatch.setattr(progress_file.FileLock, "acquire", failing(error))
    assert progress.record("01", "a", "hint") is None
    assert progress.load()[0]["exercises"]["01/a"]["hints"] == 1


def test_a_replace_refused_while_another_process_reads_is_tried_again(file, monkeypatch):
    replace, refusals = os.replace, [PermissionError(13, "in use")] * 3
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def windows_replace(source, target):
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", windows_replace)
    assert progress.record("01", "a", "passed") is None and not refusals
    assert names(file) == ["my_progress.json"]


def test_a_replace_refused_for_good_gives_a_sentence_and_leaves_the_old_file(file, monkeypatch):
    progress.record("01", "a", "passed")
    before = file.read_bytes()
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "replace", failing(PermissionError(13, "in use")))
    assert "cannot be written (in use)" in progress.record("01", "a", "hint")
    assert file.read_bytes() == before and names(file) == ["my_progress.json"]


def test_a_full_disk_gives_a_sentence_and_leaves_the_old_file(file, monkeypatch):
    progress.record("01", "a", "passed")
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", failing(OSError(28, "No space left on device")))
    assert "No space left" in progress.record("01", "a", "hint")
    assert file.read_bytes() == before and names(file) == ["my_progress.json"]


def test_two_processes_that_record_at_once_lose_nothing():
    code = "for i in range(100): assert progress.record('01', sys.argv[1] if i % 2 else 'both', 'attempted') is None"
    processes = [python(code, name) for name in ("one", "two")]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.stdout.close()
    counts = {key: entry["attempts"] for key, entry in progress.load()[0]["exercises"].items()}
    assert counts == {"01/both": 100, "01/one": 50, "01/two": 50}


def test_a_process_killed_while_it_records_leaves_a_sound_file_with_all_it_recorded(file):
    progress.record("01", "a", "attempted")
    code = "for i in range(10**6): print(i, flush=True) if progress.record('01', 'a', 'attempted') is None else exit(3)"
    moments = random.Random(7)
    for _ in range(15):
        before = progress.load()[0]["exercises"]["01/a"]["attempts"]
        with python(code) as process:
            process.stdout.readline()  # it has begun
            time.sleep(moments.random() * 0.05)
            process.kill()
            done = 1 + sum(line.endswith("\n") for line in process.stdout)
        kept, sentence = progress.load()
        assert sentence is None
        assert 0 <= kept["exercises"]["01/a"]["attempts"] - before - done <= 1  # the last may lack only its print
    assert not list(file.parent.glob("*.damaged-*"))


@pytest.mark.skipif(os.name != "posix", reason="needs pipes, sockets and devices")
@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
def test_what_is_no_regular_file_is_never_opened_nor_moved_and_a_sentence_says_so(file, kind, monkeypatch):
    file.parent.mkdir()
    monkeypatch.chdir(file.parent)  # the name of a socket must be short
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root may make a device")
    {
        "folder": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "socket": lambda: socket.socket(socket.AF_UNIX).bind(file.name),
        "device": lambda: os.mknod(file, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    }[kind]()
    before = os.stat(file).st_ino
    for what, sentence in [
        ("written", progress.record("01", "a", "passed")),
        ("written", repr(course.show({}))),
        ("read", progress.load()[1]),
        ("set aside", repr(progress.reset())),
    ]:
        assert f"cannot be {what} (it is not a regular file)." in sentence and "is kept in" not in sentence
    assert os.stat(file).st_ino == before and os.listdir(file.parent) == ["my_progress.json"]


def test_what_would_be_too_large_to_read_again_is_not_written(file, tmp_path):
    put(file, whole({"01/a": {"hints": 1}}, big="x" * (progress_file.MAX_BYTES - 150)))
    original = file.read_bytes()
    sentence = progress.record("01", "b", "passed")
    assert sentence.startswith("Not recorded: `mine/my_progress.json` would have more than 5 MB; ")
    assert "from course_utils import progress; progress.reset()" in sentence
    put(tmp_path / "new" / "my_progress.json", whole({}, large="x" * 1000))
    assert "would have more than 5 MB" in repr(progress.keep_in(str(tmp_path / "new")))
    assert file.read_bytes() == original and names(file) == ["my_progress.json"] and progress.load()[1] is None
    progress.reset()
    assert progress.record("01", "b", "passed") is None


def test_names_that_are_twice_in_the_file_are_merged_and_the_whole_is_copied(file):
    early, late = '"2025-01-01T00:00:00Z"', '"2025-02-01T00:00:00Z"'
    put(
        file,
        (
            '{"version": 1, "learner": "", "exercises": {'
            f'"01/a": {{"passed": {late}, "hints": 3}}, "01/a": {{"passed": {early}}}, "01/a": {{"passed": null}},'
            f'"01/b": {{"attempts": 2, "passed": {early}, "passed": null, "attempts": 1}}}},'
            f'"exercises": {{"01/c": {{"solution": true}}, "01/b": {{"hints": 4}}}}, "exercises": 3}}'
        ).encode(),
    )
    original = file.read_bytes()
    assert "partly damaged" in progress.load()[1]
    assert "set aside" in progress.record("02", "d", "hint")
    kept, sentence = progress.load()
    assert (
        sentence is None
        and kept["exercises"].pop("02/d")
        and kept["exercises"]
        == {
            "01/a": {"passed": "2025-01-01T00:00:00Z", "hints": 3},
            "01/b": {"attempts": 2, "passed": "2025-01-01T00:00:00Z", "hints": 4},
            "01/c": {"solution": True},
        }
    )
    assert [f.read_bytes() for f in file.parent.glob("*.damaged-*")] == [original]


@pytest.mark.parametrize("key", ["attempts", "hints", "first", "solution"])
@pytest.mark.parametrize("value", ["1e400", "9" * 6000, "1000000000", "-1", "NaN", "-Infinity", '"many"', "[]", "3.5"])
def test_an_absurd_count_does_not_hide_a_pass(file, key, value):
    put(
        file,
        f'{{"version": 1, "exercises": {{"01/a": {{"passed": "2025-01-01T00:00:00Z", "{key}": {value}}}}}}}'.encode(),
    )
    assert "●" in repr(course.show({"01": ["a"]})) and "01 a | passed" in repr(course.show({"01": ["a"]}))
    assert "set aside" in progress.record("01", "a", "attempted")
    entry = progress.load()[0]["exercises"]["01/a"]
    assert entry["passed"] == "2025-01-01T00:00:00Z" and entry["attempts"] == 1
    assert progress.record("01", "a", "attempted") is None


def test_a_count_stops_at_the_largest_that_is_read_again(file):
    put(file, whole({"01/a": {"attempts": progress_file.MAX_COUNT}}))
    assert progress.record("01", "a", "attempted") is None
    assert progress.load()[0]["exercises"]["01/a"]["attempts"] == progress_file.MAX_COUNT
    assert progress.record("01", "a", "attempted") is None


@pytest.mark.skipif(os.name != "posix", reason="on Windows a process cannot be asked for without ending it")
def test_what_killed_writers_left_is_swept_if_it_is_old_or_their_process_is_gone(file):
    with python("") as ended:
        pass
    file.parent.mkdir()
    for name in (
        f".my_progress.{ended.pid}.tmp",
        f"my_progress.{ended.pid}.tmp",
        f".my_progress.damaged-20250131-120000.{ended.pid}.tmp",
        f".my_progress.{os.getppid()}.tmp",
        f".my_progress.{os.getpid()}.tmp",
        f".her_progress.{ended.pid}.tmp",
        "my_progress.notes.tmp",
    ):
        (file.parent / name).touch()
    others = [f".her_progress.{ended.pid}.tmp", "my_progress.json", "my_progress.notes.tmp"]
    assert progress.record("01", "a", "hint") is None
    assert names(file) == sorted([f".my_progress.{os.getppid()}.tmp", *others])
    os.utime(file.parent / f".my_progress.{os.getppid()}.tmp", (0, 0))
    progress.record("01", "a", "hint")
    assert names(file) == others


@pytest.mark.skipif(os.name != "posix", reason="needs a process that can be stopped")
def test_a_writer_that_was_stopped_for_long_does_not_overwrite_newer_records(monkeypatch):
    code = """
import os, signal
sync = os.fsync
def stop(stream):
    os.fsync = sync
    print("about to rename", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
os.fsync = stop
print(progress.record("01", "a", "attempted"), flush=True)
"""
    progress.record("01", "a", "attempted")
    monkeypatch.setattr(progress_file, "LOCK_SECONDS", 0.2)
    with python(code) as writer:
        assert writer.stdout.readline() == "about to rename\n"
        os.waitpid(writer.pid, os.WUNTRACED)
        assert progress.record("01", "a", "passed") is None and progress.record("01", "b", "hint") is None
        writer.send_signal(signal.SIGCONT)
        assert writer.stdout.readline() == "None\n"
    kept = progress.load()[0]["exercises"]
    assert kept["01/a"]["passed"] and kept["01/a"]["attempts"] == 2 and kept["01/b"]["hints"] == 1


def test_a_file_that_others_write_all_the_time_gives_a_sentence(file, monkeypatch):
    put(file, whole({}))
    write, times = os.fsync, iter(range(1000))
    monkeypatch.setattr(os, "fsync", lambda stream: (write(stream), put(file, whole({}, time=next(times)))))
    assert "other programs write it all the time" in progress.record("01", "a", "hint")
    assert names(file) == ["my_progress.json"]


@pytest.mark.parametrize(
    "content", [b"not JSON", whole({"01/a": {"hints": 2}, "01/b": {"hints": -1}})], ids=["all", "part"]
)
def test_on_a_full_disk_a_damaged_file_stays_as_it_is_and_no_check_adds_one(file, monkeypatch, content):
    put(file, content)
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", failing(OSError(28, "No space left on device")))
    for _ in range(3):
        assert "No space left" in progress.record("01", "a", "hint")
    assert file.read_bytes() == before and names(file) == ["my_progress.json"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_files_mode_is_kept_when_it_is_rewritten_and_a_copy_has_it_too(file):
    put(file, whole({"01/b": {"hints": -1}}))
    for mode in (0o600, 0o640, 0o444):
        file.chmod(mode)
        progress.record("01", "a", "hint")
        assert file.stat().st_mode & 0o777 == mode
    assert [f.stat().st_mode & 0o777 for f in file.parent.glob("*.damaged-*")] == [0o600]


# ---- several users


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of one's own, and no place named for the progress."""
    (tmp_path / "ada").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "ada"))
    monkeypatch.delenv("COURSE_PROGRESS")
    return tmp_path / "ada"


def test_on_a_hub_and_in_somebody_elses_folder_the_file_is_in_the_home_folder(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(REPOSITORY / "notebooks").st_uid, raising=False)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert progress.path() == home / "my_progress.json"
    assert "kept in `~/my_progress.json`" in repr(course.show({})) and "ada" not in repr(course.show({}))
    monkeypatch.delenv("JUPYTERHUB_USER")
    assert progress.path() == REPOSITORY / "notebooks" / "my_progress.json"
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(REPOSITORY / "notebooks").st_uid + 1, raising=False)
    assert progress.path() == home / "my_progress.json"
    assert progress.record("01", "a", "hint") is None and (home / "my_progress.json").is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become two users")
def test_two_users_of_one_folder_have_a_file_each_and_one_who_may_not_write_is_told(home):
    code = """
import _strptime, os  # whatever is imported later may be out of a user's reach
from course_utils import course
shared, user = sys.argv[1], int(sys.argv[2])
progress.__file__ = f"{shared}/course_utils/progress.py"
os.environ["HOME"] = f"{shared}/{user}"
os.setgid(user), os.setuid(user)
print(progress.record("01", f"by {user}", "passed"))
os.environ["COURSE_PROGRESS"] = f"{shared}/notebooks"
print(progress.record("01", "a", "passed"))
print(course.show({}))
"""
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder)
        shared.chmod(0o755)
        (shared / "notebooks").mkdir(mode=0o755)
        for user in (4001, 4002):
            (shared / str(user)).mkdir()
            os.chown(shared / str(user), user, user)
            with python(code, folder, user) as process:
                first, second, *shown = process.stdout.read().splitlines()
            assert first == "None" and second.startswith("Not recorded: `notebooks/my_progress.json` cannot be written")
            assert any(second in line for line in shown) and not any("is kept in" in line for line in shown)
            kept = progress.load(shared / str(user) / "my_progress.json")[0]["exercises"]
            assert list(kept) == [f"01/by {user}"]
        assert not list((shared / "notebooks").iterdir())


def test_where_nothing_can_be_written_the_advice_works_in_a_notebook_that_does_not_import_progress(
    file, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    shown = repr(course.show({}))
    assert "Not recorded: `mine/my_progress.json` cannot be written (Permission denied)." in shown
    assert "is kept in" not in shown
    monkeypatch.setattr(os, "fsync", failing(OSError(30, "Read-only file system")))
    sentence = progress.record("01", "a", "passed")
    assert "cannot be written (Read-only file system)" in sentence
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_PROGRESS", str(file.parent))
    line = sentence.split("`")[3]
    assert line in shown and line == 'from course_utils import progress; progress.keep_in("…")'
    exec(line.replace("…", (tmp_path / "new").as_posix()), {})
    assert progress.path() == tmp_path / "new" / "my_progress.json"


def test_a_run_of_the_tests_leaves_nothing_in_the_temporary_folder(tmp_path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass")
    (tmp_path / "temporary").mkdir()
    (tmp_path / "conftest.py").write_text((REPOSITORY / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    places = {name: str(tmp_path / "temporary") for name in ("TMPDIR", "TEMP", "TMP")}
    few = ["-p", "no:cacheprovider", "-p", "xdist.plugin", "-n", "1", "--basetemp", str(tmp_path / "base")]
    command = [sys.executable, "-m", "pytest", *few, str(tmp_path)]
    environment = {**os.environ, **places, "PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr
    assert not list((tmp_path / "temporary").iterdir())


COUNTS, FLAGS = st.integers(0, 5), st.booleans()
TIMES = st.integers(10, 15).map(lambda day: f"2025-01-{day}T00:00:00Z")
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "attempts": COUNTS,
        "hints": COUNTS,
        "first": TIMES,
        "passed": st.none() | TIMES,
        "solution": FLAGS,
        "other": LEAVES,
    },
)
PROGRESS = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "learner": st.sampled_from(["", "Ada", "Zoë"]),
        "exercises": st.dictionaries(st.sampled_from(["01/a", "01/b", "02/c"]), ENTRIES),
    },
    optional={"first": LEAVES, "plan": LEAVES | st.lists(LEAVES, max_size=2)},
)


def text(value):
    return json.dumps(value, sort_keys=True)  # tells 1 from True, which == does not


@given(a=PROGRESS, b=PROGRESS, c=PROGRESS)
@settings(deadline=None)
def test_merging_is_commutative_associative_and_idempotent(a, b, c):
    assert text(progress.merge(a, b)) == text(progress.merge(b, a))
    assert text(progress.merge(progress.merge(a, b), c)) == text(progress.merge(a, progress.merge(b, c)))
    assert text(progress.merge(a, a)) == text(a)
    assert text(progress.merge(progress.merge(a, b), b)) == text(progress.merge(a, b))


def test_merging_keeps_the_larger_counts_the_earliest_pass_and_a_solution_seen():
    early, late = "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"
    a = {"attempts": 3, "hints": 0, "first": late, "passed": late, "solution": False}
    b = {"attempts": 1, "hints": 2, "first": early, "passed": None, "solution": True}
    merged = progress.merge(whole({"01/a": a}, learner="Ada"), whole({"01/a": b, "01/b": b}))
    both = {"attempts": 3, "hints": 2, "first": early, "passed": late, "solution": True}
    assert merged == whole({"01/a": both, "01/b": b}, learner="Ada")


def test_keeping_progress_elsewhere_takes_along_what_was_recorded_in_both_places(file, tmp_path):
    drive = tmp_path / "drive"
    put(drive / "my_progress.json", whole({"01/a": {"hints": 5}, "01/old": {"hints": 1}}))
    progress.record("01", "a", "passed")
    shown = progress.keep_in(str(drive))
    assert "drive/my_progress.json" in repr(shown) and str(tmp_path) not in repr(shown) + shown._repr_html_()
    assert progress.path() == drive / "my_progress.json" and file.exists()
    kept = progress.load()[0]["exercises"]
    assert kept["01/a"]["hints"] == 5 and kept["01/a"]["passed"] and kept["01/old"] == {"hints": 1}
    before = progress.load()
    progress.keep_in(str(drive))
    assert progress.load() == before


def test_keeping_progress_on_a_drive_that_is_not_mounted_says_so_and_makes_no_folders(file, tmp_path):
    progress.record("01", "a", "passed")
    shown = progress.keep_in(str(tmp_path / "drive" / "MyDrive" / "course"))
    assert "is the drive mounted?" in repr(shown) and not (tmp_path / "drive").exists()
    assert progress.path() == file and progress.record("01", "a", "hint") is None


def test_keeping_progress_elsewhere_tells_of_an_old_file_that_cannot_be_read_and_leaves_it(file, tmp_path):
    put(file, b"not JSON")
    assert "Not all of `mine/my_progress.json`" in repr(progress.keep_in(str(tmp_path / "new")))
    assert file.read_bytes() == b"not JSON" and progress.load()[1] is None


def test_a_reset_sets_the_file_aside_and_deletes_nothing(file, clock):
    assert "nothing to set aside" in repr(progress.reset())
    progress.record("01", "a", "passed")
    before = file.read_bytes()
    assert "my_progress.old-20250131-120000.json" in repr(progress.reset())
    assert names(file) == ["my_progress.old-20250131-120000.json"]
    assert (file.parent / "my_progress.old-20250131-120000.json").read_bytes() == before
    assert progress.load()[0]["exercises"] == {}


EXERCISES = {"01": ["line_loss", "momentum_step", "train"], "12": ["not_yet"]}  # 12 is to come


def test_the_map_has_a_row_for_every_notebook_and_welcomes_who_has_not_begun(file):
    shown = repr(course.show(EXERCISES))
    for notebook in course.NOTEBOOKS:
        row = next(line for line in shown.splitlines() if line.startswith(f"{notebook.number} {notebook.title} | "))
        assert notebook.guide in row and (notebook.file or row.endswith("| to come"))
    assert "| no exercises" in shown and "○○○\u00a00\u00a0of\u00a03" in shown and "not_yet" not in shown
    assert "Open notebook 01; its first exercise is `line_loss`." in shown
    assert not file.parent.exists()


def test_the_map_counts_what_is_passed_and_names_what_is_next():
    progress.record("01", "line_loss", "passed")
    progress.record("01", "train", "attempted")
    shown = repr(course.show(EXERCISES))
    assert "●○○\u00a01\u00a0of\u00a03" in shown and "next: exercise `momentum_step` in notebook 01" in shown
    for name in EXERCISES["01"]:
        progress.record("01", name, "passed")
    assert "●●●\u00a03\u00a0of\u00a03" in repr(course.show(EXERCISES)) and "next" not in repr(course.show(EXERCISES))


def test_the_map_says_where_the_file_is_without_the_full_path(file, tmp_path, monkeypatch):
    shown = course.show(EXERCISES)
    assert "`mine/my_progress.json`" in repr(shown)
    assert str(tmp_path) not in repr(shown) + shown._repr_html_()
    (tmp_path / "elsewhere").mkdir()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(folder)
        assert "`mine/my_progress.json`" in repr(course.show(EXERCISES))
    file.parent.mkdir()
    monkeypatch.chdir(file.parent)
    assert "`my_progress.json`" in repr(course.show(EXERCISES))


def test_the_map_tells_of_a_damaged_file(file):
    put(file, b"?")
    assert "is damaged" in repr(course.show(EXERCISES)) and file.read_bytes() == b"?"


def test_the_map_shows_what_each_exercise_took(clock):
    assert "What each exercise took" not in repr(course.show(EXERCISES))
    for event in ("attempted", "hint", "solution"):
        progress.record("01", "train", event)
        clock.tick(4)
    assert "01 train | not passed | 1 | 1 | seen" in repr(course.show(EXERCISES))
    progress.record("01", "train", "passed")
    assert "01 train | 12 | 1 | 1 | seen" in repr(course.show(EXERCISES))


def test_the_map_knows_every_declared_exercise_by_itself():
    from course_utils.exercises import by_notebook

    names = [exercise.name for exercise in by_notebook()["01"]]
    assert f"its first exercise is `{names[0]}`" in repr(course.show())
    assert f"○\u00a00\u00a0of\u00a0{len(names)}" in repr(course.show())


def test_importing_the_module_does_not_import_torch_nor_touch_any_file(file):
    with python("print('torch' in sys.modules)") as process:
        assert process.stdout.read().strip() == "False"
    assert not file.parent.exists()
