"""What the simulated daemon does with commands: the real scheduler, the store, the runner."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from node.schedule import Plan, Slots, Then
from steward.inbox import Command
from steward.message import Body, Kind, Message, State
from steward.subjects import NodeName
from tests.property.sim_runner import Key, Run, key_of

if TYPE_CHECKING:
    from tests.property.sim_node import SimNode

_body = msgspec.json.Decoder(Body)
SLOTS = Slots(per_stream=3, per_node=5)


class SimExecutor:
    """One start's executor of one node."""

    def __init__(self, node: SimNode) -> None:
        self.node = node
        self.world = node.world
        self.executes_at = 0.0

    def execute(self) -> None:
        """Start what may start: ``started`` is committed before anything is created."""
        decided = self.node.unit(self.plan_and_mark)
        for c in decided.start:
            self.hand_on(c)
        self.node.after_commit()
        self.arm_expiry()

    def arm_expiry(self) -> None:
        """Look again when the next waiting command expires; one such look is enough."""
        expiry = self.node.receiving.next_expiry()
        if expiry is None:
            return
        due = self.world.t + max(0.01, expiry - self.node.now().wall)
        if not self.world.t < self.executes_at <= due:
            self.executes_at = due
            self.node.later(due - self.world.t, self.execute)

    def plan_and_mark(self) -> Plan:
        now = self.node.now()
        box = self.node.receiving
        for c in box.expired_waiting(now):
            self.end(c, State.EXPIRED)
        commands = sorted([*box.started_rows(), *box.startable(SLOTS.per_stream)])
        decided = self.world.parts.plan(commands, now.wall, self.trusted, SLOTS)
        box.mark_started(decided.start, self.node.boot_id, now)
        if decided.held:
            self.node.later(1.0, self.execute)
        return decided

    def trusted(self, frm: NodeName) -> bool:
        return self.node.core.receiver.clock_is_trusted(
            frm, self.node.now(), self.node.receiving.highest_wall()
        )

    def hand_on(self, c: Command) -> None:
        self.world.crash_point(self.node, 0.03)
        self.world.oracle.in_time(self.node, c.frm, c.id)
        seconds, outcome = _body.decode(c.body).data[:2]
        self.node.runner.start(c, float(seconds) if seconds != "endless" else None, outcome)
        self.world.crash_point(self.node)

    def end(self, c: Command, state: State, run: Run | None = None, reason: str = "") -> None:
        """The inbox row and the outbox row of its result, in the unit of work that is under way."""
        if not self.node.receiving.finish(c, self.node.now()) or c.seq == 0:
            return
        outcome: dict[str, str | float] = {"about": c.id, "state": str(state), "reason": reason}
        if run is not None:
            outcome |= {"started": run.started, "nonce": run.nonce}
        result = Message(
            id=self.world.message_id(),
            to=c.frm,
            kind=Kind.EVENT_ACK,
            method="Result",
            data=(json.dumps(outcome),),
            timeout=10.0,
            retries=0,
        )
        self.node.sending.submit([result], None, self.node.now())
        self.node.to_wake.append(result.subject)

    def exited(self, key: Key) -> None:
        """The runner says so, if the daemon is there to hear it."""
        if not self.node.up:
            return
        run = self.node.runner.runs[key]
        ended = [c for c in self.node.receiving.started_rows() if key_of(c) == key]
        if ended and run.exit:
            self.node.unit(lambda: self.end(ended[0], State(run.exit), run))
            self.node.after_commit()
            self.execute()

    def recover(self) -> None:
        for c in self.node.receiving.started_rows():
            self.recover_one(c.n)

    def recover_one(self, n: int) -> None:
        c = self.node.receiving.commands.get(n)
        if c is None:
            return
        key = key_of(c)
        found = self.node.runner.look(key)
        run = self.node.runner.runs.get(key)
        then = self.world.parts.recover(
            c, found, self.node.boot_id, self.node.now().wall, self.trusted
        )
        self.world.stats[f"recovery: {then.name}"] += 1
        if then is Then.FINISH and run is not None:
            self.node.unit(lambda: self.end(c, State(run.exit), run))
        elif then in (Then.POWER_LOST, Then.RUNNER_LOST):
            self.node.unit(lambda: self.end(c, State.INTERRUPTED, run, then.value))
        elif then is Then.EXPIRED:
            self.node.unit(lambda: self.end(c, State.EXPIRED))
        elif then is Then.CANCELLED:
            self.node.unit(lambda: self.end(c, State.CANCELLED))
        elif then is Then.KILL:
            self.node.runner.kill(key)
        elif then is Then.HOLD:
            self.node.later(2.0, lambda: self.recover_one(n))
        elif then is Then.START:
            self.hand_on(c)
        self.node.after_commit()
