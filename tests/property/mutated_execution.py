"""Execution with one rule switched off."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node import schedule
from node.schedule import Plan
from steward.handoff.state import Now
from steward.inbox import Command, Stage
from tests.property.sim_executor import SLOTS, SimExecutor
from tests.property.sim_runner import key_of


class StartBeforeCommit(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box, mark = self.node.receiving, self.node.receiving.mark_started

        def later(rows: Sequence[Command], boot_id: str, now: Now) -> None:
            rows = [c for c in rows if key_of(c) not in self.node.runner.asked]
            self.node.later(2.0, lambda: mark(rows, boot_id, now))

        box.mark_started = later  # type: ignore[assignment]
        try:
            plan = super().plan_and_mark()
        finally:
            box.mark_started = mark
        known = self.node.runner
        fresh = [c for c in plan.start if key_of(c) not in {*known.asked, *known.runs}]
        return plan._replace(start=tuple(fresh))


class NoExpiryAtStart(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box = self.node.receiving
        for n, c in box.commands.items():
            box.commands[n] = c._replace(expires=None)
        return super().plan_and_mark()


class AnyOrder(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box = self.node.receiving
        box.startable = lambda per_stream=SLOTS.per_stream: box._waiting()
        return super().plan_and_mark()


def plan_any_order(commands: Any, wall: float, trusted: Any, slots: Any) -> Plan:
    by_key = {c.n: c for c in commands}
    free = [c._replace(parallel=True) for c in reversed(commands)]
    plan = schedule.plan(free, wall, trusted, slots)
    return Plan(*(tuple(by_key[c.n] for c in part) for part in plan))


class RunAgainAfterCrash(SimExecutor):
    def recover_one(self, n: int) -> None:
        c = self.node.receiving.commands.get(n)
        if c is not None and self.node.runner.look(key_of(c)).name in ("CLAIMED", "NOTHING"):
            self.node.runner.runs.pop(key_of(c), None)
            self.node.receiving.commands[n] = c._replace(
                stage=Stage.STARTED, boot_id=self.node.boot_id
            )
        super().recover_one(n)
