"""Handmade lab folders, small enough to be understood: stores of the real schema, every file."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[2] / "steward" / "schema.sql"
WALL = 1_790_000_000.0
"""True wall clock at t = 0."""
BLOB = bytes(range(256)) * 4
NODES = ("central", "ship1", "ship2")


@dataclass(frozen=True)
class Told:
    """A message: as it was offered, and as its sender's store has it at the end. Times are t.

    ``life``: the folder of that store, empty: none has it. ``bound``: to the receiver's store of
    that folder. ``finals``: ends in its journal, None: the one it has. ``clock``: what its sender's
    clock was ahead when it wrote its times.
    """

    id: str
    at: float
    frm: str = "central"
    to: str = "ship1"
    kind: str = "CommandACK"
    method: str = "ShellCommand"
    script: str = "start"
    expect: Mapping[str, Any] | None = None
    parallel: bool = False
    ttl: float = 0.0
    limit: float = 0.0
    retries: int = 0
    refusable: bool = False
    way: str = "socket"
    answers: Sequence[bool | None] = (True,)
    life: str = "central"
    bound: str = ""
    n: int | None = None
    state: str = "succeeded"
    confirmed: bool = True
    reason: str = ""
    delivered: float | None = None
    ended: float | None = None
    outcome: Mapping[str, Any] | None = None
    finals: Sequence[str] | None = None
    clock: float = 0.0


@dataclass
class History:
    """Say what happened, then ``write`` it. ``texts``: (life, sender) → ids, or whole lines, in the
    log's order; ``entries``: (node, id, t, what) in the ledger's."""

    folder: Path
    told: dict[str, Told] = field(default_factory=dict)
    entries: list[tuple[str, str, float, str]] = field(default_factory=list)
    texts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    pulled: dict[str, bytes] = field(default_factory=dict)
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=lambda: {"1k": BLOB})
    copies: list[tuple[str, str]] = field(default_factory=list)
    """(Life, id): that store has the message, too."""
    argument: dict[str, int] = field(default_factory=dict)
    """Id → what its line in the ledger says that it was given, if not 1."""
    reports: list[tuple[str, str, str]] = field(default_factory=list)
    """(Node, code, text) that central heard."""
    lives: list[str] = field(default_factory=lambda: list(NODES))
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def tell(self, id: str, at: float, **facts: Any) -> None:
        facts = {"delivered": at + 0.2, "ended": at + 0.5} | facts
        self.told[id] = Told(id, at, **facts)

    def change(self, id: str, **facts: Any) -> None:
        self.told[id] = replace(self.told[id], **facts)

    def command(self, id: str, at: float, *, exit: int = 0, out: bytes = b"", **facts: Any) -> None:
        """One that runs at once, and leaves what it should everywhere."""
        outcome = ran(at + 0.3, exit, out)
        expect = {k: outcome["result"][k] for k in ("stdoutSize", "stdoutSha256")} | {"exit": exit}
        self.tell(id, at, **{"outcome": outcome, "expect": expect} | facts)
        node = self.told[id].to
        self.entries.append((node, id, at + 0.3, "start"))
        if self.told[id].script.split()[0] in ("print", "sleep"):
            self.entries.append((node, id, at + 0.4, "end"))
        self.kept[node, id] = out

    def event(self, id: str, at: float, **facts: Any) -> None:
        self.tell(id, at, kind=facts.pop("kind", "EventACK"), method="TextLogging", script="log",
                  **facts)  # fmt: skip
        told = self.told[id]
        self.texts.setdefault((told.to, told.frm), []).append(id)

    def add(self, name: str, t: float, **facts: Any) -> None:
        """A line of ``faults``, ``acts``, ``deaths`` or ``pulse``."""
        self.lines.setdefault(name, []).append({"t": t, "wall": WALL + t, **facts})

    def fault(self, what: str, who: str, t: float, until: float, detail: str = "") -> None:
        self.add("faults", t, until=until, what=what, who=who, detail=detail)

    def cancel(self, id: str, t: float) -> None:
        self.add("acts", t, act="cancel", id=id, answer={})

    def pull(self, id: str, data: bytes, status: int = 0) -> None:
        acts = self.lines.get("acts", [])
        self.lines["acts"] = [act for act in acts if (act["act"], act["id"]) != ("pull", id)]
        self.add("acts", 39.0, act="pull", id=id, answer=status)
        self.pulled[id] = data

    def wipe(self, node: str, t: float) -> str:
        """The name of the life that is over."""
        life = f"wiped/{node}-1"
        self.lives.append(life)
        self.fault("wipe", node, t, t + 2.0)
        return life

    def unstarted(self, id: str) -> None:
        self.entries = [entry for entry in self.entries if entry[1] != id]

    # ---------------------------------------------------------------- writing

    def write(self) -> Path:
        for name in ("ledger", "blobs", "wiped", "pulled"):
            (self.folder / name).mkdir(parents=True)
        for id, data in self.pulled.items():
            (self.folder / "pulled" / id).write_bytes(data)
        for name, data in self.blobs.items():
            (self.folder / "blobs" / name).write_bytes(data)
        offers = [line for told in self.told.values() for line in _offers(told)]
        for name, lines in ({"messages": offers} | self.lines).items():
            text = "".join(f"{json.dumps(line)}\n" for line in lines)
            (self.folder / f"{name}.jsonl").write_text(text)
        for node, id, t, what in self.entries:
            with (self.folder / "ledger" / f"{node}.log").open("a") as ledger:
                ledger.write(f"{id} {self.argument.get(id, 1)} {t:.2f} {WALL + t:.9f} 77 {what}\n")
        for life in self.lives:
            self._write_store(life)
        return self.folder

    def _write_store(self, life: str) -> None:
        folder = self.folder / life
        (folder / "textlogging").mkdir(parents=True)
        node = life.removeprefix("wiped/").removesuffix("-1")
        has = {told.id for told in self.told.values() if told.life == life}
        has |= {id for other, id in self.copies if other == life}
        mine = [told for told in self.told.values() if told.id in has]
        with closing(sqlite3.connect(folder / "steward.db")) as con, con:
            con.executescript(SCHEMA.read_text())
            con.execute(
                "INSERT INTO meta (one, store_id, node, steady, wall, journaled)"
                " VALUES (1, ?, ?, 0, 0, ?)",
                (life, node, len(mine)),
            )
            for place, told in enumerate(mine, 1):
                _insert(con, told.n or place, told)
            for node, code, text in self.reports if life == "central" else ():
                con.execute(
                    "INSERT INTO error (node, level, code, text, hint, messages, count, first_at,"
                    " last_at) VALUES (?, 'error', ?, ?, '', '[]', 1, 0, 0)",
                    (node, code, text),
                )
            journal = "".join(f"{json.dumps(line)}\n" for told in mine for line in _journal(told))
            self._append(con, life, "messages.jsonl", journal)
            for (logged_by, sender), ids in self.texts.items():
                if logged_by == life:
                    text = "".join(f"{id}{'' if ' ' in id else ' 1'}\n" for id in ids)
                    self._append(con, life, f"textlogging/{sender}.log", text)
            for (ran_at, id), data in self.kept.items():
                if ran_at == life:
                    (folder / "runs" / id).mkdir(parents=True)
                    (folder / "runs" / id / "stdout").write_bytes(data)
                    con.execute("INSERT INTO run VALUES (?, ?, '', 0, 0)", (id, id))

    def _append(self, con: sqlite3.Connection, life: str, name: str, text: str) -> None:
        """With a line behind the offset, which was never committed."""
        (self.folder / life / name).write_text(f"{text}never 1\n")
        con.execute("INSERT INTO append_file VALUES (?, ?)", (name, len(text)))


def ran(started: float, exit: int | None = 0, out: bytes = b"") -> dict[str, Any]:
    """An outcome as a receiver tells it, with all of a short output."""
    result: dict[str, Any] = {"exitCode": exit, "signal": None}
    for stream, data in (("stdout", out), ("stderr", b"")):
        result[stream] = data.decode("latin-1")
        result[f"{stream}Size"] = len(data)
        result[f"{stream}Sha256"] = hashlib.sha256(data).hexdigest()
        result[f"{stream}Cut"] = 0
    if any(byte > 127 for byte in out):
        del result["stdout"]
        result["stdoutB64"] = base64.b64encode(out).decode()
    return {"started": WALL + started, "ended": WALL + started + 0.1, "result": result}


def _offers(told: Told) -> list[dict[str, Any]]:
    line = {
        "n": 1, "id": told.id, "from": told.frm, "to": told.to, "kind": told.kind,
        "method": told.method, "parallel": told.parallel, "ttl": told.ttl, "way": told.way,
        "methodTimeout": told.limit, "script": told.script, "expect": told.expect,
        "refusable": told.refusable, "t": told.at, "wall": WALL + told.at,
    }  # fmt: skip
    return [line | {"accepted": accepted} for accepted in told.answers]


def _journal(told: Told) -> list[dict[str, str]]:
    finals = ([told.state] if told.confirmed else []) if told.finals is None else told.finals
    accepted = [{"event": "accepted", "id": told.id}]
    return accepted + [{"event": "final", "id": told.id, "state": state} for state in finals]


def _insert(con: sqlite3.Connection, n: int, told: Told) -> None:
    subject = f"{told.to}.{told.kind}.{told.method}"
    lane = (subject, told.to, told.kind, told.method)
    con.execute(
        "INSERT OR IGNORE INTO lane (subject, node, kind, method, hidden) VALUES (?, ?, ?, ?, 0)",
        lane,
    )
    (key,) = con.execute("SELECT key FROM lane WHERE subject = ?", (subject,)).fetchone()

    def wall(t: float | None) -> float | None:
        return None if t is None else WALL + t + told.clock

    stream = None
    if told.bound:
        bind = "INSERT OR REPLACE INTO out_stream (lane, instance, next, base) VALUES (?, ?, ?, 0)"
        stream = con.execute(bind, (key, told.bound, n)).lastrowid
    values = {
        "n": n, "id": told.id, "lane": key, "state": told.state, "confirmed": told.confirmed,
        "reason": told.reason, "parallel": told.parallel, "timeout": 10, "attempts": 2,
        "retries": told.retries,
        "ttl": told.ttl, "expires": wall(told.at + told.ttl) if told.ttl else None, "clock": 0,
        "accepted_at": wall(told.at), "delivered_at": wall(told.delivered),
        "ended_at": wall(told.ended), "digest": b"", "stream": stream,
    }  # fmt: skip
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    con.execute(f"INSERT INTO message ({names}) VALUES ({marks})", list(values.values()))
    con.execute(
        "INSERT INTO tally VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
        (key, told.state),
    )
    if told.outcome is not None:
        outcome = json.dumps({"about": told.id, "state": told.state, **told.outcome})
        con.execute("INSERT INTO outcome VALUES (?, ?)", (n, outcome))
