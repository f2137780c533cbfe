"""Small files that the console keeps for its operator: what was copied last, the theme."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from steward.errors import StewardError

COPIED = "copied.txt"
THEME = "console-theme"
_LONGEST = 100
"""Bytes of a word that is remembered."""


def write(folder: Path, name: str, content: bytes) -> Path:
    """Put ``content`` into a file of the folder, for its owner's eyes, in place of what was
    there. May block. Raises StewardError."""
    path, fresh = folder / name, folder / f"{name}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(number, "wb") as out:
                out.write(content)
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StewardError(
            f"{path} cannot be written: {error.strerror}", "set XDG_STATE_HOME to a folder of yours"
        ) from None
    return path


def word(folder: Path, name: str) -> str:
    """The word that a file of the folder holds; empty if there is none to be had."""
    with contextlib.suppress(OSError), (folder / name).open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", "replace").strip()
    return ""


def short(path: Path) -> str:
    """A path as people write it: ``~/…``."""
    with contextlib.suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)
