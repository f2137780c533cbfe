"""Whose files a verb writes: what root makes in a daemon's folder has to be the daemon's."""

from __future__ import annotations

import contextlib
import encodings.ascii
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def as_owner(state_dir: Path) -> Iterator[None]:
    """Root acts as the owner of the state folder meanwhile: the daemon, which runs as that user,
    could not read root's files, and no link of that user's leads root anywhere. Raises OSError."""
    assert encodings.ascii  # what is first used meanwhile may lie where only root can read it
    try:
        facts = state_dir.stat()
    except FileNotFoundError:
        facts = None
    if os.geteuid() != 0 or facts is None or facts.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(facts.st_gid)
    try:
        os.seteuid(facts.st_uid)
        try:
            yield
        finally:
            os.seteuid(0)
    finally:
        os.setegid(group)
