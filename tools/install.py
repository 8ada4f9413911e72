"""Make the course's own environment in .venv, install what a command needs, then start the command.

    python3 tools/install.py lab [words for JupyterLab]

`make lab` calls this; on Windows `py tools/install.py lab` does the same. A call that finds everything installed
needs no network. What is missing is said in one sentence. Read from the environment:

    TORCH=cpu                 take PyTorch's smaller CPU build (only where torch is not installed yet)
    PYTHON=python3.12         the interpreter that make was told to use (here only to say that .venv has another)
    COURSE_SKIP_DISK_CHECK=1  install even if the disk looks too full

Standard library only, and written so that even Python 2.7 can read it: a Python that is too old must get its
sentence, not a SyntaxError.
"""
# ruff: noqa: UP010, UP024, UP032, UP036, RUF005

from __future__ import print_function

import glob
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
TEXTCONV = 'f() { "%s" -m jupytext --quiet --from ipynb --to py:percent -o - "$1" 2> /dev/null || cat "$1"; }; f'

# command: (extras that it needs, the words after `python` that start it)
COMMANDS = {
    "lab": (["lab"], [["-m", "jupyterlab", os.path.join("notebooks", "00_start_here.ipynb")]]),
    "test": (["lab", "test"], [["-m", "pytest"]]),
    "run": (["lab", "test"], [[os.path.join("tools", "run.py")]]),
    "measure": (["lab", "test"], [[os.path.join("tools", "measure.py")]]),
    "lint": (["lab", "test"], [["-m", "ruff", "check"], ["-m", "ruff", "format", "--check"]]),
}


def main(words):
    """Install what `words[0]` needs, then start it with the other words."""
    if not words or words[0] not in COMMANDS:
        sys.exit("Say what to start: python tools/install.py " + " | ".join(sorted(COMMANDS)))
    extras, steps = COMMANDS[words[0]]
    os.chdir(ROOT)
    try:
        if not is_installed(extras):
            install(extras, words[0])
        else:
            check_choices()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: the next `make {}` starts the installation afresh.".format(words[0]))
    if "test" in extras:
        show_notebooks_as_text()
    start(steps, words[1:])


# ---- what is there already


def venv_python():
    """Return the path of the interpreter inside .venv, made or not."""
    return os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))


def stamp_file():
    """Return the path of the file that says what .venv holds; it is written last, when all is installed."""
    return os.path.join(VENV, "course-installed.json")


def unfinished_file():
    """Return the path of the file that lies in .venv while an installation is under way."""
    return os.path.join(VENV, "course-unfinished")


def fingerprint():
    """Return what an installation depends on: the content of pyproject.toml and the folder that it points to."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        return hashlib.sha256(file.read() + ROOT.encode("utf-8")).hexdigest()


def read_stamp():
    """Return the stamp as a dictionary, empty if there is none or if it cannot be read."""
    try:
        with open(stamp_file()) as file:
            stamp = json.load(file)
    except (OSError, IOError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_installed(extras):
    """Tell whether .venv holds this very course with these extras; starts no process and asks no network."""
    stamp = read_stamp()
    whole = os.path.exists(venv_python()) and not os.path.exists(unfinished_file())
    return whole and stamp.get("fingerprint") == fingerprint() and set(extras) <= set(stamp.get("extras", []))


def venv_works():
    """Tell whether .venv has an interpreter that runs and has pip (which it is given if some tool left it out)."""
    try:
        with open(os.devnull, "w") as nothing:
            tries = [["-c", "import pip"], ["-m", "ensurepip"]]
            return any(subprocess.call([venv_python()] + words, stdout=nothing, stderr=nothing) == 0 for words in tries)
    except OSError:
        return False


def has_torch():
    """Tell whether torch lies in .venv, whichever its build."""
    folders = [os.path.join(VENV, "lib", "python3*", "site-packages"), os.path.join(VENV, "Lib", "site-packages")]
    return any(glob.glob(os.path.join(folder, "torch", "__init__.py")) for folder in folders)


# ---- what may be missing: each check ends with one sentence or says nothing


def check_python():
    """Refuse an interpreter that the course cannot run on."""
    if sys.version_info < (3, 10):
        version = "{}.{}".format(*sys.version_info[:2])
        sys.exit(
            "This is Python {} and the course needs 3.10 to 3.13: install a newer one, then name it, for example "
            "`make lab PYTHON=python3.12`.".format(version)
        )


def check_venv_module():
    """Refuse an interpreter that cannot make environments (Debian ships that part in a package of its own)."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = "{}.{}".format(*sys.version_info[:2])
        sys.exit(
            "This Python {0} cannot make environments, its venv or ensurepip module is missing: on Debian or Ubuntu "
            "run `apt install python{0}-venv` (or python3-venv) as root, then repeat.".format(version)
        )


def check_disk():
    """Refuse a disk that torch does not fit on."""
    if has_torch() or os.environ.get("COURSE_SKIP_DISK_CHECK"):
        return
    cuda = platform.system() == "Linux" and platform.machine() == "x86_64" and os.environ.get("TORCH") != "cpu"
    need, free = (7 if cuda else 2), shutil.disk_usage(ROOT).free / 1e9
    if free < need:
        sys.exit(
            "PyTorch needs about {} GB of disk and {:.1f} GB are free in {}: make room{}, or set "
            "COURSE_SKIP_DISK_CHECK=1 to try all the same.".format(
                need, free, ROOT, ", take the CPU build with TORCH=cpu (about 2 GB)" if cuda else ""
            )
        )


def check_choices():
    """Refuse a TORCH that nobody knows and a PYTHON that is not the one in .venv; note a TORCH that comes too late."""
    torch = os.environ.get("TORCH", "")
    if torch not in ("", "cpu"):
        sys.exit("TORCH={} means nothing here: say TORCH=cpu for the CPU build, or leave it out.".format(torch))
    if torch == "cpu" and has_torch() and read_stamp().get("torch") != "cpu":
        print("TORCH=cpu changes nothing now, torch is installed already: delete .venv first to choose again.")
    version = made_with()
    if os.environ.get("PYTHON") and version and version != sys.version_info[:2]:
        sys.exit(
            ".venv was made with Python {}.{} and you ask for {}.{}: delete .venv, then repeat.".format(
                *(version + sys.version_info[:2])
            )
        )


def made_with():
    """Return the version that .venv was made with, as (3, 12), or None."""
    try:
        with open(os.path.join(VENV, "pyvenv.cfg")) as file:
            lines = [line.split("=", 1) for line in file if line.startswith("version")]
        return tuple(int(number) for number in lines[0][1].strip().split(".")[:2])
    except (OSError, IOError, ValueError, IndexError):
        return None


# ---- installing


def install(extras, command):
    """Make .venv if there is none that works, install the course into it with `extras`, and write the stamp."""
    if os.path.exists(unfinished_file()) or (os.path.lexists(VENV) and not venv_works()):
        print("An earlier installation was not finished, or its Python is gone: starting afresh.")
        remove_venv()
    if not os.path.exists(VENV):
        check_python()
        check_venv_module()
    check_choices()
    check_disk()
    make_venv(command)
    torch = "cpu" if os.environ.get("TORCH") == "cpu" and not has_torch() else read_stamp().get("torch", "default")
    extras = sorted(set(extras) | set(read_stamp().get("extras", [])))
    if torch == "cpu" and not has_torch():
        say("Installing PyTorch's CPU build into .venv: about 200 MB to download, a minute or two.")
        pip(["--index-url", CPU_WHEELS, "torch", "torchvision"], command)
        say("Installing the course into .venv: about another minute.")
    elif has_torch():
        say("Bringing .venv up to date: about a minute.")
    else:
        say("Installing the course and PyTorch into .venv: 2 to 10 minutes, most of it download, only this once.")
    pip(["--editable", ".[{}]".format(",".join(extras))], command)
    with open(stamp_file(), "w") as file:
        json.dump({"fingerprint": fingerprint(), "extras": extras, "torch": torch}, file)
    os.remove(unfinished_file())


def remove_venv():
    """Delete .venv."""
    try:
        shutil.rmtree(VENV)
    except OSError as error:
        sys.exit("{} cannot be deleted ({}): delete it by hand, then repeat.".format(VENV, error))


def make_venv(command):
    """Mark .venv as unfinished, and make it if it is not there."""
    new = not os.path.exists(VENV)
    try:
        if new:
            os.mkdir(VENV)
        open(unfinished_file(), "w").close()
    except (OSError, IOError) as error:
        sys.exit("Nothing can be written here ({}): clone the course into a folder of your own.".format(error))
    if new and subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        sys.exit(
            "Python could not make .venv, for the reason above: repair that, then repeat `make {}`.".format(command)
        )


def pip(words, command):
    """Run `pip install` with `words` in .venv, showing what it complains of; end with one sentence if it fails."""
    call = [venv_python(), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    process = subprocess.Popen(call + words, cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True)
    complaint = ""
    for line in process.stderr:
        sys.stderr.write(line)
        complaint += line
    if process.wait() != 0:
        os.remove(unfinished_file())  # pip ended by itself: what it installed is whole and is kept
        sys.exit(why_pip_failed(complaint.lower()).format(command))


def why_pip_failed(complaint):
    """Return the sentence for what pip wrote (in lower case); {} stands for the command to repeat."""
    if "no space left" in complaint:
        return "The disk is full: make room (or set TMPDIR to a roomier folder), then repeat `make {}`."
    if any(word in complaint for word in ["retrying", "connection", "name resolution", "timed out", "proxy"]):
        return "pip could not reach the network: connect (or set your proxy), then repeat `make {}`."
    if "no matching distribution" in complaint:
        return "pip found no package for this Python: choose 3.10 to 3.13 with PYTHON=..., then repeat `make {}`."
    return "pip failed for the reason above: repair that, then repeat `make {}`."


def say(sentence):
    """Print at once what is going on, also where the output is collected."""
    print(sentence)
    sys.stdout.flush()


# ---- afterwards


def show_notebooks_as_text():
    """Tell git to show notebooks as text (.gitattributes names the driver); outside a checkout, do nothing.

    Without .venv git falls back to the notebook's JSON.
    """
    if not os.path.exists(os.path.join(ROOT, ".git")):
        return
    textconv = TEXTCONV % venv_python().replace("\\", "/")
    try:
        with open(os.devnull, "w") as nothing:
            call = ["git", "-C", ROOT, "config", "diff.notebook.textconv", textconv]
            subprocess.call(call, stdout=nothing, stderr=nothing)
    except OSError:
        pass  # no git: nobody will ask it for a diff


def start(steps, words):
    """Run each step with .venv's Python and `words` behind it; end with the first exit code that is not 0."""
    for step in steps:
        call = [venv_python()] + step + words
        if "jupyterlab" in step and hasattr(os, "geteuid") and os.geteuid() == 0:
            call.append("--allow-root")
        if step is steps[-1] and os.name != "nt":
            os.execv(call[0], call)  # so that Ctrl-C reaches the program alone
        try:
            code = subprocess.call(call)
        except KeyboardInterrupt:
            code = 130
        if code:
            sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
