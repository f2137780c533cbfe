"""What nobody but the right one may change, read from every node's own files."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from steward.store_file import connect_reader
from steward.subjects import NodeName
from tests.attack.harbour import Harbour
from tests.attack.intruder import FORGED
from tests.attack.papers import FLEET

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
    "statements": "SELECT name, kind, serial, hex(signed) FROM statement ORDER BY 1, 2, 3",
    "retired keys": "SELECT name, serial FROM retirement ORDER BY 1, 2",
    "waiting nodes": "SELECT name, hex(key), state FROM introduction ORDER BY 1, 2",
    "speakers": "SELECT DISTINCT frm FROM spoken ORDER BY 1",
    "roster": "SELECT name, store, start, goodbye FROM roster ORDER BY name",
    "streams": "SELECT DISTINCT frm, store FROM in_stream ORDER BY 1, 2",
    "store": "SELECT store_id FROM meta",
}


async def facts(here: Harbour, witnesses: list[str]) -> Facts:
    """Of the whole fleet; ``witnesses``: ids of messages that only wait."""
    found: Facts = {"ledger": _strange_lines(here)}
    for name in FLEET:
        if name in here.started:
            found |= _of_node(here.folder / name, name)
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


def _strange_lines(here: Harbour) -> list[str]:
    """Lines of the ledger that no true order explains."""
    ran, ordered = Counter(here.ran()), set(here.ordered)
    return sorted(f"{line} x {n}" for line, n in ran.items() if line not in ordered or n > 1)


def _of_node(folder: Path, name: NodeName) -> Facts:
    found: Facts = {}
    with closing(connect_reader(folder / "steward.db")) as con:
        for what, sql in _PLACES.items():
            found[f"{name}: {what}"] = _rows(con, sql, FORGED)
        for what, sql in _STATE.items():
            found[f"{name}: {what}"] = _rows(con, sql)
    logs = {p.name: p.read_bytes().count(FORGED.encode()) for p in folder.glob("textlogging/*")}
    found[f"{name}: text logs"] = logs
    return found


def _rows(con: sqlite3.Connection, sql: str, *values: object) -> list[str]:
    return [msgspec.json.encode(row).decode() for row in con.execute(sql, values).fetchall()]
