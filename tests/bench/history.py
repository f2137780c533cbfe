"""A real store with a long past, made fast: nodes, messages in every state, jobs, results, errors.

``python -m tests.bench.history FOLDER [--messages N] [--nodes N] [--jobs N] [--errors N]`` fills
FOLDER, which central can then be started on.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from node.outcomes import Hello
from steward import store_file
from steward.message import FINAL, Body, State, new_id
from steward.outbox_rows import ILL
from steward.subjects import NodeName

ROWS = 20_000
"""In one statement's worth of work."""
DAYS = 30.0
METHODS = (
    ("CommandACK", "ShellCommand", False, 0.80),
    ("EventACK", "TextLogging", False, 0.95),
    ("EventNACK", "TextLogging", False, 0.97),
    ("EventACK", "Cancel", True, 1.0),
)
"""Kind, method, whether it is the machinery's, and up to which share of all messages."""
ENDS = (
    (State.SUCCEEDED, 0.90),
    (State.FAILED, 0.95),
    (State.EXPIRED, 0.97),
    (State.CANCELLED, 0.985),
    (State.TIMED_OUT, 0.993),
    (State.REFUSED, 0.9995),
    (State.INTERRUPTED, 0.9996),
    (State.UNKNOWN, 1.0),
)
PROGRAMS = (
    ("uptime",), ("df", "-h", "/"), ("apt-get", "-q", "update"), ("systemctl", "restart", "radio"),
    ("sh", "-c", "tail -n 100 /var/log/syslog | grep -c error"), ("cat", "/etc/os-release"),
)  # fmt: skip


class Past(NamedTuple):
    """How much there is to be."""

    messages: int = 1_000_000
    nodes: int = 500
    jobs: int = 100_000
    """About so many; a tenth of the messages is of none, and one job has 10,000 of them."""
    open_share: float = 0.005
    errors: int = 100_000
    big_job: str = "big-job"
    seed: int = 1


def fill(folder: Path, node: str, past: Past) -> None:
    """Make the store of ``node`` in ``folder``, which has none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    con = store_file.connect_writer(folder / "steward.db", NodeName(node))
    try:
        con.execute("PRAGMA synchronous = OFF")
        con.execute("PRAGMA cache_size = -200000")
        con.execute("BEGIN")
        maker = _Maker(con, past)
        maker.roster()
        maker.messages()
        maker.errors()
        con.execute("UPDATE meta SET journaled = ?", (past.messages,))
        con.execute("COMMIT")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        con.close()


class _Maker:
    def __init__(self, con: sqlite3.Connection, past: Past) -> None:
        self._con = con
        self._past = past
        self._random = random.Random(past.seed)
        self._now = time.time()
        self._lanes: dict[tuple[int, int], int] = {}
        self._tally: Counter[tuple[int, str]] = Counter()
        self._job, self._left = "", 0

    def roster(self) -> None:
        rows = []
        for i in range(self._past.nodes):
            hello = Hello(
                start="start", boot_id="boot", machine_id=f"machine-{i}", version="2.0.0",
                interval=15.0, uptime=86400.0, clock=self._now,
                labels={"env": ("prod", "test")[i % 2], "sea": f"sea{i % 7}"},
                queue={"queued": 0, "sent": 0, "delivered": 0, "running": 0},
            )  # fmt: skip
            said = (f"store-{i}", "start", f'[["store-{i}","machine-{i}"]]')
            at = (self._now - DAYS * 86400, self._now, 0.0)
            rows.append((name(i), *at, *said, msgspec.json.encode(hello), 15.0, 0))
        self._con.executemany(f"INSERT INTO roster VALUES ({_marks(10)})", rows)
        peers = [(name(i), f"store-{i}", "[]", 0, "") for i in range(self._past.nodes)]
        self._con.executemany(f"INSERT INTO peer VALUES ({_marks(5)})", peers)

    def messages(self) -> None:
        # The indexes come last: a million entries are sorted faster than put in one by one.
        indexes = self._con.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'message' AND type = 'index'"
            " AND sql IS NOT NULL"
        ).fetchall()
        for index, _ in indexes:
            self._con.execute(f"DROP INDEX {index}")
        made = self._messages()
        while rows := [row for _, row in zip(range(ROWS), made, strict=False)]:
            columns = (
                "n, id, lane, state, confirmed, reason, ill, attempts, parallel, timeout, retries,"
                " ttl, clock, accepted_at, sent_at, delivered_at, ended_at, digest, uid, job"
            )
            new = f"INSERT INTO message ({columns}) VALUES ({_marks(20)})"
            self._con.executemany(new, [row for row, _, _ in rows])
            bodies = [(row[0], body) for row, body, _ in rows]
            self._con.executemany("INSERT INTO body VALUES (?, ?)", bodies)
            outcomes = [(row[0], outcome) for row, _, outcome in rows if outcome is not None]
            self._con.executemany("INSERT INTO outcome VALUES (?, ?)", outcomes)
        for _, sql in indexes:
            self._con.execute(sql)
        self._con.execute(
            "INSERT INTO job SELECT min(n), job FROM message WHERE job IS NOT NULL GROUP BY job"
        )
        tallies = [(lane, state, count) for (lane, state), count in self._tally.items()]
        self._con.executemany("INSERT INTO tally VALUES (?, ?, ?)", tallies)

    def _messages(self) -> Iterator[tuple[tuple[Any, ...], bytes, bytes | None]]:
        past, chance = self._past, self._random.random
        for n in range(1, past.messages + 1):
            at = self._now - DAYS * 86400 * (1 - n / past.messages)
            share = chance()
            which = next(i for i, method in enumerate(METHODS) if share <= method[3])
            kind, _, hidden, _ = METHODS[which]
            node = int(chance() * past.nodes)
            job = None if hidden else self._next_job(n)
            if job == past.big_job:
                which, node = 0, n % past.nodes
                kind = METHODS[0][0]
            state = self._state(n, which)
            program = PROGRAMS[int(chance() * len(PROGRAMS))] if which == 0 else (f"line {n}\n",)
            lane = self._lane(node, which)
            self._tally[lane, state] += 1
            over = state in FINAL
            reason = "not permitted" if state == State.REFUSED else ""
            row = (
                *(n, new_id(), lane, state, over, reason, state in ILL, 1, False, 10.0, 0, 0.0),
                *(0.0, at, at + 0.1, at + 0.2 if state != State.EXPIRED else None),
                *(at + 1.0 if over else None, b"0123456789abcdef", 1000, job),
            )
            outcome = None
            if kind == "CommandACK" and state in (State.SUCCEEDED, State.FAILED, State.TIMED_OUT):
                outcome = self._outcome(state, row[1], at, n)
            yield row, msgspec.json.encode(Body(data=program)), outcome

    def _state(self, n: int, which: int) -> State:
        past, chance = self._past, self._random.random
        is_new = n > past.messages * 0.98
        if is_new and chance() < past.open_share * 50:
            return State.QUEUED if chance() < 0.8 else State.DELIVERED
        if METHODS[which][0] == "EventNACK":
            return State.PUBLISHED
        share = chance()
        return next(state for state, upto in ENDS if share <= upto)

    def _next_job(self, n: int) -> str | None:
        if not self._left:
            past = self._past
            mean = max(2, past.messages * 9 // 10 // max(1, past.jobs))
            if n >= past.messages // 2 and self._job != past.big_job and not self._had_big:
                self._job, self._left = past.big_job, min(10_000, past.messages // 4)
                self._had_big = True
            elif self._random.random() < 0.5:
                return None
            else:
                self._job = new_id()
                self._left = 2 + int(self._random.random() * 2 * (mean - 2))
        self._left -= 1
        return self._job

    _had_big = False

    def _lane(self, node: int, which: int) -> int:
        key = self._lanes.get((node, which))
        if key is None:
            kind, method, hidden, _ = METHODS[which]
            subject = f"{name(node)}.{kind}.{method}"
            self._lanes[node, which] = key = len(self._lanes) + 1
            lane = (key, subject, name(node), kind, method, hidden)
            self._con.execute("INSERT INTO lane VALUES (?, ?, ?, ?, ?, ?, NULL)", lane)
        return key

    def _outcome(self, state: State, id: str, at: float, n: int) -> bytes:
        code = 0 if state == State.SUCCEEDED else 1
        text = f"answer {n % 5}\n" * (1 + n % 40)
        facts = {
            "about": id, "state": state, "started": at + 0.3, "ended": at + 0.9,
            "result": {
                "exitCode": code, "cpuSeconds": 0.01, "maxRssBytes": 4_000_000, "stdout": text,
                "stderr": "", "stdoutSize": len(text), "stderrSize": 0,
                "stdoutSha256": f"{n % 5:064x}", "stderrSha256": "0" * 64,
                "stdoutCut": 0, "stderrCut": 0,
            },
        }  # fmt: skip
        return msgspec.json.encode(facts)

    def errors(self) -> None:
        past = self._past
        rows = []
        for n in range(past.errors):
            at = self._now - DAYS * 86400 * (1 - n / max(1, past.errors))
            code = ("undelivered", "refused", "process_failed", "bad_frame")[n % 4]
            text = f"message {new_id()} got no receipt in all its attempts; it may have arrived"
            level = "warning" if n % 3 else "error"
            where = name(int(self._random.random() ** 2 * past.nodes))
            rows.append((where, level, code, text, "steward messages show", "[]", 1, at, at))
        self._con.executemany(
            "INSERT INTO error (node, level, code, text, hint, messages, count, first_at, last_at)"
            f" VALUES ({_marks(9)})",
            rows,
        )


def name(i: int) -> str:
    return f"ship{i:05}"


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.history", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node", default="central")
    usual = Past()
    for field in ("messages", "nodes", "jobs", "errors"):
        parser.add_argument(f"--{field}", type=int, default=getattr(usual, field))
    given = parser.parse_args()
    begun = time.monotonic()
    past = Past(given.messages, given.nodes, given.jobs, errors=given.errors)
    fill(given.folder, given.node, past)
    print(f"{past.messages:,} messages in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
