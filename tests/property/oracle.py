"""What must never happen: the invariants I1 to I8 of DESIGN.md section 9, watched from outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from node.schedule import Stream, is_ordered, stream_of
from steward.handoff.state import Arrival
from steward.inbox import Command
from steward.message import NEVER_STARTED, Message, MessageId, State
from steward.subjects import NodeName, Subject
from tests.property.fake_ledger import FakeSending, Row

if TYPE_CHECKING:
    from tests.property.sim_node import SimNode
    from tests.property.world import World

RAN = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT})
MOST_LOOKS = 200
"""At one lane within one virtual second: more is a due time that spins."""


class Accepted(NamedTuple):
    """What the operator was promised."""

    sender: NodeName
    message: Message
    expires: float | None
    """By the sender's clock."""


class Oracle:
    """Sees everything, tells nobody, and judges at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[tuple[str, ...]] = []
        self.journal: list[tuple[float, str, str]] = []
        self.accepted: dict[MessageId, Accepted] = {}
        self.starts_of: Counter[MessageId] = Counter()
        self.nonces: dict[MessageId, str] = {}
        self.order: dict[Stream, list[int]] = defaultdict(list)
        self.handled: Counter[MessageId] = Counter()
        self.refused: set[MessageId] = set()
        self.disturbed: set[MessageId] = set()
        """Commands that ran, or were about to, when power or their runner went."""
        self.lost: list[tuple[str, str]] = []
        self._looks: Counter[tuple[str, Subject, int]] = Counter()
        self._stepped: set[str] = set()
        self._skews: dict[str, float] = {}
        self._heard: dict[tuple[str, str], float] = {}

    def fault(self, what: str, *facts: object) -> None:
        self.faults.append((what, *map(str, facts)))
        self.note("oracle", " ".join(map(str, (what, *facts))))

    def note(self, who: str, what: str) -> None:
        self.journal.append((self.world.t, who, what))

    # ---------------------------------------------------------------- what happens

    def accepts(self, sender: SimNode, m: Message) -> None:
        expires = sender.sending.rows[m.id].expires
        self.accepted[m.id] = Accepted(sender.name, m, expires)

    def looks(self, node: SimNode, lane: Subject) -> None:
        at = (node.name, lane, int(self.world.t))
        self._looks[at] += 1
        if self._looks[at] == MOST_LOOKS:
            self.fault("a due time spins", *at)
            node.armed.clear()

    def starts(self, node: SimNode, c: Command, nonce: str) -> None:
        self.note(node.name, f"starts {c.id}")
        self.starts_of[c.id] += 1
        self.nonces[c.id] = nonce
        is_forgotten = c.seq == 0 and self.lost  # a NACK kind is known by its inbox row alone
        if self.starts_of[c.id] > 1 and not is_forgotten:
            self.fault("I2 started twice", c.id)
        if is_ordered(c):
            order = self.order[stream_of(c)]
            if order and order[-1] > c.seq:
                self.fault("I3 started out of order", c.id)
            order.append(c.seq)

    def handles(self, node: SimNode, event: Arrival) -> None:
        self.note(node.name, f"handles {event.id}")
        self.handled[event.id] += 1
        if event.id in node.disk.done:
            self.fault("I2 handled twice by one store", event.id)
        node.disk.done.add(event.id)
        self.in_time(node, event.frm, event.id)

    def in_time(self, node: SimNode, frm: NodeName, id: MessageId) -> None:
        """I7, by the sender's clock as the receiver last knew it. Asked at the decision: how long
        the runner then takes is nobody's fault."""
        known = self.accepted.get(id)
        if known is None or known.expires is None:
            return
        ahead = self.world.nodes[frm].skew
        if self._stepped & {node.name, frm}:
            ahead = self._heard.get((node.name, frm), float("-inf"))
        if self.world.t + ahead > known.expires:
            self.fault("I7 after it had expired", id)

    def boots(self, node: SimNode) -> None:
        """From now on every end that this node's store commits is seen."""
        box = node.sending

        def end(row: Row, state: State, reason: str) -> None:
            self.ends(node, row, state)
            FakeSending._end(box, row, state, reason)

        box._end = end  # type: ignore[method-assign]
        self._skews[node.start] = node.skew
        self._forget(node)

    def hears(self, node: SimNode, frm: NodeName, start: str, clock: float) -> None:
        """News of the sender's clock: what is known of it since either was set anew."""
        if self._skews[start] != self.world.nodes[frm].skew:
            return  # under way since before the step
        before = self._heard.get((node.name, frm), float("-inf"))
        self._heard[(node.name, frm)] = max(before, clock - self.world.t)

    def steps(self, node: SimNode) -> None:
        self._stepped.add(node.name)
        self._forget(node)

    def _forget(self, node: SimNode) -> None:
        """What it knew of others' clocks was in its memory, what they knew of its own is past."""
        for key in [k for k in self._heard if node.name in k]:
            del self._heard[key]

    def ends(self, node: SimNode, row: Row, state: State) -> None:
        self.note(node.name, f"ends {row.message.method} {row.message.id} {row.state} -> {state}")
        if row.confirmed and row.state not in (state, State.UNKNOWN):
            self.fault("I1 two different ends", row.message.id, row.state, state)
        if state is State.UNKNOWN and row.stream is not None and not self._rolled_back():
            instance = node.sending.streams[row.stream].instance
            if any(instance == n.sending.epoch for n in self.world.nodes.values()):
                self.fault("I6 unknown, but that store is alive", row.message.id)

    def loses_power(self, node: SimNode) -> None:
        self.disturbed.update(c.id for c in node.receiving.started_rows())

    def loses_disk(self, node: SimNode, how: str) -> None:
        self.lost.append((node.name, how))
        self.note(node.name, f"disk {how}")

    def _rolled_back(self) -> bool:
        return any(how != "wiped" for _, how in self.lost)

    def must_have_ended(self, id: MessageId) -> None:
        row = self.world.s.sending.rows.get(id)
        if row is None or not row.confirmed:
            self.fault("I8 delayed by others", id, row and row.state)

    # ---------------------------------------------------------------- the judgement

    def is_idle(self) -> bool:
        return all(
            row.confirmed and (row.stream is None or row.receipted)
            for node in self.world.nodes.values()
            for row in node.sending.rows.values()
            if row.message.to != "X" and row.message.kind.is_acked
        ) and not any(node.receiving.commands for node in self.world.nodes.values())

    def judge(self) -> None:
        for id, known in self.accepted.items():
            row = self.world.nodes[known.sender].sending.rows.get(id)
            if row is not None:
                self._judge(id, row)
            elif not any(name == known.sender for name, _ in self.lost):
                self.fault("I1 vanished", id)
        for node in self.world.nodes.values():
            for row in node.sending.rows.values():
                if not row.confirmed and row.message.to != "X" and row.message.kind.is_acked:
                    self.fault("I1 not settled", row.message.id, row.state, row.subject)
            for name, peer in node.sending.peers.items():
                if peer.alarm:
                    self.fault("an alarm without a reason", name, peer.alarm)
        if self.world.profile.slow:
            most = 4 * len(self.accepted) + self.world.t
            if self.world.posted["Frame from S"] > most:
                self.fault("too many frames on a slow link", self.world.posted["Frame from S"])

    def _judge(self, id: MessageId, row: Row) -> None:
        starts, state = self.starts_of[id], row.state
        self.world.stats[f"{'command' if row.is_command else 'event'} {state}"] += 1
        if not row.confirmed:
            return
        if row.message.to == "X" and state not in NEVER_STARTED and not self.lost:
            self.fault("I4 at a node that isn't there", id, state)
        if state is State.UNKNOWN and not self.lost:
            self.fault("I6 unknown without a lost store", id)
        if not row.is_command:
            if state is State.SUCCEEDED and not self.handled[id]:
                self.fault("I4 event succeeded, not handled", id)
            if state in NEVER_STARTED and self.handled[id]:
                self.fault("I4 event was handled", id, state)
            return
        ran = bool(row.outcome and row.outcome.get("nonce"))
        if state in RAN and starts != 1:
            self.fault("I4 has an outcome", id, state, starts)
        if state in NEVER_STARTED and not (state is State.CANCELLED and ran) and starts:
            self.fault("I4 was started", id, state)
        if ran and row.outcome and row.outcome["nonce"] != self.nonces.get(id):
            self.fault("I5 another run's result", id)
        if state is State.INTERRUPTED and id not in self.disturbed:
            self.fault("I6 interrupted without a reason", id)
