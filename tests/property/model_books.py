"""What must never happen between real databases: each commit is looked at from beside.

The reading connection sees what is committed and nothing else. ``model_verdict`` judges the end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from node.schedule import Stream, stream_of
from steward.frames import Frame, Notice, Receipt, Verdict
from steward.inbox import Command
from steward.ledger import Identity, Shared
from steward.message import Message, MessageId, State
from steward.subjects import NodeName
from steward.tables import Tables
from tests.property.model_clocks import Clocks
from tests.property.model_rows import Accepted, Row, rows_of

if TYPE_CHECKING:
    from tests.property.model_daemon import ModelDaemon
    from tests.property.model_town import Town

_ids = msgspec.msgpack.Decoder(dict[int, MessageId])
_verdicts = msgspec.msgpack.Decoder(dict[int, Verdict])
ACCEPTED = "accepted"


class Books(Clocks):
    """Sees everything, tells nobody."""

    def __init__(self, town: Town) -> None:
        super().__init__(town)
        self.offered: dict[MessageId, tuple[NodeName, Message]] = {}
        self.starts_of: Counter[MessageId] = Counter()
        self.nonces: dict[MessageId, str] = {}
        self.order: dict[Stream, int] = {}
        self.disturbed: set[MessageId] = set()
        """Commands that ran, or were about to, when power or their runner went."""
        self.lost: list[tuple[NodeName, str]] = []
        self.handled: set[MessageId] = set()
        self.unknown: set[MessageId] = set()
        """Those that were so at any time: a proof may have replaced it."""
        self.pruned: set[MessageId] = set()
        self.verdicts: dict[tuple[str, str, str, int], str] = {}
        """By sender's store, receiver's store, subject, seq."""
        self._rows: dict[tuple[NodeName, int], dict[MessageId, Row]] = defaultdict(dict)
        self._works: dict[tuple[NodeName, int], int] = {}

    # ---------------------------------------------------------------- commands

    def starts(self, end: ModelDaemon, c: Command, nonce: str, alive: Iterable[Command]) -> None:
        self.starts_of[c.id] += 1
        self.nonces[c.id] = nonce
        self.town.seen["starts"] += 1
        is_forgotten = c.seq == 0 and self.lost  # a NACK kind is known by its inbox row alone
        if self.starts_of[c.id] > 1 and not is_forgotten:
            self.fault("I2 started twice", c.id)
        known = self.accepted.get(c.id)
        if known is None or known.message.parallel or not c.seq:
            return
        if self.order.get(stream_of(c), 0) > c.seq:
            self.fault("I3 started out of order", c.id)
        self.order[stream_of(c)] = c.seq
        others = [self.accepted[o.id] for o in alive if o.seq and stream_of(o) == stream_of(c)]
        if not all(o.message.parallel for o in others):
            self.fault("I3 two of one stream at once", c.id)

    def disturb(self, ids: Iterable[MessageId]) -> None:
        self.disturbed.update(ids)

    def works_of(self, name: NodeName, disks: int) -> int:
        return self._works.get((name, disks), 0)

    def puts_back(self, name: NodeName, disks: int, works: int) -> None:
        self._works[name, disks] = works

    # ---------------------------------------------------------------- letters

    def posts(self, end: ModelDaemon, letter: Frame | Receipt | Notice) -> None:
        """Nothing is said that isn't committed."""
        if isinstance(letter, Receipt) and letter.last is not None:
            committed = end.reader.execute(
                "SELECT last FROM in_stream WHERE frm = ? AND store = ? AND subject = ?",
                (letter.to, letter.to_store, letter.subject),
            ).fetchone()
            if letter.last > (committed[0] if committed else 0):
                self.fault("R receipt before commit", letter)
            self.town.seen["receipts"] += 1
        elif isinstance(letter, Frame):
            for entry in letter.messages:
                found = end.reader.execute(
                    "SELECT id FROM message m JOIN out_stream s ON s.key = m.stream"
                    " JOIN lane ON lane.key = m.lane"
                    " WHERE subject = ? AND instance = ? AND seq = ?",
                    (letter.subject, letter.instance, entry.seq),
                ).fetchone()
                if found != (entry.id,):
                    self.fault("R sent before it was bound", entry)
                self.town.seen["tombstones"] += bool(entry.tombstone)
            self.town.seen["frames" if letter.messages else "questions"] += 1

    # ---------------------------------------------------------------- commits

    def committed(self, end: ModelDaemon) -> None:
        before = self._rows[end.name, end.disks]
        now = self._rows[end.name, end.disks] = rows_of(end)
        self._accept(end, now)
        self._compare(end, before, now)
        self._bound_in_order(now)
        self._caches(end)
        self._work(end)
        for other in self.town.ends.values():
            if other is not end and other.is_up:
                self._agree(end, other)
                self._agree(other, end)

    def _accept(self, end: ModelDaemon, rows: dict[MessageId, Row]) -> None:
        for id in [id for id in rows if id in self.offered]:
            sender, message = self.offered.pop(id)
            self.accepted[id] = Accepted(sender, message, rows[id].expires)

    def _compare(
        self, end: ModelDaemon, before: dict[MessageId, Row], now: dict[MessageId, Row]
    ) -> None:
        for id, old in before.items():
            new = now.get(id)
            if new is None:
                self.pruned.add(id)
                if not old.confirmed or old.is_under_way:
                    self.fault("I1 vanished", id, old)
            elif old.confirmed and not new.confirmed:
                self.fault("I1 opened again", id, old, new)
            elif old.confirmed and old.state not in (new.state, State.UNKNOWN):
                self.fault("I1 two different ends", id, old, new)
        for id, new in now.items():
            was = before.get(id)
            if new.state is State.UNKNOWN and (was is None or was.state is not State.UNKNOWN):
                self._unknown(new)
            if new.maybe and (was is None or not was.maybe):
                self.town.seen["told again"] += 1

    def _unknown(self, row: Row) -> None:
        self.town.seen["unknown"] += 1
        self.unknown.add(row.id)
        if not self.lost:
            self.fault("I6 unknown without a lost store", row)
        is_wiped = all(how == "wiped" for _, how in self.lost)
        if (
            is_wiped
            and not row.maybe
            and row.instance in [e.store for e in self.town.ends.values()]
        ):
            self.fault("I6 unknown, but that store is alive", row)

    def _bound_in_order(self, rows: dict[MessageId, Row]) -> None:
        seqs: dict[tuple[str, str], int] = {}
        order = {id: i for i, id in enumerate(self.accepted)}
        for row in sorted(rows.values(), key=lambda row: (order.get(row.id, -1), row.n)):
            if row.instance is not None and row.seq is not None:
                stream = (row.subject, row.instance)
                if seqs.get(stream, 0) >= row.seq:
                    self.fault("I3 bound out of order", row)
                seqs[stream] = row.seq

    def _caches(self, end: ModelDaemon) -> None:
        """What the writer remembers is what the file says."""
        view = Tables(Shared(end.reader, Identity(end.name, end.store, end.start))).outbox
        for key, known in end.tables.outbox._flying.items():
            stream = view._stream_row(key)
            if stream is not None and known != view._bound(stream):
                self.fault("C the messages under way", known, view._bound(stream))
        counted = dict(
            ((lane, state), n)
            for lane, state, n in end.reader.execute(
                "SELECT lane, state, count(*) FROM message GROUP BY lane, state"
            )
        )
        told = {key: n for key, n in end.tables.outbox._tallies().items() if n}
        if told != counted or told != {key: n for key, n in view._tallies().items() if n}:
            self.fault("C the tallies", told, counted)
        (store,) = end.reader.execute("SELECT store_id FROM meta").fetchone()
        if store != end.store:
            self.fault("C the store id", store, end.store)

    def _work(self, end: ModelDaemon) -> None:
        """I2 and I3 for events: what they did is in the same file."""
        key = (end.name, end.disks)
        done = end.reader.execute(
            "SELECT n, id, queue, seq FROM work WHERE n > ?", (self._works.get(key, 0),)
        ).fetchall()
        for n, id, queue, seq in done:
            self._works[key] = n
            self.handled.add(id)
            self.town.seen["handles"] += 1
            if not seq:
                continue
            twice, later = end.reader.execute(
                "SELECT sum(id = ? AND n < ?), sum(queue = ? AND seq >= ? AND n < ?) FROM work",
                (id, n, queue, seq, n),
            ).fetchone()
            if twice:
                self.fault("I2 handled twice by one store", id)
            if later:
                self.fault("I3 handled out of order", id)
            known = self.accepted.get(id)
            if known is not None:
                self.in_time(end, known.sender, id)

    def _agree(self, sender: ModelDaemon, receiver: ModelDaemon) -> None:
        """Rules 3 to 5: neither end knows more of a stream than the other can have told it."""
        if self.forgiving:
            return
        streams = sender.reader.execute(
            "SELECT subject, next, base FROM out_stream s JOIN lane ON lane.key = s.lane"
            " WHERE node = ? AND instance = ?",
            (receiver.name, receiver.store),
        ).fetchall()
        for subject, next, base in streams:
            known = receiver.reader.execute(
                "SELECT last, base, ids, verdicts FROM in_stream"
                " WHERE frm = ? AND store = ? AND subject = ?",
                (sender.name, sender.store, subject),
            ).fetchone()
            last, low, ids, verdicts = known or (0, 0, b"\x80", b"\x80")
            if not low <= base <= last < next:
                self.fault("A base and last", subject, (low, base, last, next))
            bound = {
                row.seq: row.id
                for row in self._rows[sender.name, sender.disks].values()
                if row.subject == subject and row.instance == receiver.store
            }
            told = _verdicts.decode(verdicts)
            for seq, id in _ids.decode(ids).items():
                if bound.get(seq, id) != id:
                    self.fault("A another message has this seq", subject, seq, id, bound[seq])
                verdict = str(told[seq].state) if seq in told else ACCEPTED
                self._stands((sender.store, receiver.store, subject, seq), id, verdict)

    def _stands(self, at: tuple[str, str, str, int], id: MessageId, verdict: str) -> None:
        before = self.verdicts.get(at, verdict)
        if before != verdict and (before != ACCEPTED or self.starts_of[id]):
            self.fault("A a verdict was changed", id, before, verdict)
        if before != verdict:
            self.town.seen["voided while it waited"] += 1
        self.verdicts[at] = verdict

    def open_ids(self) -> list[MessageId]:
        """Accepted messages that have no proved end."""
        ends = self.town.ends.values()
        rows = [row for end in ends for row in self._rows[end.name, end.disks].values()]
        return [row.id for row in rows if not row.confirmed and row.id in self.accepted]

    def is_open(self, end: ModelDaemon) -> bool:
        """Whether something has no proved end, or no receipt yet."""
        return any(not row.confirmed or row.is_under_way for row in rows_of(end).values())
