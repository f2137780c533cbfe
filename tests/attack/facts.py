"""What nobody but the right one may change, read from every node's own files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, Final

import msgspec

from steward.store_file import connect_reader
from steward.subjects import NodeName
from tests.attack.harbour import Harbour
from tests.attack.intruder import FORGED
from tests.attack.papers import CENTRAL, FLEET

Facts = dict[str, Any]

_PLACES: Final = {
    "started": "SELECT id FROM command WHERE instr(CAST(body AS TEXT), ?)",
    "errors": "SELECT node || ': ' || text FROM error WHERE instr(text, ?)",
    "hellos": "SELECT name FROM roster WHERE instr(CAST(hello AS TEXT), ?)",
    "results": "SELECT n FROM outcome WHERE instr(CAST(outcome AS TEXT), ?)",
    "orphans": "SELECT frm FROM orphan WHERE instr(CAST(outcome AS TEXT), ?)",
    "introductions": "SELECT name FROM introduction WHERE instr(facts, ?)",
}
"""Where a forged word would stand that was believed."""
_STATE: Final = {
    "peers": "SELECT name, instance, held, alarm FROM peer ORDER BY name",
    "revocations": "SELECT name, serial FROM statement WHERE kind = 'revocation' ORDER BY 1, 2",
    "retired keys": "SELECT name, serial FROM retirement ORDER BY 1, 2",
    "refused nodes": "SELECT name, hex(key) FROM introduction WHERE state = 'refused'",
    "store": "SELECT store_id FROM meta",
}


async def facts(here: Harbour, witnesses: list[str]) -> Facts:
    """Of the whole fleet; ``witnesses``: ids of messages that only wait."""
    found: Facts = {"ledger": here.strange_lines()}
    for name in FLEET:
        if name in here.started:
            found |= _of_node(here, name)
    found["witnesses"] = dict(zip(witnesses, await here.states(witnesses), strict=True))
    found["ills"] = here.ills()
    return found


def changed(before: Facts, after: Facts) -> list[str]:
    """Sentences. What central learns of true results, and time, is not among the facts."""
    return [
        f"{what}: {_shown(before.get(what))} became {_shown(after.get(what))}"
        for what in sorted(before.keys() | after.keys())
        if before.get(what) != after.get(what)
    ]


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) < 300 else f"{text[:300]}…"


def _of_node(here: Harbour, name: NodeName) -> Facts:
    found: Facts = {}
    folder = here.folder / name
    with closing(connect_reader(folder / "steward.db")) as con:
        for what, sql in _PLACES.items():
            found[f"{name}: {what}"] = _rows(con, sql, FORGED)
        for what, sql in _STATE.items():
            found[f"{name}: {what}"] = _rows(con, sql)
        found[f"{name}: strange statements"] = _strange_statements(here, con)
        found[f"{name}: strange speakers"] = _strange_speakers(here, con)
        if name == CENTRAL:
            found[f"{name}: wrong in the roster"] = _wrong_in_roster(here, con)
    logs = {p.name: p.read_bytes().count(FORGED.encode()) for p in folder.glob("textlogging/*")}
    found[f"{name}: text logs"] = logs
    return found


def _strange_statements(here: Harbour, con: sqlite3.Connection) -> list[str]:
    """What central has never said."""
    true = {signed for _, signed in here.papers.signed}
    rows = con.execute("SELECT name, kind, serial, signed FROM statement").fetchall()
    return [str(row[:3]) for row in rows if row[3] not in true]


def _strange_speakers(here: Harbour, con: sqlite3.Connection) -> list[str]:
    """Stores that no node has ever had, and that were believed."""
    true = {(name, store) for name, store, _ in here.lives}
    said = "SELECT frm, store FROM in_stream UNION SELECT frm, store FROM spoken"
    rows = con.execute(f"{said} UNION SELECT name, store FROM roster").fetchall()
    return [msgspec.json.encode(row).decode() for row in rows if row not in true]


def _wrong_in_roster(here: Harbour, con: sqlite3.Connection) -> list[str]:
    """Where central's list does not show a node as it is now."""
    rows = con.execute("SELECT name, store, start, goodbye FROM roster ORDER BY name").fetchall()
    true = {(name, node.store, node.start, 0) for name, node in here.started.items()}
    return [msgspec.json.encode(row).decode() for row in rows if row not in true]


def _rows(con: sqlite3.Connection, sql: str, *values: object) -> list[str]:
    return [msgspec.json.encode(row).decode() for row in con.execute(sql, values).fetchall()]
