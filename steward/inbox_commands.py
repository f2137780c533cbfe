"""Commands on the node that runs them: accepted, started, ended, and the runs that remain."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from steward.handoff.state import Now
from steward.ledger import Shared
from steward.message import Body, MessageId, is_secret
from steward.subjects import NodeName, Subject

KEEP_RUN_SECONDS = 7 * 86400.0
KEEP_RUN_BYTES = 1 << 30

_body = msgspec.json.Decoder(Body)


class Stage(enum.StrEnum):
    """How far a command is on the node that runs it."""

    RECEIVED = "received"
    STARTED = "started"


class Command(NamedTuple):
    """An accepted command that has not ended. Times are wall seconds on this node's clock."""

    n: int
    """The store's own key of the row; grows in the order of acceptance."""
    frm: NodeName
    store: str
    """The sender's store id."""
    instance: str
    """This store's id when it accepted the command."""
    subject: Subject
    seq: int
    """0: of a NACK kind, from no stream."""
    id: MessageId
    expires: float | None
    deadline: float | None
    """The expiry on the sender's clock."""
    parallel: bool
    body: bytes
    stage: Stage
    cancelled: bool
    """It was asked to stop while it ran."""
    accepted: float
    started: float | None
    boot_id: str
    """Of the boot in which it was started; empty before."""
    ends_by: float | None
    """When a started command has to be stopped (its method timeout)."""
    order: bytes = b""
    """Its sender's signature of it alone, for the runner; empty where there are no keys."""


_COMMAND = """
    SELECT n, frm, store, instance, subject, seq, id, expires, deadline, parallel, body, stage,
        cancelled, accepted_at, started_at, boot_id, ends_by, signed
    FROM command JOIN queue ON queue.key = command.queue WHERE """


class Commands:
    """The execution half of the inbox."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.con = shared.con

    def startable(self, per_stream: int = 16) -> list[Command]:
        """The waiting commands that may be next, in the order of acceptance: of each stream the
        first ``per_stream`` parallel ones and the first that is not; of those without a stream
        the first ``per_stream``."""
        first = "stage = 'received' AND queue = ? AND free = ? ORDER BY n LIMIT ?"
        found: list[Command] = []
        for queue in self._busy_queues():
            found += self._commands(first, queue, 0, 1)
            found += self._commands(first, queue, 1, per_stream)
        return sorted(found)

    def waiting_senders(self) -> frozenset[NodeName]:
        """Those who have commands waiting here."""
        frm = "SELECT frm FROM queue WHERE key = ?"
        queues = self._busy_queues()
        return frozenset(self.con.execute(frm, (key,)).fetchone()[0] for key in queues)

    def _busy_queues(self) -> Iterator[int]:
        next_queue = "SELECT min(queue) FROM command WHERE stage = 'received' AND queue > ?"
        queue = 0
        while True:
            (queue,) = self.con.execute(next_queue, (queue,)).fetchone()
            if queue is None:
                return
            yield queue

    def mark_started(
        self, rows: Sequence[Command], boot_id: str, now: Now, deadline: float | None = None
    ) -> None:
        """Commit this before anything is created. ``deadline``: wall time at which they have to be
        stopped; None: what their method timeout says."""
        marks = []
        for row in rows:
            limit = _body.decode(row.body).method_timeout
            ends_by = deadline if deadline is not None or not limit else now.wall + limit
            marks.append((boot_id, now.wall, ends_by, row.n))
        self.con.executemany(
            "UPDATE command SET stage = 'started', boot_id = ?, started_at = ?, ends_by = ?"
            " WHERE n = ?",
            marks,
        )

    def started_rows(self) -> list[Command]:
        """Whatever was started and has not ended, in the order of acceptance."""
        return self._commands("stage = 'started' ORDER BY n")

    def started(self, id: MessageId, frm: NodeName) -> Command | None:
        """A command of ``frm`` that was started and has not ended."""
        found = self._commands("stage = 'started' AND id = ? AND frm = ? ORDER BY n", id, frm)
        return found[-1] if found else None

    def running_now(self) -> int:
        """How many these are."""
        sql = "SELECT count(*) FROM command WHERE stage = 'started'"
        return int(self.con.execute(sql).fetchone()[0])

    def finish(self, row: Command, now: Now, key: str = "", size: int = 0) -> bool:
        """Remove the command; False if it has ended already. With a run key, the run and the
        ``size`` of its output in bytes are remembered for ReadRun and for retention."""
        secret = is_secret(row.body)
        if secret:
            self._leave_no_trace()
        if not self.con.execute("DELETE FROM command WHERE n = ?", (row.n,)).rowcount:
            return False
        # What a secret command wrote is nobody's to read, and too old at once.
        whose, ended = ("", 0.0) if secret else (row.frm, now.wall)
        if key:
            self.con.execute(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?)",
                (key, row.id, whose, ended, size),
            )
        return True

    def _leave_no_trace(self) -> None:
        """What is deleted now is secret."""
        self.shared.overwrite()
        self.shared.touched.wiped = True

    def cancel(self, id: MessageId, frm: NodeName) -> tuple[list[Command], list[Command]]:
        """(waiting commands, for the caller to end; running ones, flagged and to be killed)."""
        mine = "id = ? AND frm = ?"
        self.con.execute(
            "UPDATE command SET cancelled = 1 WHERE id = ? AND stage = 'started'"
            " AND queue IN (SELECT key FROM queue WHERE frm = ?)",
            (id, frm),
        )
        found = self._commands(f"{mine} ORDER BY n", id, frm)
        return (
            [c for c in found if c.stage is Stage.RECEIVED],
            [c for c in found if c.stage is Stage.STARTED],
        )

    def expired_waiting(self, now: Now) -> list[Command]:
        """Waiting commands whose time has passed."""
        late = "SELECT n FROM command WHERE stage = 'received' AND expires <= ?"
        return self._commands(f"n IN ({late}) ORDER BY n", now.wall)

    def next_expiry(self) -> float | None:
        """Wall time at which the first waiting command expires."""
        at: float | None
        (at,) = self.con.execute(
            "SELECT min(expires) FROM command WHERE stage = 'received' AND expires IS NOT NULL"
        ).fetchone()
        return at

    def waiting(self) -> int:
        """How many commands wait here."""
        sql = "SELECT count(*) FROM command WHERE stage = 'received'"
        return int(self.con.execute(sql).fetchone()[0])

    def oldest_waiting(self, now: Now) -> float:
        """Seconds for which the oldest waiting command has waited; 0 if none does."""
        (at,) = self.con.execute(
            "SELECT min(accepted_at) FROM command WHERE stage = 'received'"
        ).fetchone()
        return 0.0 if at is None else max(0.0, now.wall - float(at))

    def highest_wall(self) -> float:
        """The highest wall time committed so far."""
        return float(self.con.execute("SELECT wall FROM meta").fetchone()[0])

    # ---------------------------------------------------------------- finished runs

    def run_key(self, id: MessageId, frm: NodeName) -> str | None:
        """The folder of a command that ``frm`` had run here and that has ended."""
        row = self.con.execute(
            "SELECT key FROM run WHERE id = ? AND frm = ? ORDER BY ended_at DESC LIMIT 1", (id, frm)
        ).fetchone()
        return None if row is None else str(row[0])

    def run_keys(self) -> list[str]:
        """The folders of all ended commands that are remembered."""
        return [key for (key,) in self.con.execute("SELECT key FROM run").fetchall()]

    def forget_runs(
        self, now: Now, keep_seconds: float = KEEP_RUN_SECONDS, keep_bytes: int = KEEP_RUN_BYTES
    ) -> list[str]:
        """Forget the oldest runs, too old or too big in all; their keys, for the folders to go."""
        gone = self.con.execute(
            "SELECT key FROM (SELECT key, ended_at, sum(size) OVER (ORDER BY ended_at DESC, key)"
            " AS newer FROM run) WHERE ended_at < ? OR newer > ?",
            (now.wall - keep_seconds, keep_bytes),
        ).fetchall()
        self.con.executemany("DELETE FROM run WHERE key = ?", gone)
        return [key for (key,) in gone]

    def _commands(self, where: str, *args: Any) -> list[Command]:
        rows = self.con.execute(_COMMAND + where, args)
        return [_command(*row) for row in rows.fetchall()]


def _command(*row: Any) -> Command:
    command = Command(*row)
    return command._replace(
        parallel=bool(command.parallel),
        stage=Stage(command.stage),
        cancelled=bool(command.cancelled),
    )
