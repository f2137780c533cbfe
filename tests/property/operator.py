"""The operator of the simulated world: what is sent, and what is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from steward.frames import Notice
from steward.message import Kind, Message, MessageId
from steward.subjects import NodeName
from tests.property.sim_disk import Crash
from tests.property.sim_node import SimNode

if TYPE_CHECKING:
    from tests.property.world import World

MESSAGES = 26


class Operator:
    """Sits at S, and now and then at R."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        self.endless: list[MessageId] = []

    def begin(self) -> None:
        from tests.property.world import CALM

        rng, world = self.rng, self.world
        span = 640.0 if world.character == 3 else rng.choice((300.0, 690.0))
        for _ in range(MESSAGES):
            world.at(rng.uniform(0, span), self.ask)
        if rng.random() < 0.2:
            world.at(rng.uniform(0, span), lambda: self.hold(held=True))
            world.at(CALM + 10, lambda: self.hold(held=False))
        world.at(CALM + 450, self.insist)
        if world.seed % 2 == 0:
            world.at(CALM + 500, self.isolate)

    def ask(self) -> None:
        """One message of any sort."""
        world, rng, race = self.world, self.rng, self.world.profile.race
        sender = world.r if rng.random() < 0.08 else world.s
        if not sender.up:
            world.at(5, self.ask)
            return
        hot = world.character
        endless = rng.random() < (0.3 if hot == 2 else 0.08)
        seconds = rng.choice((0.5, 15, 60, 60)) if race else rng.choice((0.05, 0.5, 3, 3, 15, 60))
        ttl = 0.0
        if rng.random() < (0.8 if hot in (1, 4) else 0.35):
            ttl = rng.choice((15, 25, 60, 150, 400))
        if race:
            ttl = rng.uniform(5, 60) if rng.random() < 0.4 else 0.0
            if rng.random() < 0.7:
                world.set_cut(False)
        elif hot == 1 and ttl:
            ttl = rng.uniform(4, 30)
        kind = Kind.EVENT_ACK if not endless and rng.random() < 0.3 else Kind.COMMAND_ACK
        x = rng.random()
        to = "S" if sender is world.r or x > 0.97 else "X" if x < 0.1 else "R"
        what = "bad" if rng.random() < 0.06 else "endless" if endless else str(seconds)
        outcome = "failed" if rng.random() < 0.2 else "succeeded"
        message = self.message(
            to,
            kind,
            rng.choice("EEA" if kind is Kind.EVENT_ACK else "AAB"),
            (what, outcome),
            timeout=rng.choice((1.0, 2.0, 3.0) if world.profile.slow else (2.0, 5.0, 10.0)),
            retries=rng.choice((0, 0, 2, 3)) if race else rng.choice((0, 0, 0, 2, 4)),
            ttl=ttl,
            parallel=not race and rng.random() < 0.2,
        )
        if endless or rng.random() < (0.4 if race else 0.2):
            delay = 0.1 + rng.expovariate(1 / rng.choice((0.7, 3, 40)))
            world.at(delay, lambda: self.cancel(sender.name, message.id, endless))
        self.give(sender, message)
        if rng.random() < 0.1 and to == "R":
            self.notify(self.message("R", Kind.COMMAND_NACK, "N", ("0.5", "succeeded")))

    def message(
        self,
        to: str,
        kind: Kind,
        method: str,
        data: tuple[str, ...],
        *,
        timeout: float = 10.0,
        retries: int = 0,
        ttl: float = 0.0,
        parallel: bool = False,
    ) -> Message:
        return Message(
            id=self.world.message_id(),
            to=NodeName(to),
            kind=kind,
            method=method,
            data=data,
            timeout=timeout,
            retries=retries,
            ttl=ttl,
            parallel=parallel,
        )

    def notify(self, message: Message) -> None:
        """A NACK kind: sent once, outside every stream."""
        s = self.world.s
        letter = Notice(
            frm=s.name,
            store=s.sending.store_id(),
            start=s.start,
            to=message.to,
            subject=message.subject,
            clock=s.now().wall,
            id=message.id,
            body=msgspec.Raw(message.body()),
        )
        s.post(letter)

    def cancel(self, sender: NodeName, id: MessageId, endless: bool) -> None:
        node = self.world.nodes[sender]
        if endless and not self.world.calm:
            self.endless.append(id)
        if not node.up:
            self.world.at(5, lambda: self.cancel(sender, id, endless))
            return
        try:
            node.cancel(id)
        except Crash:  # no answer: the operator asks again
            self.world.at(5, lambda: self.cancel(sender, id, endless))

    def hold(self, *, held: bool) -> None:
        """R's queue at S; a hold is forgotten with the store, and released once."""
        if self.world.s.up:
            self.world.s.hold(self.world.r.name, held)
            if held:
                self.world.at(self.rng.uniform(10, 120), lambda: self.hold(held=False))
        elif not held:
            self.world.at(5, lambda: self.hold(held=False))

    def insist(self) -> None:
        """A restored store may have forgotten that something endless had been cancelled."""
        if not any(name == "S" for name, _ in self.world.oracle.lost):
            return
        for id in self.endless:
            for node in self.world.nodes.values():
                if id in node.sending.rows:
                    self.cancel(node.name, id, False)

    def isolate(self) -> None:
        """I8: one subject of R is dead, X is dead; other subjects of R must not care."""
        world, s = self.world, self.world.s
        dead = self.message("R", Kind.COMMAND_ACK, "A", ("0.05", "succeeded"))
        world.blocked = dead.subject
        self.give(s, dead)
        self.give(s, self.message("X", Kind.COMMAND_ACK, "C", ("0.05", "succeeded"), ttl=100))
        for delay, kind in ((3, Kind.COMMAND_ACK), (4, Kind.EVENT_ACK)):
            probe = self.message("R", kind, "C", ("0.05", "succeeded"))
            world.at(delay, lambda probe=probe: self.probe(probe))  # type: ignore[misc]
        world.at(150, self.unblock)
        world.stats["isolation tried"] += s.up

    def give(self, sender: SimNode, message: Message) -> None:
        try:
            sender.submit(message)
        finally:  # a crash may come before the commit, or after it
            if message.id in sender.sending.rows:
                self.world.oracle.accepts(sender, message)

    def probe(self, message: Message) -> None:
        self.give(self.world.s, message)
        limit = 120 if self.world.profile.slow else 20
        self.world.at(limit, lambda: self.world.oracle.must_have_ended(message.id))

    def unblock(self) -> None:
        self.world.blocked = ""
