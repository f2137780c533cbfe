"""The database file: who owns its folder, how it is made, checked, and moved aside if damaged."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.resources
import os
import secrets
import sqlite3
import time
from pathlib import Path

from steward.errors import StateFolderInUse, StoreDamaged
from steward.folders import sync_folder
from steward.subjects import NodeName

VERSION = 3
"""Of the schema, in the file's ``user_version``."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def own(folder: Path) -> int:
    """Lock the state folder; the descriptor that holds the lock. Raises StateFolderInUse."""
    handle = os.open(folder / "steward.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        named = f" (process {pid})" if pid else ""
        raise StateFolderInUse(
            f"another daemon{named} uses {folder}",
            "stop it, or give this one a --state-dir of its own",
        ) from None
    os.ftruncate(handle, 0)
    with contextlib.suppress(OSError):  # On a full disk the lock holds as well; it names nobody.
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def connect_writer(path: Path, node: NodeName) -> sqlite3.Connection:
    """The one connection that writes; the schema is made if the file is new.

    Raises sqlite3.DatabaseError (see ``is_damaged``), StoreDamaged for a file of another version,
    StateFolderInUse if it belongs to another node.
    """
    # What lies beside the file gets its mode; a store that an earlier Steward made may lack it.
    with contextlib.suppress(OSError):  # SQLite says it better
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.chmod(f"{path}{suffix}", 0o600)
    con = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    try:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("PRAGMA synchronous = FULL")
        con.execute("PRAGMA cache_size = -8192")
        # What a savepoint may have to restore goes into a temporary file otherwise.
        con.execute("PRAGMA temp_store = MEMORY")
        (version,) = con.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreDamaged(
                f"{path} has the format {version}, this Steward knows {VERSION}",
                "start the Steward that wrote it, or move the file away",
            )
        if version == 0:
            _create(con, node)
        (found,) = con.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _damage(found)
        if version:
            _upgrade(con, version)
        (owner,) = con.execute("SELECT node FROM meta").fetchone()
        if owner != node:
            raise StateFolderInUse(
                f"{path.parent} belongs to the node {owner}, not to {node}",
                "give every node a --state-dir of its own",
            )
        if version == 0:
            sync_folder(path.parent)
    except BaseException:
        con.close()
        raise
    return con


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write: two writers can corrupt a file (SQLite before 3.51.3)."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=256)


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault, and not its disk, owner or mode."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def is_full(error: BaseException) -> bool:
    """Whether the disk, or the bound on the file, was reached."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def move_aside(path: Path) -> Path:
    """Keep a damaged file, with its log, under another name in the same folder."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{kept}{suffix}")
    sync_folder(path.parent)
    return kept


def _create(con: sqlite3.Connection, node: NodeName) -> None:
    con.executescript(f"BEGIN IMMEDIATE; {_sql('schema.sql')}")
    con.execute(
        "INSERT INTO meta (one, store_id, node, steady, wall) VALUES (1, ?, ?, 0.0, 0.0)",
        (secrets.token_hex(8), node),
    )
    con.execute(f"PRAGMA user_version = {VERSION}")
    con.execute("COMMIT")


def _upgrade(con: sqlite3.Connection, version: int) -> None:
    """To this format, one after the other: each as a whole, or not at all."""
    for wanted in range(version + 1, VERSION + 1):
        script = _sql(f"schema_{wanted}.sql")
        con.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {wanted}; COMMIT")


def _sql(name: str) -> str:
    return importlib.resources.files("steward").joinpath(name).read_text(encoding="utf-8")


def _damage(found: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(found)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
