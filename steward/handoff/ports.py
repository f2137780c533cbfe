"""What the core asks of a store. All of it happens inside one transaction of the caller's.

Two implementations stand behind these: SQLite (``steward/outbox.py``, ``steward/inbox.py``) and
the simulator's (``tests/property``). One suite of tests holds both to the words below.

A *lane* is the queue of one subject. Its messages wait unbound, in the order in which they were
accepted, until some of them are bound to a stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from steward.frames import Verdict
from steward.handoff.state import Arrival, InStream, Now, Outgoing, OutStream, Peer
from steward.message import MessageId, State
from steward.subjects import NodeName, Subject


class Sending(Protocol):
    """The sender's tables."""

    def store_id(self) -> str:
        """This database's random id: the epoch of what it sends, the instance that receives."""

    def peer(self, name: NodeName) -> Peer:
        """The peer, or a new one that nothing is known of."""

    def save_peer(self, peer: Peer) -> None: ...

    def first_try(self, subject: Subject) -> float | None:
        """Steady time of the lane's first try since its last receipt; None: not tried since."""

    def set_first_try(self, subject: Subject, steady: float | None) -> None: ...

    def has_queued(self, subject: Subject) -> bool:
        """Whether an open message of the lane is unbound."""

    def next_expiry(self, subject: Subject) -> float | None:
        """Wall time of the earliest expiry among the lane's open messages that are not given up."""

    def next_giving_up(self, subject: Subject, first_try: float) -> float | None:
        """Steady time at which the first unbound message of the lane has used up its attempts:
        the least of max(clock, first_try) + retries * timeout over those with retries > 0."""

    def expire_queued(self, subject: Subject, now: Now) -> None:
        """Settle as ``expired`` every unbound open message with ``expires <= now.wall``
        (``unknown`` one that an earlier, lost store may have handled)."""

    def give_up_queued(self, subject: Subject, first_try: float, now: Now) -> None:
        """Settle as ``undelivered`` every unbound open message whose attempts are used up by
        ``now.steady`` (``unknown`` one that a lost store may have handled)."""

    def count_queued(self, subject: Subject, first_try: float, now: Now, limit: int) -> None:
        """Commit the attempts so far of the first ``limit`` unbound messages (see ``attempts_at``
        in ``sender.py``)."""

    def stream(self, to: NodeName, instance: str, subject: Subject) -> OutStream | None: ...

    def streams_to(self, to: NodeName, instance: str) -> Sequence[OutStream]: ...

    def bind(
        self, stream: OutStream | None, subject: Subject, instance: str, most: int, most_bytes: int
    ) -> OutStream:
        """Give the lane's first unbound open messages the next seqs, the state ``sent`` and their
        first attempt: at least one, at most ``most`` and ``most_bytes`` of bodies. Makes the
        stream if it is None."""

    def unreceipted(self, stream: OutStream) -> list[Outgoing]:
        """Every message bound with ``seq > base``, in order, whether its end is known or not."""

    def save_attempts(self, attempts: Mapping[MessageId, int], now: Now) -> None: ...

    def give_up(self, ids: Iterable[MessageId], why: State, now: Now) -> None:
        """Bound and unreceipted: state ``why``, tombstone ``why``, unconfirmed."""

    def id_at(self, stream: OutStream, seq: int) -> MessageId | None:
        """The id that was bound there."""

    def awaits_result(self, stream: OutStream) -> bool:
        """Whether a command receipted on this stream is open still."""

    def settle(
        self, stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        """Settle everything in ``(base, last]`` and move base to last, the lane's first try to
        None (rule 5). Per message, unless its end is confirmed already:

        - a verdict: its state and reason, confirmed; ``settled`` means nobody knows: ``unknown``;
          a never-started state of one that a lost store may have handled: ``unknown``;
        - accepted, an event: ``succeeded``;
        - accepted, a command: ``delivered`` (``running`` stays), tombstone cleared; one that was
          being cancelled also gets a ``Cancel`` message on its way (rule 7).

        Returns the subjects of the Cancel messages queued."""

    def adopt(self, peer: Peer, instance: str, now: Now) -> None:
        """Retire ``peer.instance`` and adopt another (rule 9), peer saved. Of what was bound to
        the old store and has no confirmed end: commands become ``unknown``; events that were given
        up ``unknown``; other events are unbound, ``queued`` again and marked as perhaps handled."""

    def find(self, id: MessageId) -> tuple[Subject, State, bool, OutStream | None, int] | None:
        """(subject, state, confirmed, stream or None while unbound, seq) of a message of mine."""

    def end(self, id: MessageId, state: State, reason: str, now: Now) -> None:
        """Settle one message, confirmed (``unknown`` instead of a never-started state of one that
        a lost store may have handled)."""

    def queue_cancel(self, target: MessageId, now: Now) -> Subject:
        """Queue a ``Cancel`` (an EventACK with the target's id) to the target's node, unless one
        is under way; its subject."""

    def renew(self, store_id: str, start: str, now: Now) -> None:
        """This database is an older copy (rule 10), as sender: take the new store id, forget all
        streams; unfinished results are unbound and ``queued``; other unfinished messages become
        ``unknown``, except those unbound that were accepted during this ``start``. Every peer's
        alarm ends: somebody, or a signed proof, has decided."""


class Receiving(Protocol):
    """The receiver's tables."""

    def in_stream(self, frm: NodeName, store: str, subject: Subject) -> InStream | None: ...

    def save_in_stream(self, stream: InStream) -> None: ...

    def known(self, ids: Sequence[MessageId]) -> frozenset[MessageId]:
        """Those of ``ids`` that an earlier life of this database accepted (rule 10)."""

    def accept(self, arrivals: Sequence[Arrival], now: Now) -> None:
        """Commands into the inbox, state ``received``, in this order."""

    def void(self, frm: NodeName, store: str, subject: Subject, seq: int) -> bool:
        """Drop an accepted command that has not started; False if there is none such."""

    def reckon(self, frm: NodeName, ahead: float) -> None:
        """The sender's clock is ``ahead`` seconds before mine: waiting commands from it expire at
        ``deadline - ahead`` if that is earlier than what is stored (rule 11). Asked with every
        letter, so it costs nothing where nothing is new."""

    def renew(self, now: Now) -> None:
        """This database is an older copy (rule 10), as receiver: keep the ids accepted in each
        stream's (base, last], without those that have a verdict, as known; forget all streams; drop
        waiting commands, keep running ones."""
