"""The fake and SQLite, told the same things at random, must never be told apart."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from steward.frames import Verdict
from steward.handoff.state import Now
from steward.message import FINAL, Kind, Message, MessageId, State
from steward.subjects import NodeName, Subject, parse
from tests.property.fake_ledger import FakeLedger
from tests.store.conftest import Ledger, message, new_sqlite

NODES = [NodeName("ship1"), NodeName("ship2")]
LANES = ["EventACK.TextLogging", "EventACK.Result", "CommandACK.ShellCommand"]
GIVE_UP = [State.EXPIRED, State.UNDELIVERED, State.CANCELLED]
ENDS = ["succeeded", "failed", "timed_out", "cancelled", "expired", "interrupted"]
REASONS = ["refused", "expired", "settled", "cancelled", "nonsense"]


class Twins(RuleBasedStateMachine):
    """Cancel messages are made by the ledgers themselves, so their ids differ: they are told
    apart by place alone."""

    ids: Bundle[MessageId] = Bundle("ids")
    lanes: Bundle[Subject] = Bundle("lanes")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        fake = FakeLedger.new("mine", "start-0")
        self.fake = Ledger(fake.sending, fake.receiving)
        self.real = new_sqlite(self.folder / "steward.db")
        self.time = 0.0
        self.starts = 0
        self.stores = dict.fromkeys(NODES, 0)
        self.known: list[MessageId] = []
        self.used: set[Subject] = set()
        self.restart()

    def teardown(self) -> None:
        if hasattr(self, "real"):
            self.real.check()
            self.real.con.close()
            shutil.rmtree(self.folder)

    @property
    def now(self) -> Now:
        return Now(1000.0 + self.time, self.time)

    def both(self, ask: str | Callable[..., Any], *args: Any) -> Any:
        """Ask each of them the same; what they answer has to be the same."""
        answers = [
            getattr(ledger.outbox, ask)(*args)
            if isinstance(ask, str)
            else ask(ledger.outbox, *args)
            for ledger in (self.fake, self.real)
        ]
        assert answers[0] == answers[1]
        return answers[1]

    def instance(self, node: NodeName) -> str:
        return f"store-{self.stores[node]}"

    # ---------------------------------------------------------------- what may happen

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.time += seconds

    @rule(
        targets=(ids,),
        to=st.sampled_from(NODES),
        kind=st.sampled_from([Kind.EVENT_ACK, Kind.COMMAND_ACK]),
        count=st.integers(1, 4),
        ttl=st.sampled_from([0.0, 0.0, 2.0, 30.0]),
        retries=st.sampled_from([0, 0, 1, 3]),
        timeout=st.sampled_from([1.0, 10.0]),
        is_result=st.booleans(),
    )
    def submit(
        self,
        to: NodeName,
        kind: Kind,
        count: int,
        ttl: float,
        retries: int,
        timeout: float,
        is_result: bool,
    ) -> MultipleResults[MessageId]:
        more: dict[str, Any] = {"ttl": ttl, "retries": retries, "timeout": timeout, "to": to}
        if is_result and kind is Kind.EVENT_ACK:
            more["method"] = "Result"
        new = [message(kind, **more) for _ in range(count)]
        answers = self.both(_submitted, new, self.now)
        taken = [m.id for m, answer in zip(new, answers, strict=True) if answer == "Accepted"]
        self.known += taken
        self.used.add(new[0].subject)
        return multiple(*taken)

    @rule(targets=(lanes,), to=st.sampled_from(NODES), what=st.sampled_from(LANES))
    def lane(self, to: NodeName, what: str) -> Subject:
        return Subject(f"{to}.{what}")

    @rule(lane=lanes, most=st.integers(1, 5), most_bytes=st.sampled_from([1, 60, 10_000]))
    def bind(self, lane: Subject, most: int, most_bytes: int) -> None:
        node = parse(lane).node
        if self.both("has_queued", lane):
            self.both(_bound, node, self.instance(node), lane, most, most_bytes)

    @rule(
        lane=lanes,
        last=st.integers(1, 6),
        said=st.dictionaries(st.integers(1, 6), st.sampled_from(REASONS)),
    )
    def settle(self, lane: Subject, last: int, said: dict[int, str]) -> None:
        node = parse(lane).node
        self.used |= set(self.both(_settled, node, self.instance(node), lane, last, said, self.now))

    @rule(id=ids, why=st.sampled_from(GIVE_UP))
    def give_up(self, id: MessageId, why: State) -> None:
        self.both("give_up", [id], why, self.now)

    @rule(id=ids, state=st.sampled_from(sorted(FINAL - {State.PUBLISHED})))
    def end(self, id: MessageId, state: State) -> None:
        self.both("end", id, state, "", self.now)

    @rule(id=ids, state=st.sampled_from(ENDS), frm=st.sampled_from(NODES))
    def result(self, id: MessageId, state: str, frm: NodeName) -> None:
        self.both("settle_result", id, frm, {"state": state}, self.now)

    @rule(id=ids, frm=st.sampled_from(NODES))
    def running(self, id: MessageId, frm: NodeName) -> None:
        self.both("running", id, frm, self.now.wall, self.now)

    @rule(targets=(lanes,), id=ids)
    def cancel(self, id: MessageId) -> Subject:
        subject: Subject = self.both("queue_cancel", id, self.now)
        self.used.add(subject)
        return subject

    @rule(id=ids, count=st.integers(1, 5))
    def attempts(self, id: MessageId, count: int) -> None:
        self.both("save_attempts", {id: count}, self.now)

    @rule(lane=lanes, first=st.sampled_from([0.0, 5.0, 30.0]), limit=st.integers(1, 4))
    def look(self, lane: Subject, first: float, limit: int) -> None:
        self.both("expire_queued", lane, self.now)
        self.both("give_up_queued", lane, first, self.now)
        self.both("count_queued", lane, first, self.now, limit)
        self.both("set_first_try", lane, first)

    @rule(node=st.sampled_from(NODES))
    def adopt(self, node: NodeName) -> None:
        self.both(_adopted, node, self.instance(node), f"store-{self.stores[node] + 1}", self.now)
        self.stores[node] += 1

    @rule(known=st.booleans())
    def renew(self, known: bool) -> None:
        start = f"start-{self.starts}" if known else "another"
        self.both("renew", f"mine-{self.time}", start, self.now)

    @rule()
    def restart(self) -> None:
        self.starts += 1
        for ledger in (self.fake, self.real):
            ledger.restart(f"start-{self.starts}")

    @rule()
    def forget_caches(self) -> None:
        self.real.tables.end()
        self.real.tables.forget_caches()

    # ---------------------------------------------------------------- what must be the same

    @invariant()
    def they_cannot_be_told_apart(self) -> None:
        for id in self.known:
            self.both(_place, id)
        for lane in self.used:
            for ask in ("has_queued", "next_expiry", "first_try"):
                self.both(ask, lane)
            for first in (0.0, self.time):
                self.both("next_giving_up", lane, first)
        for node in NODES:
            self.both(_streams, node, self.instance(node))


def _submitted(box: Any, new: list[Message], now: Now) -> list[str]:
    return [type(answer).__name__ for answer in box.submit(new, 0, now, 12)]


def _bound(box: Any, node: NodeName, instance: str, lane: Subject, *most: int) -> Any:
    return box.bind(box.stream(node, instance, lane), lane, instance, *most).next


def _settled(
    box: Any, node: NodeName, instance: str, lane: Subject, last: int, said: Any, now: Now
) -> Any:
    stream = box.stream(node, instance, lane)
    if stream is None:
        return []
    verdicts = {stream.base + seq: Verdict(state=why) for seq, why in said.items()}
    return box.settle(stream, stream.base + last, verdicts, now)


def _adopted(box: Any, node: NodeName, old: str, new: str, now: Now) -> Any:
    peer = box.peer(node)
    peer.instance = old
    box.adopt(peer, new, now)
    return peer


def _streams(box: Any, node: NodeName, instance: str) -> Any:
    return [_stream(box, stream) for stream in box.streams_to(node, instance)]


def _place(box: Any, id: MessageId) -> Any:
    found = box.find(id)
    if found is None:
        return None
    subject, state, confirmed, stream, seq = found
    where = stream and (stream.to, stream.instance, stream.subject, stream.next, stream.base)
    return subject, state, confirmed, where, seq


def _stream(box: Any, stream: Any) -> Any:
    is_cancel = parse(stream.subject).method == "Cancel"
    flying = [
        (
            "" if is_cancel else m.id,
            "" if is_cancel else m.body,
            *(m.seq, m.is_command, m.state, m.confirmed, m.tombstone, m.expires),
            *(m.timeout, m.retries, m.attempts, m.clock),
        )
        for m in box.unreceipted(stream)
    ]
    at = [stream.subject, stream.next, stream.base, box.awaits_result(stream)]
    return at, flying, [None if is_cancel else box.id_at(stream, m[2]) for m in flying]


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
