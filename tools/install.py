"""Make the course's own environment in .venv, install what a command needs, then start the command.

    python3 tools/install.py lab [words for JupyterLab]

`make lab` calls this; on Windows `py tools/install.py lab` does the same. A call that finds everything installed
needs no network. What is missing is said in one sentence. An update that fails leaves what was installed before; only
one process at a time installs. Read from the environment:

    TORCH=cpu                 take PyTorch's smaller CPU build (only where torch is not installed yet)
    PYTHON=python3.12         the interpreter that make was told to use (here only to say that .venv has another)
    COURSE_SKIP_DISK_CHECK=1  install even if the disk looks too full

Standard library only, and written so that even Python 2.7 can read it: a Python that is too old must get its
sentence, not a SyntaxError.
"""
# ruff: noqa: UP010, UP024, UP032, UP036, RUF005

from __future__ import print_function

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
TEXTCONV = 'f() { "%s" -m jupytext --quiet --from ipynb --to py:percent -o - "$1" 2> /dev/null || cat "$1"; }; f'

PYTHONS = "3.10 to 3.14"
EXTRAS = ["lab", "test"]
CANNOT_WRITE = "Nothing can be written here ({}): copy the course into a folder of your own."
WORKS = ["-I", "-c", "import course_utils, ipywidgets, jupyterlab, matplotlib, torch, torchvision"]

# command: (extras that it needs, the words after `python` that start it)
COMMANDS = {
    "lab": (["lab"], [["-m", "jupyterlab", os.path.join("notebooks", "00_start_here.ipynb")]]),
    "test": (EXTRAS, [["-m", "pytest"]]),
    "run": (EXTRAS, [[os.path.join("tools", "run.py")]]),
    "measure": (EXTRAS, [[os.path.join("tools", "measure.py")]]),
    "lint": (EXTRAS, [["-m", "ruff", "check"], ["-m", "ruff", "format", "--check"]]),
}


def main(words):
    """Install what `words[0]` needs, then start it with the other words."""
    if not words or words[0] not in COMMANDS:
        sys.exit("Say what to start: python tools/install.py " + " | ".join(sorted(COMMANDS)))
    extras, steps = COMMANDS[words[0]]
    os.chdir(ROOT)
    try:
        if is_installed(extras):
            check_choices()
        else:
            with lock(words[0]):
                install(extras, words[0])
    except KeyboardInterrupt:
        then = "starts the installation afresh" if never_finished() else "goes on, what was installed before is kept"
        sys.exit("\nInterrupted: the next `make {}` {}.".format(words[0], then))
    if "test" in extras:
        show_notebooks_as_text()
    if words[0] == "lab":
        set_up_jupyter()
    start(steps, words[1:])


# ---- what is there already


def venv_python():
    """Return the path of the interpreter inside .venv, made or not."""
    return os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))


def stamp_file():
    """Return the path of the file that says what .venv holds; it is written last, when all is installed."""
    return os.path.join(VENV, "course-installed.json")


def unfinished_file():
    """Return the path of the file that is in .venv while its first installation, or an update of it, is under way."""
    return os.path.join(VENV, "course-unfinished")


def never_finished():
    """Tell whether the first installation into a .venv of ours was begun and has not come to its end."""
    return os.path.lexists(unfinished_file()) and not os.path.lexists(stamp_file())


def fingerprint():
    """Return what an installation depends on: the content of pyproject.toml, as its sha256."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_stamp():
    """Return the stamp as a dictionary, empty if there is none or if it is not as `write_stamp` writes it."""
    try:
        with open(stamp_file()) as file:
            stamp = json.load(file)
        known = all(extra in EXTRAS for extra in stamp["extras"]) and stamp["torch"] in ("cpu", "default")
    except (OSError, IOError, ValueError, TypeError, KeyError, RuntimeError):
        return {}
    return stamp if known else {}


def write_stamp(extras, torch):
    """Write down that .venv now holds the course with these extras and this build of torch."""
    stamp = {"fingerprint": fingerprint(), "folder": ROOT, "extras": extras, "torch": torch}
    try:
        with open(stamp_file() + ".part", "w") as file:
            json.dump(stamp, file)
        if os.path.isdir(stamp_file()):
            shutil.rmtree(stamp_file())
        os.replace(stamp_file() + ".part", stamp_file())
    except OSError as error:
        sys.exit(CANNOT_WRITE.format(error))


def was_installed(extras):
    """Tell whether this .venv in this folder was ready with these extras, perhaps before the course was changed."""
    stamp = read_stamp()
    return stamp.get("folder") == ROOT and set(extras) <= set(stamp["extras"]) and os.path.exists(venv_python())


def is_installed(extras):
    """Tell whether .venv holds this very course with these extras; starts no process and asks no network."""
    unfinished = os.path.lexists(unfinished_file())
    return was_installed(extras) and read_stamp().get("fingerprint") == fingerprint() and not unfinished


def runs(words):
    """Tell whether .venv's Python runs these words without an error."""
    try:
        with open(os.devnull, "w") as nothing:
            return subprocess.call([venv_python()] + words, stdout=nothing, stderr=nothing) == 0
    except OSError:
        return False


def has_torch():
    """Tell whether torch is in .venv, whichever its build."""
    library = os.path.join(VENV, "Lib" if os.name == "nt" else "lib")
    names = [""] + (os.listdir(library) if os.path.isdir(library) else [])  # lib/python3.12, but Lib itself on Windows
    return any(os.path.exists(os.path.join(library, n, "site-packages", "torch", "__init__.py")) for n in names)


# ---- what may be missing: each check ends with one sentence or says nothing


def check_python():
    """Refuse a version of Python that the course cannot run on."""
    if sys.version_info < (3, 10):
        version = "{}.{}".format(*sys.version_info[:2])
        sys.exit(
            "This is Python {} and the course needs {}: install a newer one, then name it, for example "
            "`make lab PYTHON=python3.12`.".format(version, PYTHONS)
        )


def check_platform():
    """Refuse a Python for which PyTorch has no package, whatever its version."""
    if has_torch():
        return
    colab = "open the course on Google Colab, as README says under Colab"
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        if is_translated():
            sys.exit(
                "This Python is built for Intel Macs and PyTorch has no package for it: your Mac has an Apple chip, so "
                "take an arm64 Python, in a terminal that is not opened with Rosetta."
            )
        sys.exit("PyTorch has no package for Intel Macs any more (2.2 was the last, 2.4 is needed): " + colab + ".")
    if sysconfig.get_platform() == "win-arm64":  # platform.machine() would name the machine, not this Python
        sys.exit(
            "This Python is built for ARM64 and PyTorch has no package for it on Windows: install python.org's 64-bit "
            "build for x86-64, which runs here too, or " + colab + "."
        )
    if sys.maxsize < 2**32:
        sys.exit("This is a 32-bit Python and PyTorch needs a 64-bit one: install that, or " + colab + ".")


def is_translated():
    """Tell whether Rosetta translates this process, on a Mac with an Apple processor."""
    try:
        process = subprocess.Popen(
            ["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        return process.communicate()[0].strip() == b"1"  # an Intel Mac does not know the name
    except OSError:
        return False


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
        major, minor = lines[0][1].strip().split(".")[:2]
        return int(major), int(minor)
    except (OSError, IOError, ValueError, IndexError):
        return None


# ---- installing


@contextlib.contextmanager
def lock(command):
    """Keep other processes from installing until the block ends, or this process and its pip do, killed or not."""
    try:
        file = os.open(os.path.join(ROOT, ".venv.lock"), os.O_RDWR | os.O_CREAT)
    except OSError as error:
        sys.exit(CANNOT_WRITE.format(error))
    try:
        if not is_locked(file):
            yield
        else:
            sys.exit(
                "Another `make` is installing into .venv at this moment: wait for its end (or end it), then repeat "
                "`make {}`.".format(command)
            )
    finally:
        os.close(file)


def is_locked(file):
    """Lock an open file unless another process holds it; tell whether one does (no on a disk that knows no locks)."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.fcntl(file, fcntl.F_SETFD, 0)  # pip holds it too, and keeps it if this process is killed
    except (OSError, IOError) as error:
        return error.errno in (errno.EACCES, errno.EAGAIN)
    return False


def install(extras, command):
    """Make .venv if there is none that works, install the course into it with `extras`, and write the stamp."""
    if os.path.lexists(unfinished_file()) and was_installed(extras) and runs(WORKS):
        unmark()  # an update was interrupted or failed, and what was there before works
        if is_installed(extras):
            return check_choices()
    afresh = os.path.lexists(VENV) and (never_finished() or not runs(["-c", ""]))
    if afresh or not os.path.exists(VENV) or sys.version_info < (3,):
        check_python()
        check_venv_module()
    check_platform()
    if afresh:
        say("An earlier installation was not finished, or its Python is gone: starting afresh.")
        remove_venv()
    check_choices()
    check_disk()
    make_venv(command)
    torch = "cpu" if os.environ.get("TORCH") == "cpu" and not has_torch() else read_stamp().get("torch", "default")
    all_extras = sorted(set(extras) | set(read_stamp().get("extras", [])))
    course = ["--editable", ".[{}]".format(",".join(all_extras))]
    if torch == "cpu" and not has_torch():
        say("Installing PyTorch's CPU build into .venv: about 200 MB to download, a minute or two.")
        trouble = pip(["--index-url", CPU_WHEELS, "torch", "torchvision"])
        if not trouble:
            say("Installing the course into .venv: about another minute.")
            trouble = pip(course)
    else:
        update = "Bringing .venv up to date: about a minute."
        new = "Installing the course and PyTorch into .venv: 2 to 10 minutes, most of it download, only this once."
        say(update if has_torch() else new)
        trouble = pip(course)
    if not trouble:
        write_stamp(all_extras, torch)
    elif was_installed(extras) and runs(WORKS):
        say(trouble.format(command) + "\nStarting what was installed before.")
    else:
        if never_finished():
            unmark()  # pip ended by itself: what it installed is whole and is kept
        sys.exit(trouble.format(command))
    unmark()


def remove_venv():
    """Delete .venv."""
    try:
        shutil.rmtree(VENV)
    except OSError as error:
        sys.exit("{} cannot be deleted ({}): delete it by hand, then repeat.".format(VENV, error))


def unmark():
    """Take away the mark that an installation is under way, if there is one."""
    if os.path.lexists(unfinished_file()):
        os.remove(unfinished_file())


def make_venv(command):
    """Make .venv if it is not there, and mark it as unfinished if it is new or has a stamp, that is, is ours."""
    new = not os.path.exists(VENV)
    try:
        if new:
            os.mkdir(VENV)
        if new or os.path.lexists(stamp_file()):
            open(unfinished_file(), "w").close()
    except (OSError, IOError) as error:
        sys.exit(CANNOT_WRITE.format(error))
    if new and subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        sys.exit(
            "Python could not make .venv, for the reason above: repair that, then repeat `make {}`.".format(command)
        )


def pip(words):
    """Run `pip install` with `words` in .venv, showing what it complains of; return "" or why it failed."""
    if not runs(["-c", "import pip"]) and not runs(["-m", "ensurepip"]):
        return "This .venv has no pip and its Python cannot add it: delete .venv, then repeat `make {}`."
    call = [venv_python(), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    process = subprocess.Popen(call + words, cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True, close_fds=False)
    complaint = ""
    try:
        for line in process.stderr:
            sys.stderr.write(line)
            complaint += line
    except KeyboardInterrupt:
        process.communicate()  # pip was interrupted as well: let it put back what it was about to replace
        raise
    return why_pip_failed(complaint.lower()) if process.wait() != 0 else ""


def why_pip_failed(complaint):
    """Return the sentence for what pip wrote (in lower case); {} stands for the command to repeat."""
    if "no space left" in complaint:
        return "The disk is full: make room (or set TMPDIR to a roomier folder), then repeat `make {}`."
    if any(word in complaint for word in ["retrying", "connection", "name resolution", "timed out", "proxy"]):
        return "pip could not reach the network: connect (or set your proxy), then repeat `make {}`."
    if "no matching distribution" in complaint:
        return "pip found no package for this Python: choose " + PYTHONS + " with PYTHON=..., then repeat `make {}`."
    return "pip failed for the reason above: repair that, then repeat `make {}`."


def say(sentence):
    """Print at once what is going on, also where the output is collected."""
    print(sentence)
    sys.stdout.flush()


# ---- afterwards


def set_up_jupyter():
    """Let JupyterLab save what explorers show, and kernels say which cells to run first where a name is not known.

    Without the first, a notebook opened again says "model not found" in the place of an explorer. Settings that are
    there already are left as they are, and a .venv that cannot be written to goes without.
    """
    lab = os.path.join(VENV, "share", "jupyter", "lab", "settings", "overrides.json")
    kernel = os.path.join(VENV, "etc", "ipython", "ipython_kernel_config.py")
    settings = {
        lab: json.dumps({"@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True}}),
        kernel: 'get_config().InteractiveShellApp.extensions = ["course_utils.session"]\n',
    }
    for path, text in settings.items():
        with contextlib.suppress(OSError):
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write(text)


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
        if "jupyterlab" in step and "[" in ROOT:
            call[1:3] = [os.path.join("tools", "lab.py")]  # in place of -m jupyterlab, which would find no extensions
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
