"""Write files whole or not at all; here so that whatever the course writes is written one way."""

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path

OLD = 3600  # seconds after which nobody is still writing a temporary file


def write(file: Path, content: bytes | str, *, unless: Callable[[], bool] = lambda: False) -> bool:
    """Write all of `content` (text as UTF-8) or nothing: to a temporary name first, then in place of the old file.

    The file keeps its mode. `unless` is asked when only the renaming is left, and may call it off; return whether
    the file was written.
    """
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb") as stream:
            if os.name == "posix":
                with contextlib.suppress(OSError):  # there is no old file, or the file system knows no modes
                    os.chmod(temporary, stat.S_IMODE(os.stat(file).st_mode))
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        if unless():
            return False
        patiently(os.replace, temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def sweep(file: Path) -> None:
    """Delete what killed writers of `file` left behind: temporary files that are old or whose process is gone."""
    with contextlib.suppress(OSError):
        for left in list(file.parent.iterdir()):
            writer = re.fullmatch(rf"\.?{re.escape(file.stem)}(?:\..+)?\.([0-9]{{1,9}})\.tmp", left.name)
            with contextlib.suppress(OSError):
                if writer and (_gone(int(writer[1])) or time.time() - left.lstat().st_mtime > OLD):
                    left.unlink()


def _gone(process: int) -> bool:
    """Tell whether no process has this number; False where asking would end it, on Windows."""
    if os.name == "posix":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it lives, and is somebody else's
            return False
    return False


def patiently(action: Callable, *args):
    """Call `action`, again and again for a second: on Windows a file that another process reads cannot be replaced."""
    for _ in range(20):
        with contextlib.suppress(PermissionError):
            return action(*args)
        time.sleep(0.05)
    return action(*args)
