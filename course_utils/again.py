"""How to get the course's own files again; here because a clone and a downloaded ZIP need different advice."""

from pathlib import Path


def advice(command: str, folder: Path) -> str:
    """Return the advice for the course in `folder`: git's `command` in a clone, elsewhere to download it again."""
    return f"run `{command}` in the course's folder" if (folder / ".git").exists() else "download the course again"
