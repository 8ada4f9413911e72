"""Write files whole or not at all; here so that whatever the course writes is written one way."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path


def write(file: Path, content: bytes | str) -> None:
    """Write all of `content` (text as UTF-8) or nothing: to a temporary name first, then in place of the old file."""
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        patiently(os.replace, temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def patiently(action: Callable, *args):
    """Call `action`, again and again for a second: on Windows a file that another process reads cannot be replaced."""
    for _ in range(20):
        with contextlib.suppress(PermissionError):
            return action(*args)
        time.sleep(0.05)
    return action(*args)
