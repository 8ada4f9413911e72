"""tools/install.py: what is missing is said in one sentence, and what is installed is not installed again."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Return tools/install.py working on an empty copy of the course, with pip, venv and every program recorded."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for name in ["TORCH", "PYTHON", "COURSE_SKIP_DISK_CHECK"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=100e9))
    module.calls, module.pip_says, module.pip_code = [], "", 0

    def call(words, **kept):
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


def test_a_half_made_environment_is_made_again(install):
    main(install, "lab")
    Path(install.unfinished_file()).touch()
    leftover = Path(install.VENV) / "leftover"
    leftover.touch()
    assert main(install, "lab") == 0
    assert not leftover.exists() and len(pip_calls(install)) == 2


def test_an_interrupted_installation_says_so_and_leaves_its_mark(install, monkeypatch):
    def interrupted(*words, **kept):
        raise KeyboardInterrupt

    monkeypatch.setattr(install.subprocess, "Popen", interrupted)
    assert is_one_sentence(main(install, "lab").strip())
    assert os.path.exists(install.unfinished_file()) and not install.is_installed(["lab"])


def test_an_environment_whose_python_is_gone_is_made_again(install, monkeypatch):
    main(install, "lab")
    os.remove(install.venv_python())
    monkeypatch.setattr(install, "venv_works", lambda: False)
    assert main(install, "lab") == 0
    assert os.path.exists(install.venv_python()) and len(pip_calls(install)) == 2


def test_an_environment_made_by_hand_is_kept(install):
    install.subprocess.call([sys.executable, "-m", "venv", install.VENV])
    by_hand = Path(install.VENV) / "by_hand"
    by_hand.touch()
    install.calls.clear()
    assert main(install, "lab") == 0
    assert by_hand.exists() and [sys.executable, "-m", "venv", install.VENV] not in install.calls


def test_a_damaged_stamp_counts_as_none(install):
    main(install, "lab")
    for damage in ["", "{", "[]"]:
        Path(install.stamp_file()).write_text(damage)
        assert not install.is_installed(["lab"])
    main(install, "lab")
    assert install.is_installed(["lab"]) and json.loads(Path(install.stamp_file()).read_text())["extras"] == ["lab"]


def test_the_cpu_choice_takes_torch_and_torchvision_from_pytorchs_cpu_wheels_first(install, monkeypatch):
    monkeypatch.setenv("TORCH", "cpu")
    main(install, "lab")
    torch, course = pip_calls(install)
    assert torch[-4:] == ["--index-url", install.CPU_WHEELS, "torch", "torchvision"]
    assert course[-1] == ".[lab]" and install.CPU_WHEELS not in course


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
    assert is_one_sentence(sentence) and "needs 3.10 to 3.13" in sentence, sentence
    assert not os.path.exists(install.VENV)


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
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.platform, "machine", lambda: machine)


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
    torch = Path(install.VENV, "lib", "python3.12", "site-packages", "torch")
    torch.mkdir(parents=True)
    (torch / "__init__.py").touch()
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
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(install.os, "mkdir", refused)
    assert is_one_sentence(main(install, "lab"))


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
    assert run.returncode and sentence.startswith("There is no python3.nowhere here: install Python 3.10 to 3.13")


# ---- git shows notebooks as text


def git(*words, cwd):
    run = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_git_shows_a_notebook_as_text_and_as_json_where_the_environment_is_gone(monkeypatch, tmp_path):
    pytest.importorskip("jupytext")
    spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


# ---- conda


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
