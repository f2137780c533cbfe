"""An end's executor in the model test: the product's units of work, one turn a call."""

from __future__ import annotations

from node import schedule
from node.execution import Ended, Step, key_of, step
from node.outcomes import Outcome
from node.recovery import never_started
from node.schedule import Found, Slots, Then
from steward.inbox import Command
from steward.message import State
from steward.subjects import NodeName
from steward.tables import Tables
from tests.property.model_daemon import Crash, ModelDaemon

SLOTS = Slots(per_stream=3, per_node=5)
PAUSE = 1.0


class ModelExecutor:
    """What one start of the daemon knows of its commands."""

    def __init__(self, end: ModelDaemon) -> None:
        self.end = end
        self.is_woken = True
        self.due: float | None = None
        """True time at which it takes another turn."""
        self.ended: list[Ended] = []
        self.running: dict[str, Command] = {}
        self.unresolved = end.tables.inbox.started_rows()

    def find_out(self) -> None:
        """The runner was killed: what becomes of what it had?"""
        self.unresolved = self.end.tables.inbox.started_rows()
        self.running.clear()
        self.is_woken = True

    def turn(self) -> None:
        """Recover, end what has ended, start what may start: one commit. Raises Crash."""
        self.is_woken, self.due = False, None
        held = [c for c in self.unresolved if not self._resolve(c)]
        self.unresolved = held
        ended, self.ended = self.ended, []
        try:
            (unit,) = self.end.commit(lambda t: self.step(t, ended))
        except Crash:
            self.ended, self.due = ended + self.ended, self.end.town.t + PAUSE
            raise
        done: Step = unit.result
        for e in ended:
            self.running.pop(key_of(e.command), None)
        self.end.wake(done.results)
        self.carry_out(done)
        if held or done.held:
            self.due = self.end.town.t + PAUSE
        if done.next_expiry is not None:
            left = max(0.01, done.next_expiry - self.end.wall())
            self.due = min(self.due or 1e300, self.end.town.t + left)

    def step(self, t: Tables, ended: list[Ended]) -> Step:
        return step(t, ended, self.end.now(), self.end.boot_id, self._trusted, SLOTS)

    def carry_out(self, done: Step) -> None:
        for command in done.start:
            self._launch(command)
        for command in done.kill:
            if key_of(command) in self.running:
                self.end.runner.kill(key_of(command))

    def _trusted(self, frm: NodeName, highest: float) -> bool:
        return self.end.core.receiver.clock_is_trusted(frm, self.end.now(), highest)

    def _launch(self, command: Command) -> None:
        self.end.town.books.in_time(self.end, command.frm, command.id)
        self.running[key_of(command)] = command
        self.end.runner.ask(command)

    def collect(self, key: str) -> None:
        """Its exit record is there: the result is made of it."""
        command = self.running.get(key)
        run = self.end.runner.runs[key]
        if command is None or run.exit is None:
            return
        outcome = Outcome(about=command.id, state=run.exit, reason=run.nonce, started=run.started)
        self.ended.append(Ended(command, outcome, key))
        self.is_woken = True

    # ---------------------------------------------------------------- recovery

    def _resolve(self, command: Command) -> bool:
        """Whether it is known what becomes of it."""
        end, key = self.end, key_of(command)
        found = end.runner.look(key)
        then = self.recover(command, found)
        end.town.seen[f"recovery: {then.name}"] += 1
        self.running[key] = command
        if then is Then.FINISH:
            self.collect(key)
        elif then in (Then.POWER_LOST, Then.RUNNER_LOST):
            run = end.runner.runs.get(key)
            reason = run.nonce if run else then.value
            outcome = Outcome(about=command.id, state=State.INTERRUPTED, reason=reason)
            self.ended.append(Ended(command, outcome, key))
        elif then is Then.EXPIRED:
            self.ended.append(Ended(command, never_started(command, State.EXPIRED)))
        elif then is Then.CANCELLED:
            self.ended.append(Ended(command, never_started(command, State.CANCELLED)))
        elif then is Then.KILL:
            end.runner.kill(key)
        elif then is Then.HOLD:
            del self.running[key]
            return False
        elif then is Then.START:
            self._launch(command)
        return True

    def recover(self, command: Command, found: Found) -> Then:
        end = self.end
        highest = end.tables.inbox.highest_wall()
        return schedule.recover(
            command, found, end.boot_id, end.wall(), lambda frm: self._trusted(frm, highest)
        )
