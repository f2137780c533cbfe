"""The simulated world: a virtual clock, a seeded network, crashes, lost disks, and an operator."""

from __future__ import annotations

import contextlib
import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from node import schedule
from steward import frames
from steward.message import MessageId
from tests.property.operator import Operator
from tests.property.oracle import Oracle
from tests.property.profiles import Profile
from tests.property.sim_disk import Crash, Hello, Letter, copied
from tests.property.sim_executor import SimExecutor
from tests.property.sim_node import SimNode

CALM = 700.0
"""Virtual seconds after which there are no more faults."""
HORIZON = 3000.0
"""Virtual seconds after which everything has to be settled."""

MOST_EVENTS = 15_000
"""A run has some 5,000."""


def _nothing(node: SimNode) -> None:
    pass


class Parts(NamedTuple):
    """What a mutant exchanges."""

    node: type[SimNode] = SimNode
    executor: type[SimExecutor] = SimExecutor
    plan: Callable[..., schedule.Plan] = schedule.plan
    recover: Callable[..., schedule.Then] = schedule.recover
    change: Callable[[SimNode], None] = _nothing
    """Called at each boot, to override methods of the core and of the store."""


class World:
    """One seed of one profile."""

    def __init__(self, seed: int, profile: Profile, parts: Parts | None = None) -> None:
        self.parts = parts or Parts()
        self.rng = rng = random.Random(seed * 7919 + 13)
        self.seed, self.profile = seed, profile
        self.t = 0.0
        self.calm = False
        self.stats: Counter[str] = Counter()
        self.lives: Counter[str] = Counter()
        """Of each node's runner: processes of an earlier one never exit."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._token = 0
        self.character = seed // 2 % 5
        """1: crashes at starts; 2: many cancels, few crashes; 3: losses late; 4: a slow clock."""
        self.rate = 0.2 if self.character == 2 else rng.choice((0.25, 0.6, 1.0, 1.0, 2.0))
        self.signed = rng.random() < 0.8
        self.wire = rng.random() < 0.1
        self.narrow = rng.random() < 0.15
        """The broker takes small frames only."""
        self.steps_clock = rng.random() < 0.15
        self.cut = False
        self.blocked = ""
        self.posted: Counter[str] = Counter()
        self.oracle = Oracle(self)
        skew = (
            -rng.uniform(20, 400)
            if self.character == 4
            else rng.choice((0, 0, 300, -300, 4000, -4000))
        )
        self.s = self.parts.node(self, "S", ["R"], 0.0)
        self.r = self.parts.node(self, "R", ["S"], skew)
        self.nodes = {"S": self.s, "R": self.r}
        self.operator = Operator(self)

    # ---------------------------------------------------------------- clock, ids

    def at(self, delay: float, fn: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.t + delay, self._count, fn))

    def token(self, what: str = "tx") -> str:
        self._token += 1
        return f"{what}{self._token}"

    def message_id(self) -> MessageId:
        return MessageId(self.token("m"))

    def run(self) -> World:
        """Until everything is settled, or the horizon."""
        for node in self.nodes.values():
            self._guarded(node.boot)
        if self.profile.losses:
            self.backup()
        self.operator.begin()
        self.at(self.rng.expovariate(self.rate / 18), self.nemesis)
        self.at(CALM, self.be_calm)
        self.last_losses()
        while self._events and self.t < HORIZON:
            self.t, _, fn = heapq.heappop(self._events)
            self._guarded(fn)
            if self.t > CALM + 700 and self._count % 32 == 0 and self.oracle.is_idle():
                break
            if self._count > MOST_EVENTS:
                self.oracle.fault("a storm", f"{self._count} events by {self.t:.0f} s")
                break
        self.oracle.judge()
        return self

    def _guarded(self, fn: Callable[[], None]) -> None:
        with contextlib.suppress(Crash):
            fn()

    # ---------------------------------------------------------------- network

    def send(self, frm: str, letter: Letter) -> None:
        kind = type(letter).__name__
        self.posted[f"{kind} from {frm}"] += 1
        to = self.nodes.get(letter.to)
        if (
            to is None
            or self.cut
            or (self.blocked and getattr(letter, "subject", "") == self.blocked)
        ):
            return
        for _ in range(2 if self._may(self.profile.repeated) else 1):
            lost = (
                self.profile.receipts_lost
                if frm == "R" and kind == "Receipt"
                else self.profile.lost
            )
            if not self._may(lost):
                self.at(self.delay(), lambda: self.deliver(to, letter))

    def delay(self) -> float:
        rng, p = self.rng, self.profile
        if p.slow:
            return rng.uniform(*p.slow)
        if self.calm:
            return rng.uniform(0.05, 0.3)
        return rng.uniform(0.05, 2) if rng.random() < 0.85 else rng.uniform(1, p.longest_delay)

    def deliver(self, to: SimNode, letter: Letter) -> None:
        if to.up:
            if self.wire and not isinstance(letter, Hello):
                arrived = frames.decode(frames.encode(letter))
                assert not isinstance(arrived, frames.Output)
                letter = arrived
            to.receive(letter)

    def set_cut(self, cut: bool) -> None:
        """Both ends may notice, or think that the link is fine."""
        if cut == self.cut:
            return
        self.cut = cut
        noticed = self.rng.random() < 0.5
        for node in self.nodes.values():
            if node.up and (noticed or not cut) and node.linked == cut:
                self._guarded(lambda node=node: node.link_changed(not cut))  # type: ignore[misc]

    # ---------------------------------------------------------------- faults

    def _may(self, chance: float) -> bool:
        return not self.calm and self.rng.random() < chance

    def crash_point(self, node: SimNode, chance: float = 0.008) -> None:
        """A labelled place where ``kill -9`` or a power cut may fall."""
        if not node.up:
            raise Crash
        if self._may(chance * self.rate):
            self.crash(node, power=self.rng.random() < 0.4)
            raise Crash

    def crash(self, node: SimNode, *, power: bool) -> None:
        if not node.up:
            return
        self.stop(node, power=power)
        rng = self.rng
        self.at(
            rng.uniform(0.05, 0.5) if rng.random() < 0.4 else rng.uniform(0.1, 60),
            lambda: self.rise(node),
        )

    def stop(self, node: SimNode, *, power: bool) -> None:
        self.stats["power cuts" if power else "kill -9"] += 1
        self.oracle.note(node.name, "power cut" if power else "kill -9")
        if power:
            self.oracle.loses_power(node)
        node.die()
        if power:
            node.boots += 1
            node.runner.power_lost()
            if self.steps_clock and node is self.r:
                node.skew += self.rng.uniform(-600, 600)
                self.oracle.steps(node)

    def rise(self, node: SimNode) -> None:
        if not node.up:
            node.boot()

    def lose_disk(self, node: SimNode, how: str) -> None:
        """Wiped; or a backup is put back, and the operator says so."""
        if not node.up:
            return
        self.stop(node, power=True)
        self.stats[f"{node.name} {how}"] += 1
        self.oracle.loses_disk(node, how)
        node.must_renew = how == "restored" and bool(node.backups)
        if node.must_renew:
            disk, runs = self.rng.choice(node.backups)
            node.disk, node.runner.runs = copied(disk, runs)
            self.oracle.loses_power(node)
        else:
            node.disk, node.runner.runs = node.empty_disk(), {}
        node.life += 1
        self.at(self.rng.uniform(0.1, 30), lambda: self.rise(node))

    def nemesis(self) -> None:
        """Something goes wrong now and then."""
        if self.calm:
            return
        x, rng = self.rng.random(), self.rng
        if x < 0.28:
            self.set_cut(not self.cut)
        elif x < 0.40:
            self.crash(self.r, power=rng.random() < 0.4)
        elif x < 0.50:
            self.crash(self.s, power=rng.random() < 0.4)
        elif x < 0.53 and self.r.up:
            self.stats["runner killed"] += 1
            self.r.runner.killed()
            self._guarded(self.r.executor.recover)
        elif x < 0.60 and self.profile.losses:
            name, how = rng.choice(self.profile.losses)
            self.lose_disk(self.nodes[name], how)
        self.at(rng.expovariate(self.rate / 18), self.nemesis)

    def last_losses(self) -> None:
        """A store lost shortly before the calm: what no later message repairs by chance."""
        losses = [how for name, how in self.profile.losses if name == "R"]
        if not losses:
            return
        if self.character == 3:
            self.at(CALM - 60, lambda: self.crash(self.s, power=False))
        if self.rng.random() < (0.8 if self.character == 3 else 0.3):
            how = self.rng.choice(losses)
            self.at(CALM - self.rng.uniform(1, 40), lambda: self.lose_disk(self.r, how))

    def be_calm(self) -> None:
        self.calm = True
        self.set_cut(False)

    def backup(self) -> None:
        for node in self.nodes.values():
            if node.up:
                node.backup()
        if not self.calm:
            self.at(self.rng.uniform(20, 120), self.backup)
