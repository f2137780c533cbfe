"""What the daemon puts into the outbox: new messages, notices, and what came back about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from steward.errors import IdConflict, QueueFull, Refused, StewardError
from steward.handoff.state import Now
from steward.ledger import Lane, Shared
from steward.message import NOBODY, Defaults, Kind, Message, MessageId, Operator, State, new_id
from steward.outbox_notices import Notices
from steward.outbox_rows import Row
from steward.result import of_secret
from steward.subjects import NodeName, Subject

RESULTS = frozenset(
    {
        State.SUCCEEDED,
        State.FAILED,
        State.TIMED_OUT,
        State.CANCELLED,
        State.EXPIRED,
        State.INTERRUPTED,
        State.REFUSED,
    }
)
"""How a command ends at the node that it reached."""

_NEW = """
    INSERT INTO message (n, id, lane, state, parallel, timeout, retries, patience, ttl, expires,
        due, clock, accepted_at, digest, uid, job, retry_of, about) VALUES """
_ROW = "(?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOGETHER = 32
"""Rows that one statement inserts, where there are many."""
_NEW_MANY = _NEW + ", ".join([_ROW] * _TOGETHER)


class Accepted(NamedTuple):
    """The answer to one message of a submit."""

    id: MessageId
    duplicate: bool = False
    """The same message was accepted before: nothing was stored."""
    new_node: bool = False
    """Nothing was ever heard of its node: the name may be mistyped."""


def cancel_message(
    id: MessageId, target: MessageId, to: NodeName, operator: Operator = NOBODY
) -> Message:
    """The message that ends ``target`` where it waits or runs."""
    return Message(
        id=id,
        to=to,
        kind=Kind.EVENT_ACK,
        method="Cancel",
        data=(target,),
        timeout=Defaults().timeout,
        retries=0,
        operator=operator,
    )


class Intake(Notices):
    """Submitting, and the news of messages that are on their way."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._heard_of: set[NodeName] = set()

    def forget_caches(self) -> None:
        super().forget_caches()
        self._heard_of.clear()

    def submit(
        self,
        messages: Sequence[Message],
        uid: int | None,
        now: Now,
        limit_per_node: int | None = None,
    ) -> list[Accepted | StewardError]:
        """Queue messages; one answer for each, in order: Accepted, IdConflict or QueueFull.

        ``uid``: who asked, None: the operator that each message names. ``limit_per_node`` bounds
        what may be queued and sent to one node. None is for results and other machinery, which
        nothing bounds but the disk. Raises StoreFull while there is no room: for results later than
        for others.
        """
        if limit_per_node is not None:
            self.shared.check_intake()
        else:
            self.shared.check_reserve()
        digests = self._digests([m.id for m in messages])
        answers: list[Accepted | StewardError] = []
        new: list[tuple[Lane, Message, bytes]] = []
        taken: Counter[NodeName] = Counter()
        unheard: dict[NodeName, bool] = {}
        lanes: dict[tuple[NodeName, Kind, str], Lane] = {}
        for message in messages:
            digest, to = message.digest(), message.to
            if message.id in digests:
                answers.append(self._seen_before(message, digests[message.id] == digest))
                continue
            if limit_per_node is not None and self.load(to) + taken[to] >= limit_per_node:
                answers.append(self._queue_full(to, limit_per_node))
                continue
            if to not in unheard:
                unheard[to] = not self._is_known(to)
            taken[to] += 1
            digests[message.id] = digest
            where = (to, message.kind, message.method)
            lane = lanes.get(where)
            if lane is None:
                lanes[where] = lane = self.lane(message.subject)
            new.append((lane, message, digest))
            answers.append(Accepted(message.id, False, unheard[to]))
        self._insert(new, uid, now)
        return answers

    def _insert(
        self, new: Sequence[tuple[Lane, Message, bytes]], uid: int | None, now: Now
    ) -> None:
        if not new:
            return
        self.shared.touched.accepted += len(new)
        first = self.next_n(len(new))
        rows = []
        for n, (lane, m, digest) in enumerate(new, first):
            expires = now.wall + m.ttl if m.ttl else None
            due = expires if expires and m.kind.is_acked else None
            patience = m.retries * m.timeout if m.retries and m.kind.is_acked else None
            about = m.data[0] if m.method == "Cancel" and m.data else None
            who = m.operator.uid if uid is None else uid
            sent = (m.parallel, m.timeout, m.retries, patience, m.ttl, expires, due)
            at = (now.steady, now.wall, digest, who, m.job, m.retry_of, about)
            rows.append((n, m.id, lane.key, *sent, *at))
        for key, count in Counter(lane.key for lane, _, _ in new).items():
            self._move(self.lane_at(key), None, State.QUEUED, count)
        together = len(rows) - len(rows) % _TOGETHER
        for i in range(0, together, _TOGETHER):
            self.con.execute(_NEW_MANY, [*chain.from_iterable(rows[i : i + _TOGETHER])])
        self.con.executemany(_NEW + _ROW, rows[together:])
        bodies = [(n, m.body()) for n, (_, m, _) in enumerate(new, first)]
        self.con.executemany("INSERT INTO body VALUES (?, ?)", bodies)
        if secret := [n for n, (_, m, _) in enumerate(new, first) if m.secret]:
            self._keep_secret(secret)
        jobs: dict[str, int] = {}
        for n, (lane, m, _) in enumerate(new, first):
            if m.job is not None and not lane.hidden:
                jobs.setdefault(m.job, n)
        for job, n in jobs.items():
            self.con.execute("INSERT OR IGNORE INTO job VALUES (?, ?)", (n, job))
        self.shared.touched.messages.update(m.id for _, m, _ in new)

    def _digests(self, ids: Sequence[MessageId]) -> dict[MessageId, bytes]:
        if len(ids) == 1:
            rows = self.con.execute("SELECT id, digest FROM message WHERE id = ?", ids)
        else:
            rows = self.con.execute(
                "SELECT m.id, digest FROM json_each(?) JOIN message m ON m.id = value",
                (msgspec.json.encode(ids).decode(),),
            )
        return dict(rows.fetchall())

    @staticmethod
    def _seen_before(message: Message, same: bool) -> Accepted | StewardError:
        if same:
            return Accepted(message.id, duplicate=True)
        return IdConflict(
            f"the id {message.id} was used before, for another message",
            "leave the id out, or give every message one of its own",
        )

    @staticmethod
    def _queue_full(node: NodeName, limit: int) -> StewardError:
        return QueueFull(
            f"{node} has {limit:,} messages waiting, and no more may",
            f"steward nodes show {node}; steward nodes clear {node} cancels them",
        )

    def _is_known(self, node: NodeName) -> bool:
        if node not in self._heard_of:
            (known,) = self.con.execute(
                "SELECT EXISTS (SELECT 1 FROM roster WHERE name = ?1)"
                " OR EXISTS (SELECT 1 FROM peer WHERE name = ?1 AND instance != '')",
                (node,),
            ).fetchone()
            if not known:
                return False
            self._heard_of.add(node)
        return True

    def queue_cancel(self, target: MessageId, now: Now) -> Subject:
        """Queue a ``Cancel`` to the target's node, unless one is under way; its subject."""
        under_way = self.con.execute(
            "SELECT lane FROM message WHERE about = ? AND confirmed = 0", (target,)
        ).fetchone()
        if under_way is not None:
            return self.lane_at(under_way[0]).subject
        (key,) = self.con.execute("SELECT lane FROM message WHERE id = ?", (target,)).fetchone()
        cancel = cancel_message(new_id(), target, self.lane_at(key).node, self.shared.operator)
        self._insert([(self.lane(cancel.subject), cancel, cancel.digest())], None, now)
        return cancel.subject

    # ---------------------------------------------------------------- news of commands

    def settle_result(
        self, about: MessageId, frm: NodeName, outcome: Mapping[str, Any], now: Now
    ) -> bool:
        """A command's outcome has come from ``frm``; whether it settled anything.

        The first proof wins; only ``unknown`` may be replaced by one. The message stays bound until
        its receipt. What is not about a command of mine to ``frm`` is filed as an orphan, once.
        Raises Refused if no command can end like that.
        """
        if outcome.get("state") not in RESULTS:
            raise Refused(f"{outcome.get('state')!r} is not how a command ends", "upgrade the node")
        row = self._command(about, frm)
        if row is not None and row[0] in self._secrets():  # an older node tells too much
            outcome = of_secret(outcome)
        encoded = msgspec.json.encode(outcome)
        if row is None:
            self.con.execute(
                "INSERT OR IGNORE INTO orphan VALUES (?, ?, ?, ?)", (about, frm, now.wall, encoded)
            )
            return False
        n, state, confirmed, stream = row
        if confirmed and state != State.UNKNOWN:
            return False
        ended = Row(n, about, State(state), False)
        reason = str(outcome.get("reason", ""))
        self._end_rows(self._lane_of(n), [ended], State(outcome["state"]), reason, now)
        self.con.execute("INSERT OR REPLACE INTO outcome VALUES (?, ?)", (n, encoded))
        self.forget_stream(stream)
        return True

    def running(self, about: MessageId, frm: NodeName, started: float, now: Now) -> bool:
        """``frm`` says that it runs a command of mine: best effort, its result proves it.

        ``started``: wall time on its clock, kept as far as it can be true on mine.
        """
        row = self._command(about, frm)
        if row is None or row[1] not in (State.SENT, State.DELIVERED):
            return False
        n, state, _, stream = row
        self.con.execute(
            "UPDATE message SET state = 'running', running_at = max(sent_at, min(?, ?))"
            " WHERE n = ?",
            (started, now.wall, n),
        )
        self._move(self._lane_of(n), state, State.RUNNING)
        self.forget_stream(stream)
        self.shared.touched.messages.add(about)
        return True

    def _command(self, id: MessageId, to: NodeName) -> tuple[int, str, bool, int | None] | None:
        row: tuple[int, str, bool, int | None] | None = self.con.execute(
            "SELECT n, state, confirmed, stream FROM message JOIN lane ON lane.key = lane"
            " WHERE id = ? AND node = ? AND kind = 'CommandACK'",
            (id, to),
        ).fetchone()
        return row
