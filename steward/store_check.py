"""A look at a store's file from outside, changing nothing: is it sound, and whose is it?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from steward.errors import StoreDamaged


class StoreFacts(NamedTuple):
    """``wall``: the latest wall time in it, in seconds; ``bytes``: the size of the file."""

    node: str
    store_id: str
    wall: float
    bytes: int


def look(path: Path) -> StoreFacts:
    """Check the file, while no daemon uses it. It is read as a whole, which may take a while.
    Raises StoreDamaged: unsound, not a store, or not to be read."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as con:
            (found,) = con.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            node, store_id, wall = con.execute("SELECT node, store_id, wall FROM meta").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreDamaged(
            f"{path} cannot be read: {error}", "look at its owner and mode"
        ) from None
    except (sqlite3.DatabaseError, TypeError) as error:
        raise StoreDamaged(
            f"{path} is damaged: {error}",
            "put a backup back and start with --restored; or just start: the file is moved aside,"
            " and messages under way end as unknown",
        ) from None
    return StoreFacts(node, store_id, wall, path.stat().st_size)
