"""One node's state folder as it lies there, read only: rows, journal, text logs, kept output."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_IN_FILE = (1 << 40) - 1
"""The lower bits of an append file's offset; the upper ones count its rotations."""

_ROWS = """
    SELECT m.n, m.id, node, kind, method, hidden, state, confirmed, maybe, reason, tombstone,
        attempts, m.parallel, expires, accepted_at, sent_at, delivered_at, ended_at, retries,
        coalesce(s.instance, ''), m.seq, CAST(outcome AS TEXT)
    FROM message m JOIN lane ON lane.key = m.lane
    LEFT JOIN out_stream s ON s.key = m.stream LEFT JOIN outcome o ON o.n = m.n ORDER BY m.n"""
_COMMANDS = """
    SELECT c.id, frm, store, subject, seq, stage, cancelled, expires, deadline, ahead,
        accepted_at, started_at FROM command c JOIN queue q ON q.key = c.queue ORDER BY c.n"""
_UNTOLD = """
    SELECT n FROM message WHERE n > (SELECT journaled FROM meta)
    UNION SELECT value FROM final, json_each(messages)"""
_ERRORS = "SELECT node, code, text, count FROM error"
_ALARMS = "SELECT name, alarm FROM peer WHERE held != 0 OR alarm != ''"
_TALLY = """
    SELECT subject, state, sum(c) FROM (
        SELECT lane, state, count AS c FROM tally
        UNION ALL SELECT lane, state, -1 FROM message
    ) JOIN lane ON lane.key = lane GROUP BY lane, state HAVING sum(c) != 0"""


@dataclass(frozen=True)
class Row:
    """A message as its sender's store has it. Times are wall seconds of the sender's clock."""

    n: int
    id: str
    to: str
    kind: str
    method: str
    hidden: bool
    state: str
    confirmed: bool
    maybe: bool
    reason: str
    tombstone: str
    attempts: int
    parallel: bool
    expires: float | None
    accepted_at: float
    sent_at: float | None
    delivered_at: float | None
    ended_at: float | None
    retries: int
    instance: str
    """The receiver's store that it is or was bound to, as far as that is still known."""
    seq: int | None
    outcome: Mapping[str, Any] | None

    @property
    def is_command(self) -> bool:
        return self.kind.startswith("Command")


@dataclass(frozen=True)
class Reported:
    """An error that a node told of, ``count`` times."""

    node: str
    code: str
    text: str
    count: int


@dataclass(frozen=True)
class Store:
    """One life of a node: its last, or one that was wiped."""

    node: str
    name: str
    folder: Path
    wiped: bool
    store_id: str
    rows: Mapping[str, Row]
    received: Mapping[str, Sequence[str]]
    """Id → what the inbox has of it, in words."""
    runs: Mapping[str, Path]
    """Id of a command that ran here → the folder with its output."""
    peers: Mapping[str, str]
    errors: Sequence[Reported]
    alarms: Sequence[str]
    """Nodes that it exchanges nothing with until somebody decides."""
    texts: Mapping[str, Sequence[str]]
    """Sender → the lines that its events wrote, as far as they are committed."""
    journal: Sequence[Mapping[str, Any]]
    """What messages.jsonl holds, as far as it is committed."""
    untold: frozenset[int]
    """Messages of which the journal still has to tell something."""
    troubles: Sequence[str]

    def has_unread(self, id: str) -> bool:
        """Whether a file of messages that was not taken in yet names it."""
        files = [*self.folder.glob("inmsg.txt"), *self.folder.glob("inmsg-*.claimed")]
        return any(f'"{id}"'.encode() in path.read_bytes() for path in files)


def read_store(node: str, folder: Path, *, wiped: bool) -> Store:
    """Read a state folder; its database is copied first, so that the evidence stays as it is."""
    with tempfile.TemporaryDirectory() as scratch:
        for path in folder.glob("steward.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, scratch)
        con = sqlite3.connect(Path(scratch) / "steward.db")
        try:
            troubles = [f"the database: {t}" for (t,) in con.execute("PRAGMA quick_check")]
            troubles = [t for t in troubles if t != "the database: ok"]
            troubles += [
                f"{lane}: its tally of {state} is off by {by}"
                for lane, state, by in con.execute(_TALLY)
            ]
            journal = list(_journal(con, folder, troubles))
            return Store(
                node=node,
                name=folder.name,
                folder=folder,
                wiped=wiped,
                store_id=con.execute("SELECT store_id FROM meta").fetchone()[0],
                rows={row.id: row for row in map(_row, con.execute(_ROWS))},
                received=_received(con),
                runs={i: folder / "runs" / k for i, k in con.execute("SELECT id, key FROM run")},
                peers={
                    name: f"adopted {instance}, retired {retired}, held {held} {alarm}"
                    for name, instance, retired, held, alarm in con.execute("SELECT * FROM peer")
                },
                errors=[Reported(*found) for found in con.execute(_ERRORS)],
                alarms=[f"{name}: {alarm}" for name, alarm in con.execute(_ALARMS)],
                texts=_texts(con, folder),
                journal=journal,
                untold=frozenset(n for (n,) in con.execute(_UNTOLD)),
                troubles=troubles,
            )
        finally:
            con.close()


def _row(found: Sequence[Any]) -> Row:
    *facts, outcome = found
    return Row(*[*facts, None if outcome is None else json.loads(outcome)])


def _received(con: sqlite3.Connection) -> Mapping[str, Sequence[str]]:
    received: dict[str, list[str]] = defaultdict(list)
    cursor = con.execute(_COMMANDS)
    names = [column[0] for column in cursor.description]
    for found in cursor:
        received[found[0]].append(_words(names, found))
    return received


def _words(names: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in zip(names, values, strict=True) if v is not None)


def _texts(con: sqlite3.Connection, folder: Path) -> Mapping[str, Sequence[str]]:
    """What lies beyond the committed offset was never done: the next append would cut it off."""
    offsets = dict(con.execute("SELECT path, offset FROM append_file"))
    texts: dict[str, list[str]] = {}
    for name, offset in offsets.items():
        if name.startswith("textlogging/"):
            data = b"".join(_appended(folder / name, offset))
            sender = Path(name).name.removesuffix(".log")
            texts[sender] = data.decode(errors="replace").splitlines()
    return texts


def _journal(
    con: sqlite3.Connection, folder: Path, troubles: list[str]
) -> Iterator[Mapping[str, Any]]:
    offsets = dict(con.execute("SELECT path, offset FROM append_file"))
    data = b"".join(_appended(folder / "messages.jsonl", offsets.get("messages.jsonl", 0)))
    for number, line in enumerate(data.splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError:
            troubles.append(f"messages.jsonl, line {number}, is no JSON: {line[:100]!r}")


def _appended(path: Path, offset: int) -> Iterator[bytes]:
    """The committed bytes of a file and of those that it was rotated to, oldest first."""
    generation = offset >> 40
    older = {int(p.suffix[1:]): p for p in path.parent.glob(f"{path.name}.*") if _is_number(p)}
    for number in sorted(n for n in older if n < generation):
        yield older[number].read_bytes()
    if path.exists():
        yield path.read_bytes()[: offset & _IN_FILE]


def _is_number(path: Path) -> bool:
    return path.suffix[1:].isdecimal()
