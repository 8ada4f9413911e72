"""tools/install.py: what is missing is said in one sentence, what is installed is kept and not installed again."""

import ast
import errno
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
import venv
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent


def load():
    """Return tools/install.py as a module."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Return tools/install.py working on an empty copy of the course, with pip, venv and every program recorded.

    What .venv's Python is asked in passing is not recorded; it succeeds unless its last word is in `install.fails`.
    """
    module = load()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    set_platform(module, monkeypatch)
    for name in ["TORCH", "PYTHON", "COURSE_SKIP_DISK_CHECK"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=100e9))
    module.calls, module.pip_says, module.pip_code, module.fails = [], "", 0, set()

    def call(words, **kept):
        if words[1] in ("-c", "-I") or words[-1] == "ensurepip":
            return int(words[-1] in module.fails)
        module.calls.append(words)
        if words[1:3] == ["-m", "venv"]:
            Path(module.venv_python()).parent.mkdir(parents=True)
            Path(module.venv_python()).touch()
            (Path(module.VENV) / "pyvenv.cfg").write_text("version = {}.{}.0\n".format(*sys.version_info[:2]))
        return 0

    def popen(words, **kept):
        module.calls.append(words)
        return types.SimpleNamespace(stderr=module.pip_says.splitlines(True), wait=lambda: module.pip_code)

    def execv(path, words):
        module.calls.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(module.subprocess, "call", call)
    monkeypatch.setattr(module.subprocess, "Popen", popen)
    monkeypatch.setattr(module.os, "execv", execv)
    return module


def set_platform(install, monkeypatch, system="Linux", machine="x86_64", python="linux-x86_64", bits=64):
    """Let the installer see another machine, and a Python built for `python`."""
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.platform, "machine", lambda: machine)
    monkeypatch.setattr(install.sysconfig, "get_platform", lambda: python)
    monkeypatch.setattr(install.sys, "maxsize", 2 ** (bits - 1) - 1)


def put_torch(install):
    """Put a file of torch's into .venv."""
    torch = Path(install.VENV, "lib", "python3.12", "site-packages", "torch")
    torch.mkdir(parents=True)
    (torch / "__init__.py").touch()


def main(module, *words):
    """Call install.main and return how it ended: 0, or the sentence that it ended with."""
    with pytest.raises(SystemExit) as ended:
        module.main(list(words))
    return ended.value.code


def pip_calls(module):
    return [words for words in module.calls if words[1:4] == ["-m", "pip", "install"]]


def is_one_sentence(text):
    """Tell whether `text` is a single line that ends as a sentence does."""
    return isinstance(text, str) and "\n" not in text and text.endswith(".") and not re.search(r"\. [A-Z]", text)


# ---- what is installed, and when


def test_the_first_call_makes_the_environment_installs_the_course_and_starts_jupyterlab(install):
    assert main(install, "lab", "--no-browser") == 0
    venv, pip, lab = install.calls
    assert venv == [sys.executable, "-m", "venv", install.VENV]
    assert pip[-2:] == ["--editable", ".[lab]"]
    assert lab[:4] == [install.venv_python(), "-m", "jupyterlab", os.path.join("notebooks", "00_start_here.ipynb")]
    assert "--no-browser" in lab


def test_a_second_call_starts_the_program_and_calls_neither_pip_nor_venv(install):
    main(install, "lab")
    install.calls.clear()
    assert main(install, "lab") == 0
    assert [words[1:3] for words in install.calls] == [["-m", "jupyterlab"]]


def test_the_tests_extra_is_added_once_and_then_serves_both_commands(install):
    main(install, "lab")
    main(install, "test")
    assert [words[-1] for words in pip_calls(install)] == [".[lab]", ".[lab,test]"]
    install.calls.clear()
    main(install, "lab")
    main(install, "test")
    assert pip_calls(install) == []


def test_a_changed_pyproject_installs_again(install, tmp_path):
    main(install, "lab")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'new'\n")
    main(install, "lab")
    assert len(pip_calls(install)) == 2


def test_a_course_that_was_moved_to_another_folder_installs_again(install, tmp_path, monkeypatch):
    main(install, "lab")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in [".venv", "pyproject.toml"]:
        shutil.move(tmp_path / name, moved / name)
    monkeypatch.setattr(install, "ROOT", str(moved))
    monkeypatch.setattr(install, "VENV", str(moved / ".venv"))
    main(install, "lab")
    assert len(pip_calls(install)) == 2


def test_a_first_installation_that_was_never_finished_is_made_again(install):
    main(install, "lab")
    Path(install.unfinished_file()).touch()
    os.remove(install.stamp_file())
    leftover = Path(install.VENV) / "leftover"
    leftover.touch()
    assert main(install, "lab") == 0
    assert not leftover.exists() and len(pip_calls(install)) == 2


def test_an_interrupted_installation_says_so_and_leaves_its_mark(install, monkeypatch):
    monkeypatch.setattr(install.subprocess, "Popen", interrupted)
    sentence = main(install, "lab").strip()
    assert is_one_sentence(sentence) and "afresh" in sentence, sentence
    assert os.path.exists(install.unfinished_file()) and not install.is_installed(["lab"])


def interrupted(*words, **kept):
    raise KeyboardInterrupt


def test_an_interrupted_update_leaves_what_was_installed_and_the_next_call_starts_it_without_pip(install, monkeypatch):
    main(install, "lab")
    stamp = install.read_stamp()
    with monkeypatch.context() as during:
        during.setattr(install.subprocess, "Popen", interrupted)
        sentence = main(install, "test").strip()
    assert is_one_sentence(sentence) and "what was installed before is kept" in sentence, sentence
    install.calls.clear()
    assert main(install, "lab") == 0
    assert [words[1:3] for words in install.calls] == [["-m", "jupyterlab"]]
    assert install.read_stamp() == stamp and not os.path.exists(install.unfinished_file())
    assert main(install, "test") == 0 and install.is_installed(["lab", "test"])


def test_an_update_that_was_killed_and_broke_the_course_is_repeated_in_the_same_environment(install):
    main(install, "lab")
    Path(install.unfinished_file()).touch()
    install.fails.add(install.WORKS[-1])
    install.calls.clear()
    assert main(install, "lab") == 0
    assert [words[1:3] for words in install.calls] == [["-m", "pip"], ["-m", "jupyterlab"]]


def test_a_pip_that_is_interrupted_is_waited_for(install, monkeypatch):
    def stderr():
        yield "WARNING: almost"
        raise KeyboardInterrupt

    waited = []
    pip = types.SimpleNamespace(stderr=stderr(), communicate=lambda: waited.append(True))
    monkeypatch.setattr(install.subprocess, "Popen", lambda *words, **kept: pip)
    main(install, "lab")
    assert waited


def test_an_update_without_network_says_so_and_starts_what_was_installed_before(install, tmp_path, capsys):
    main(install, "lab")
    stamp = install.read_stamp()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'new'\n")
    install.pip_says, install.pip_code = "WARNING: Retrying", 1
    for _ in range(2):
        install.calls.clear()
        assert main(install, "lab") == 0
        assert [words[1:3] for words in install.calls] == [["-m", "pip"], ["-m", "jupyterlab"]]
        sentence, then = capsys.readouterr().out.splitlines()[-2:]
        assert is_one_sentence(sentence) and "network" in sentence and then == "Starting what was installed before."
        assert install.read_stamp() == stamp
    sentence = main(install, "test")
    assert "network" in sentence and "`make test`" in sentence, "the tests cannot start without their packages"
    install.pip_code = 0
    main(install, "lab")
    assert install.is_installed(["lab"])


@pytest.mark.parametrize("gone", ["the course", "the folder"])
def test_a_failed_update_starts_nothing_that_does_not_work(install, tmp_path, monkeypatch, gone):
    main(install, "lab")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'new'\n")
    install.pip_says, install.pip_code = "WARNING: Retrying", 1
    if gone == "the course":
        install.fails.add(install.WORKS[-1])
    else:
        monkeypatch.setattr(install, "ROOT", str(tmp_path) + os.sep)  # the packages of another folder would start
    assert is_one_sentence(main(install, "lab"))


def test_an_update_that_lacks_the_network_leaves_what_was_installed_before(install):
    main(install, "lab")
    install.pip_says, install.pip_code = "WARNING: Retrying", 1
    assert "network" in main(install, "test")
    install.calls.clear()
    assert main(install, "lab") == 0 and main(install, "lab") == 0
    assert [words[1:3] for words in install.calls] == 2 * [["-m", "jupyterlab"]]


def test_what_is_no_environment_of_ours_is_not_deleted(install):
    Path(install.VENV).write_text("a file of the user's")
    install.fails.add("")
    sentence = main(install, "lab").replace(".venv", "venv")
    assert "delete it by hand, then repeat." in sentence and os.path.isfile(install.VENV), sentence


def test_an_environment_made_by_hand_survives_an_interrupted_call(install, monkeypatch):
    install.subprocess.call([sys.executable, "-m", "venv", install.VENV])
    by_hand = Path(install.VENV) / "by_hand"
    by_hand.touch()
    with monkeypatch.context() as during:
        during.setattr(install.subprocess, "Popen", interrupted)
        assert "is kept" in main(install, "test")
    assert main(install, "lab") == 0 and by_hand.exists()


def test_an_environment_without_pip_is_given_it_or_kept_as_it_is(install):
    install.subprocess.call([sys.executable, "-m", "venv", install.VENV])
    install.fails.add("import pip")
    assert main(install, "lab") == 0
    os.remove(install.stamp_file())
    install.fails.add("ensurepip")
    sentence = main(install, "lab").replace(".venv", "venv")
    assert is_one_sentence(sentence) and "has no pip" in sentence and os.path.exists(install.venv_python()), sentence


def test_an_environment_whose_python_is_gone_is_made_again(install, monkeypatch):
    main(install, "lab")
    os.remove(install.venv_python())
    monkeypatch.setattr(install, "runs", lambda words: os.path.exists(install.venv_python()))
    assert main(install, "lab") == 0
    assert os.path.exists(install.venv_python()) and len(pip_calls(install)) == 2


def test_an_environment_made_by_hand_is_kept(install):
    install.subprocess.call([sys.executable, "-m", "venv", install.VENV])
    by_hand = Path(install.VENV) / "by_hand"
    by_hand.touch()
    install.calls.clear()
    assert main(install, "lab") == 0
    assert by_hand.exists() and [sys.executable, "-m", "venv", install.VENV] not in install.calls


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"3", b'"lab"', b"\xff\x00\x93", b"[" * 100_000, None]
    + [b'{"extras": %s, "torch": "cpu"}' % extras for extras in [b"3", b"null", b'"lab"', b'[["lab"]]', b'["other"]']]
    + [b'{"extras": ["lab"]}', b'{"extras": ["lab"], "torch": {}}', b'{"extras": ["lab"], "torch": "gpu"}'],
)
def test_a_damaged_stamp_counts_as_none_and_costs_an_update(install, damage):
    main(install, "lab")
    stamp = Path(install.stamp_file())
    stamp.unlink()
    if damage is None:
        (stamp / "a folder").mkdir(parents=True)
    else:
        stamp.write_bytes(damage)
    assert not install.is_installed(["lab"]) and install.read_stamp() == {}
    install.calls.clear()
    assert main(install, "lab") == 0
    assert [words[1:3] for words in install.calls] == [["-m", "pip"], ["-m", "jupyterlab"]], "a new environment"
    assert install.is_installed(["lab"]) and json.loads(stamp.read_text())["extras"] == ["lab"]
    assert sorted(path.name for path in stamp.parent.glob("course-*")) == [stamp.name]


@pytest.mark.parametrize("version", ["3", "", "three", "\xff"])
def test_a_damaged_pyvenv_cfg_tells_no_version(install, version):
    main(install, "lab")
    (Path(install.VENV) / "pyvenv.cfg").write_text(f"version = {version}\n", "latin-1")
    assert install.made_with() is None


@pytest.mark.parametrize("folder", ["My Courses [WS 26]", "what?", "all * of it", "{a,b}", "100% ä"])
def test_torch_is_found_in_a_folder_of_any_name(install, monkeypatch, tmp_path, folder):
    monkeypatch.setattr(install, "VENV", str(tmp_path / folder / ".venv"))
    assert not install.has_torch()
    put_torch(install)
    assert install.has_torch()


@pytest.mark.parametrize("folder", ["My Courses [WS 26]", "[x", "[!a] ü"])
def test_jupyterlab_finds_its_extensions_in_a_folder_of_any_name(tmp_path, folder):
    found = tmp_path / folder / "labextensions" / "@org" / "explorers" / "package.json"
    found.parent.mkdir(parents=True)
    found.write_text('{"name": "explorers", "version": "1", "jupyterlab": {"_build": {}}}')
    started = f"""if True:
        import runpy, sys, types
        def lab():
            from jupyterlab_server.config import get_federated_extensions
            print(*get_federated_extensions([{str(found.parents[2])!r}]))
        sys.modules["jupyterlab.labapp"] = types.SimpleNamespace(main=lab)
        runpy.run_path({str(ROOT / "tools" / "lab.py")!r}, run_name="__main__")"""
    assert subprocess.check_output([sys.executable, "-c", started], text=True) == "explorers\n"


@pytest.mark.parametrize("folder", ["My Courses [WS 26]", "plain"])
def test_jupyterlab_is_started_by_lab_py_in_a_folder_whose_name_looks_like_a_pattern(install, monkeypatch, folder):
    monkeypatch.setattr(install, "ROOT", folder)
    with pytest.raises(SystemExit):
        install.start(install.COMMANDS["lab"][1], ["--no-browser"])
    program = ["-m", "jupyterlab"] if folder == "plain" else [os.path.join("tools", "lab.py")]
    words = [os.path.join("notebooks", "00_start_here.ipynb"), "--no-browser"]
    assert [word for word in install.calls[-1] if word != "--allow-root"] == [install.venv_python(), *program, *words]


def test_no_path_of_the_users_is_read_as_a_pattern():
    sources = [ROOT / "conftest.py"]
    for folder in ["tools", "course_utils", "tests"]:
        sources += (ROOT / folder).rglob("*.py")
    sources.remove(ROOT / "tools" / "lab.py")  # it has JupyterLab's own patterns read rightly
    for source in sources:
        text = source.read_text("utf-8")
        assert not re.search(r"^\s*(import|from) (glob|fnmatch)\b", text, re.M), source.name
        assert not re.search(r"\.r?glob\((?!\"[^{}\"]*\"\))", text), (
            f"{source.name}: a pattern that is not a plain string"
        )


def test_the_cpu_choice_takes_torch_and_torchvision_from_pytorchs_cpu_wheels_first(install, monkeypatch):
    monkeypatch.setenv("TORCH", "cpu")
    main(install, "lab")
    torch, course = pip_calls(install)
    assert torch[-4:] == ["--index-url", install.CPU_WHEELS, "torch", "torchvision"]
    assert course[-1] == ".[lab]" and install.CPU_WHEELS not in course


# ---- one at a time


def hold(tmp_path, then):
    """Start a process that locks the installation in tmp_path, does `then`, and ends with its stdin."""
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("install", {str(ROOT / "tools" / "install.py")!r})
install = importlib.util.module_from_spec(spec)
spec.loader.exec_module(install)
install.ROOT = {str(tmp_path)!r}
install.venv_python = lambda: sys.executable
with install.lock("lab"):
    {then}
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, text=True, **pipes)
    assert process.stdout.readline() == "at work\n"
    return process


AT_WORK = "print('at work', flush=True); sys.stdin.read()"


def test_a_second_installation_at_the_same_time_is_refused_in_one_sentence_and_a_dead_one_does_not_block(tmp_path):
    module = load()
    module.ROOT, module.VENV = str(tmp_path), str(tmp_path / ".venv")
    with hold(tmp_path, AT_WORK) as first:
        sentence = main(module, "lab").replace(".venv", "venv")
        assert is_one_sentence(sentence) and "wait for its end" in sentence and "`make lab`" in sentence, sentence
        assert not os.path.exists(module.VENV)
        first.kill()
    assert (tmp_path / ".venv.lock").exists()
    for _ in range(2):
        with module.lock("lab"):
            pass


@pytest.mark.skipif(os.name == "nt", reason="on Windows a lock ends with its process")
def test_a_pip_that_outlives_its_killed_installer_keeps_the_lock(tmp_path):
    (tmp_path / "pip.py").write_text(f"import sys\nif __name__ == '__main__':\n    {AT_WORK}")
    module = load()
    module.ROOT = str(tmp_path)
    with hold(tmp_path, 'install.pip(["words"])') as first:
        first.kill()
        first.wait()
        with pytest.raises(SystemExit, match="Another"), module.lock("lab"):
            pass


def test_what_is_installed_starts_during_an_installation_and_holds_no_lock(install, monkeypatch):
    main(install, "lab")
    with install.lock("test"):
        assert main(install, "lab") == 0

    def execv(path, words):
        with install.lock("lab"):
            raise SystemExit(0)

    monkeypatch.setattr(install.os, "execv", execv)
    assert main(install, "test") == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_a_disk_that_knows_no_locks_is_installed_on_all_the_same(install, monkeypatch):
    import fcntl

    def unknown(file, how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unknown)
    assert main(install, "lab") == 0


# ---- the program


def test_root_is_allowed_to_start_jupyterlab_and_nobody_else_is_told_so(install, monkeypatch):
    for user, allowed in [(0, True), (1000, False)]:
        monkeypatch.setattr(install.os, "geteuid", lambda user=user: user, raising=False)
        main(install, "lab")
        assert ("--allow-root" in install.calls[-1]) == allowed


# ---- what is missing


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18)])
def test_a_python_that_is_too_old_is_told_so_in_one_sentence(install, monkeypatch, version):
    monkeypatch.setattr(install.sys, "version_info", version)
    sentence = main(install, "lab")
    assert is_one_sentence(sentence) and "needs 3.10 to 3.14" in sentence, sentence
    assert not os.path.exists(install.VENV)


def test_every_place_names_the_same_pythons(install):
    texts = [(ROOT / name).read_text("utf-8") for name in ["Makefile", "README.md", "tools/install.py"]]
    assert {span for text in texts for span in re.findall(r"3\.\d+ to 3\.\d+", text)} == {install.PYTHONS}
    assert all(install.PYTHONS in text for text in texts)
    least = install.PYTHONS.split(" ")[0]
    assert f'requires-python = ">={least}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def rosetta(answer):
    """Return a Popen of sysctl, which says 1 where Rosetta translates; an Intel Mac does not know the name."""
    return lambda *words, **kept: types.SimpleNamespace(communicate=lambda: (answer, b""))


INTEL_MAC, WINDOWS_ON_ARM = ("Darwin", "x86_64", "macosx-10.9-universal2"), ("Windows", "ARM64", "win-arm64")


@pytest.mark.parametrize(
    ("machine", "translated", "cure"),
    [
        (INTEL_MAC, b"", "Intel Macs .* Google Colab"),
        (INTEL_MAC, b"0\n", "Intel Macs .* Google Colab"),
        (INTEL_MAC, b"1\n", "arm64 Python, in a terminal that is not opened with Rosetta"),
        (WINDOWS_ON_ARM, b"", "64-bit build for x86-64, .* Google Colab"),
        (("Windows", "AMD64", "win32", 32), b"", "needs a 64-bit one: .* Google Colab"),
        (("Linux", "armv7l", "linux-armv7l", 32), b"", "needs a 64-bit one: .* Google Colab"),
    ],
)
def test_a_machine_that_pytorch_left_is_told_so_with_a_way_out_before_anything_is_made(
    install, monkeypatch, machine, translated, cure
):
    set_platform(install, monkeypatch, *machine)
    monkeypatch.setattr(install.subprocess, "Popen", rosetta(translated))
    sentence = main(install, "lab")
    assert is_one_sentence(sentence) and re.search(cure, sentence), sentence
    assert install.calls == [] and not os.path.exists(install.VENV)
    put_torch(install)
    install.check_platform()  # somebody built it himself


@pytest.mark.parametrize(
    "machine",
    [
        ("Darwin", "arm64", "macosx-11.0-arm64"),
        ("Darwin", "arm64", "macosx-10.9-universal2"),
        ("Windows", "AMD64", "win-amd64"),
        ("Windows", "ARM64", "win-amd64"),
        ("Linux", "aarch64", "linux-aarch64"),
    ],
)
def test_a_machine_that_pytorch_has_packages_for_is_not_refused(install, monkeypatch, machine):
    set_platform(install, monkeypatch, *machine)
    install.check_platform()


def test_a_mac_without_sysctl_is_taken_for_an_intel_one(install, monkeypatch):
    def missing(*words, **kept):
        raise OSError

    monkeypatch.setattr(install.subprocess, "Popen", missing)
    assert install.is_translated() is False


def test_the_installer_has_no_syntax_that_old_pythons_cannot_read():
    source = (ROOT / "tools" / "install.py").read_text("utf-8")
    assert source.isascii(), "Python 2 refuses other characters"
    too_new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.Nonlocal, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        in_call = isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load)  # f(*words) is as old as Python 2
        assert in_call or not isinstance(node, too_new), f"line {node.lineno}"
        assert not getattr(node, "annotation", None) and not getattr(node, "returns", None), f"line {node.lineno}"


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_the_venv_module_names_debians_package_in_one_sentence(install, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    sentence = main(install, "lab")
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    assert is_one_sentence(sentence) and package in sentence, sentence
    assert not os.path.exists(install.VENV)


def fill_disk(install, monkeypatch, gigabytes, system="Linux", machine="x86_64"):
    monkeypatch.setattr(install.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=gigabytes * 1e9))
    set_platform(install, monkeypatch, system, machine)


def test_a_disk_too_small_for_torch_is_told_so_in_one_sentence_with_both_ways_out(install, monkeypatch):
    fill_disk(install, monkeypatch, 5)
    sentence = main(install, "lab")
    assert is_one_sentence(sentence.replace("5.0", "5")), sentence
    assert "TORCH=cpu" in sentence and "COURSE_SKIP_DISK_CHECK=1" in sentence and pip_calls(install) == []
    monkeypatch.setenv("COURSE_SKIP_DISK_CHECK", "1")
    assert main(install, "lab") == 0


def test_the_cpu_build_and_other_systems_need_less_disk(install, monkeypatch):
    fill_disk(install, monkeypatch, 5, system="Darwin", machine="arm64")
    install.check_disk()
    fill_disk(install, monkeypatch, 5)
    monkeypatch.setenv("TORCH", "cpu")
    install.check_disk()
    fill_disk(install, monkeypatch, 1)
    with pytest.raises(SystemExit, match="about 2 GB"):
        install.check_disk()


def test_torch_that_is_there_already_asks_for_no_disk(install, monkeypatch):
    main(install, "lab")
    put_torch(install)
    fill_disk(install, monkeypatch, 1)
    assert main(install, "test") == 0


@pytest.mark.parametrize(
    ("pip_says", "sentence"),
    [
        (
            "WARNING: Retrying (total=4) ... Failed to establish a new connection\nERROR: No matching distribution",
            "netw",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch>=2.4", "no package for this Python"),
        ("ERROR: something new", "for the reason above"),
    ],
)
def test_a_pip_that_fails_shows_its_own_words_and_ends_with_one_sentence(install, capsys, pip_says, sentence):
    install.pip_says, install.pip_code = pip_says, 1
    ended = main(install, "lab")
    assert is_one_sentence(ended.replace("PYTHON=...", "PYTHON")) and sentence in ended and "`make lab`" in ended, ended
    assert pip_says in capsys.readouterr().err
    assert not install.is_installed(["lab"]), "counted as installed"
    install.pip_says, install.pip_code = "", 0
    assert main(install, "lab") == 0
    assert len([words for words in install.calls if words[1:3] == ["-m", "venv"]]) == 1, "the environment was not kept"


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(install, monkeypatch):
    def refused(*words):
        raise PermissionError(13, "Permission denied")

    for name in ["mkdir", "open"]:
        with monkeypatch.context() as during:
            during.setattr(install.os, name, refused)
            sentence = main(install, "lab")
        assert is_one_sentence(sentence) and "copy the course into a folder of your own" in sentence, sentence


def test_another_python_than_the_one_in_the_environment_is_refused_in_one_sentence(install, monkeypatch):
    main(install, "lab")
    (Path(install.VENV) / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.7.1\n")
    assert main(install, "lab") == 0, "nobody asked for another Python"
    monkeypatch.setenv("PYTHON", "python3")
    sentence = main(install, "lab").replace(".venv", "venv")
    assert is_one_sentence(sentence) and "3.7" in sentence, sentence


def test_an_unknown_torch_or_command_is_told_in_one_sentence(install, monkeypatch):
    assert "lab | lint | measure | run | test" in main(install, "lob")
    monkeypatch.setenv("TORCH", "gpu")
    assert is_one_sentence(main(install, "lab")) and pip_calls(install) == []


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed here")
def test_make_says_in_one_sentence_that_there_is_no_python():
    run = subprocess.run(["make", "lab", "PYTHON=python3.nowhere"], cwd=ROOT, capture_output=True, text=True)
    sentence = run.stderr.splitlines()[0]
    assert run.returncode and sentence.startswith("There is no python3.nowhere here: install Python 3.10 to 3.14")


# ---- git shows notebooks as text


def git(*words, cwd):
    run = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_git_shows_a_notebook_as_text_and_as_json_where_the_environment_is_gone(monkeypatch, tmp_path):
    pytest.importorskip("jupytext")
    module = load()
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    monkeypatch.setattr(module, "ROOT", str(checkout))
    monkeypatch.setattr(module, "venv_python", lambda: sys.executable)
    module.show_notebooks_as_text()  # not a checkout yet: does nothing
    git("init", "--quiet", cwd=checkout)
    shutil.copy(ROOT / ".gitattributes", checkout)
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "outputs": [], "source": ["x = 'é'"]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = checkout / "a notebook.ipynb"
    path.write_text(json.dumps(notebook, indent=1), "utf-8")
    git("add", ".", cwd=checkout)
    cell.update(source=["x = 'ü'"], execution_count=2)
    path.write_text(json.dumps(notebook, indent=1), "utf-8")

    module.show_notebooks_as_text()
    changed = [line for line in git("diff", cwd=checkout).splitlines() if re.match(r"[-+][^-+]", line)]
    assert changed == ["-x = 'é'", "+x = 'ü'"]

    monkeypatch.setattr(module, "venv_python", lambda: str(tmp_path / "gone"))
    module.show_notebooks_as_text()
    assert '"execution_count": 2' in git("diff", cwd=checkout)


def test_git_writes_what_linux_runs_with_unix_line_ends_even_where_it_writes_windows_ones(tmp_path):
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    files = [".ci/run", "Makefile", "tools/install.py", "tools/any.sh"]
    git("init", "--quiet", cwd=tmp_path)
    git("config", "core.autocrlf", "true", cwd=tmp_path)
    for name in [*files, "notes.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"one\ntwo\n")
    git("add", ".", cwd=tmp_path)
    for name in [*files, "notes.txt"]:
        (tmp_path / name).unlink()
    git("checkout", "--quiet", ".", cwd=tmp_path)
    assert (tmp_path / "notes.txt").read_bytes() == b"one\r\ntwo\r\n", "git writes Windows' line ends here"
    assert [name for name in files if (tmp_path / name).read_bytes() != b"one\ntwo\n"] == []


def test_jupyter_is_set_up_unless_its_settings_are_there_already(install):
    settings = Path(install.VENV) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    kernel = Path(install.VENV) / "etc" / "ipython" / "ipython_kernel_config.py"
    main(install, "test")
    assert not settings.exists() and not kernel.exists()
    main(install, "lab")
    assert json.loads(settings.read_text()) == {"@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True}}
    assert "course_utils.session" in kernel.read_text()
    for file in (settings, kernel):
        file.write_text("{}")
    main(install, "lab")
    assert settings.read_text() == kernel.read_text() == "{}"


def test_a_kernel_that_is_set_up_says_which_cells_come_first(install, monkeypatch, tmp_path):
    main(install, "lab")
    builder = venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False)  # a kernel of its own: it may read no other's
    builder.create(tmp_path / "own")
    shutil.copytree(Path(install.VENV) / "etc", tmp_path / "own" / "etc")
    python = builder.ensure_directories(tmp_path / "own").env_exe
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = tmp_path / "kernels" / "own" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": argv, "display_name": "own", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    cells = ["train_x", "from course_utils import session; session.start('01', version='0')", "train_x"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, kernel_name="own", allow_errors=True).execute()
    before, after = (notebook.cells[i].outputs[-1] for i in (0, 2))
    assert before.evalue.startswith(
        "name 'train_x' is not defined. In a notebook of the course, run the cells at the top"
    )
    assert after.evalue == "name 'train_x' is not defined"


# ---- a codespace, Kaggle, conda


def test_a_codespace_installs_by_the_command_of_make_and_finds_the_kernel_that_it_makes(install, monkeypatch):
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    make, target, torch, words = container["postCreateCommand"].split()
    assert (make, torch) == ("make", "TORCH=cpu")
    monkeypatch.setenv(*torch.split("="))
    assert main(install, target, words.removeprefix("ARGS=")) == 0
    assert "--version" in install.calls[-1]  # JupyterLab says it and ends
    settings = container["customizations"]["vscode"]["settings"]
    kernel = settings["python.defaultInterpreterPath"].removeprefix("${containerWorkspaceFolder}/")
    assert ROOT / kernel == Path(load().VENV) / "bin" / "python"
    minor = container["image"].removeprefix("python:3.")
    assert 10 <= int(minor) <= 14


def test_readme_s_cell_for_kaggle_makes_a_read_only_copy_of_the_course_work(tmp_path):
    given, working = tmp_path / "input" / "a-name" / "deep", tmp_path / "working"
    shutil.copytree(ROOT / "course_utils", given / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", given / "data")
    working.mkdir()
    (cell,) = re.findall(r"```python\n(import os, pathlib, sys\n.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    cell = cell.replace("/kaggle/input", str(tmp_path / "input")).replace("/kaggle/working", str(working))
    tried = "from course_utils import data, progress\nprint(data.__file__, len(data.mnist('test')[1]), progress.path())"
    for path in [*given.rglob("*"), given]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    out = subprocess.run([sys.executable, "-c", cell + tried], capture_output=True, text=True, cwd=working, check=False)
    for path in [given, *given.rglob("*")]:
        path.chmod(0o755)  # or it could not be deleted
    module = given / "course_utils" / "data.py"
    assert out.stdout.split() == [str(module), "10000", str(working / "my_progress.json")], out.stderr


def test_the_conda_environment_has_the_names_and_ranges_of_pyproject():
    yaml = pytest.importorskip("yaml")
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    conda_names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    core = re.search(r"^dependencies = \[(.*?)\]", project, re.M | re.S)[1]
    lab = re.search(r"^lab = \[(.*?)\]", project, re.M | re.S)[1]
    needed = set()
    for name, limits in re.findall(r'"([\w-]+)([^"]*)"', core + lab):
        needed.add(conda_names.get(name, name) + limits)
    names = [entry for entry in listed if isinstance(entry, str)]
    assert set(names) - {"pip", "python=3.12"} == needed
    assert "pip" in names and {"pip": ["-e ."]} in listed
