"""The runner of an end in the model test: claims, processes and exit records, done when told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.execution import key_of
from node.schedule import Found
from steward.inbox import Command
from steward.message import State

if TYPE_CHECKING:
    from tests.property.model_daemon import ModelDaemon


@dataclass
class Run:
    """One folder under ``runs/``."""

    started: float
    """Wall time."""
    nonce: str
    began: float
    """True time."""
    exit: State | None = None
    """Its exit record says so."""


class Runner:
    """Survives ``kill -9`` of its daemon; loses its processes with the power, or when killed."""

    def __init__(self, end: ModelDaemon) -> None:
        self.end = end
        self.runs: dict[str, Run] = {}
        self.alive: dict[str, Command] = {}
        self.asked: dict[str, Command] = {}
        """Starts that are on their way to it."""
        self.unwanted: set[str] = set()
        """Of those, the ones with a kill behind them."""

    def connect(self) -> None:
        """A new daemon: what an earlier one has asked for and isn't done yet is dropped."""
        self.asked.clear()
        self.unwanted.clear()

    def ask(self, command: Command) -> None:
        self.asked[key_of(command)] = command

    def begin(self, key: str) -> None:
        """What was asked for happens, whether the daemon lives on or not."""
        command = self.asked.pop(key)
        if key not in self.runs:
            town = self.end.town
            self.runs[key] = Run(self.end.wall(), town.token("run"), town.t)
            town.books.starts(self.end, command, self.runs[key].nonce, self.alive.values())
            self.alive[key] = command
        elif self.runs[key].exit is not None:
            self.end.exited(key)
        if key in self.unwanted:
            self.unwanted.discard(key)
            self.kill(key)

    def finish(self, key: str, state: State) -> None:
        """The process ends by itself."""
        del self.alive[key]
        self.runs[key].exit = state
        self.end.exited(key)

    def kill(self, key: str) -> None:
        if key in self.asked:
            self.unwanted.add(key)
        elif key in self.alive:
            self.finish(key, State.CANCELLED)

    def look(self, key: str) -> Found:
        run = self.runs.get(key)
        if run is None:
            return Found.NOTHING
        if run.exit is not None:
            return Found.EXITED
        return Found.RUNNING if key in self.alive else Found.CLAIMED

    # ---------------------------------------------------------------- faults

    def die(self) -> None:
        """The runner itself is killed, and with it all it runs."""
        self.end.town.books.disturb(c.id for c in self.alive.values())
        self.alive.clear()
        self.connect()

    def lose_power(self, *, claims_too: bool) -> None:
        """What runs is gone; of the claims, perhaps those that were not synced."""
        self.die()
        if claims_too:
            self.runs = {key: run for key, run in self.runs.items() if run.exit is not None}
