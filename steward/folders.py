"""Names in a folder that survive a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in it survive."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make it, and those above it that are missing, for good. The name of one that is there is
    synced too: who made it may have been killed before that."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode, exist_ok=True)
    # Who may not read the folder above it cannot sync that.
    with contextlib.suppress(PermissionError):
        sync_folder(folder.parent)
