"""Which user a uid is, as this machine's user database says."""

from __future__ import annotations

import pwd
import time
from typing import Final

from steward.message import NOBODY, Operator
from steward.threads import in_thread

_KNOWN: Final = 300.0
"""Seconds for which a name is taken to be the same."""
_MOST: Final = 1000
_LONGEST: Final = 256

_found: dict[int, tuple[float, Operator]] = {}


async def operator(uid: int | None) -> Operator:
    """The user; None: nobody can tell. A user database on the network is asked off the loop."""
    if uid is None:
        return NOBODY
    at, known = _found.get(uid, (0.0, NOBODY))
    if not at or time.monotonic() - at > _KNOWN:
        known = await in_thread(look_up, uid)
        if len(_found) >= _MOST:
            _found.clear()
        _found[uid] = time.monotonic(), known
    return known


def look_up(uid: int) -> Operator:
    """The same at once: it may block. A name that nobody could print is none."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return Operator(uid=uid)
    return Operator(name if name.isprintable() and len(name) <= _LONGEST else "", uid)
