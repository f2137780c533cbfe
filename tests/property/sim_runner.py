"""The simulated runner: claims, processes and exit records, as ``runs/`` would hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.schedule import Found, is_ordered, stream_of
from steward.inbox import Command

if TYPE_CHECKING:
    from tests.property.sim_node import SimNode


Key = tuple[str, str, str, int, str]


def key_of(c: Command) -> Key:
    return (c.store, c.instance, c.subject, c.seq, c.id)


@dataclass
class Run:
    """One folder under ``runs/``."""

    started: float
    nonce: str
    exit: str = ""
    """succeeded, failed, or cancelled for one that was killed; empty: no exit record."""


class SimRunner:
    """Survives ``kill -9`` of its daemon; loses its processes with the power, or when killed."""

    def __init__(self, node: SimNode) -> None:
        self.node = node
        self.world = node.world
        self.runs: dict[Key, Run] = {}
        self.alive: dict[Key, Command] = {}
        self.epoch = 0
        """Requests of an earlier one are dropped: a new connection, or another life."""
        self.asked: set[Key] = set()
        """Starts that are on their way."""
        self.unwanted: set[Key] = set()
        """Of those, the ones with a kill behind them."""

    def connect(self) -> None:
        """A new daemon: what an earlier one has asked for and isn't done yet is dropped."""
        self._drop_requests()

    def _drop_requests(self) -> None:
        self.epoch += 1
        self.asked.clear()
        self.unwanted.clear()

    def start(self, c: Command, seconds: float | None, outcome: str) -> None:
        """Ask for a start; it happens a moment later, whether the daemon lives on or not."""
        rng, epoch, key = self.world.rng, self.epoch, key_of(c)
        self.asked.add(key)

        def begin() -> None:
            if epoch == self.epoch:
                self.asked.discard(key)
                self._begin(c, seconds, outcome)
                if key in self.unwanted:
                    self.kill(key)

        self.world.at(rng.uniform(0, 1) if rng.random() < 0.8 else rng.uniform(0, 6), begin)

    def _begin(self, c: Command, seconds: float | None, outcome: str) -> None:
        key = key_of(c)
        if key in self.runs:
            self.node.executor.exited(key)
            return
        self.runs[key] = Run(self.node.now().wall, self.world.token("run"))
        self.world.oracle.starts(self.node, c, self.runs[key].nonce)
        if is_ordered(c) and any(
            stream_of(c) == stream_of(o) for o in self.alive.values() if is_ordered(o)
        ):
            self.world.oracle.fault("I3 two of one stream at once", c.id)
        self.alive[key] = c
        if seconds is not None:
            epoch = self.world.lives[self.node.name]
            self.world.at(seconds, lambda: self._end(key, outcome, epoch))

    def _end(self, key: Key, outcome: str, life: int) -> None:
        if life == self.world.lives[self.node.name] and self.alive.pop(key, None) is not None:
            self.runs[key].exit = outcome
            self.node.executor.exited(key)

    def kill(self, key: Key) -> None:
        if key in self.asked:
            self.unwanted.add(key)
        if self.alive.pop(key, None) is not None:
            self.runs[key].exit = "cancelled"
            self.node.executor.exited(key)

    def look(self, key: Key) -> Found:
        run = self.runs.get(key)
        if run is None:
            return Found.NOTHING
        if run.exit:
            return Found.EXITED
        return Found.RUNNING if key in self.alive else Found.CLAIMED

    # ---------------------------------------------------------------- faults

    def killed(self) -> None:
        """The runner itself dies, and with it all it runs."""
        self.world.lives[self.node.name] += 1
        self._drop_requests()
        self.world.oracle.disturbed.update(c.id for c in self.alive.values())
        self.alive.clear()

    def power_lost(self) -> None:
        """What runs is gone; of the claims, so is what was not synced."""
        self.killed()
        for key, run in list(self.runs.items()):
            if not run.exit and self.world.rng.random() < 0.5:
                del self.runs[key]
