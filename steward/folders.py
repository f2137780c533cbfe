"""Names in a folder that survive a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

_CANNOT_SYNC: Final = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.EROFS}
"""Of a folder above ours: it may not be read, or its file system knows no such thing."""


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
    try:
        sync_folder(folder.parent)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
