"""What a daemon that comes back makes of the commands that the one before it had started."""

from __future__ import annotations

import enum
from collections.abc import Callable

from node import schedule, spawn
from node.outcomes import Outcome
from node.runs import Adopted, RunKey, Runs
from node.schedule import Found, Then
from steward.inbox import Command
from steward.message import State
from steward.subjects import NodeName

_FOUND = {
    Adopted.RUNNING: Found.RUNNING,
    Adopted.EXITED: Found.EXITED,
    Adopted.LOST: Found.EXITED,
    Adopted.FORBIDDEN: Found.NOTHING,
    Adopted.UNCLAIMED: Found.NOTHING,
}


class Verdict(enum.Enum):
    """What the executor does next, where it isn't an outcome already."""

    WATCH = "it runs: its end will be told"
    START = "it never started: start it"
    COLLECT = "its exit record is there"
    HOLD = "ask again later"


async def resolve(
    runs: Runs, key: RunKey, command: Command, wall: float, trusted: Callable[[NodeName], bool]
) -> Verdict | Outcome:
    """Ask the runner, or read what it left; never guess. Raises RunnerError."""
    found = _FOUND[await runs.adopt(key, command.boot_id)]
    then = schedule.recover(command, found, spawn.BOOT, wall, trusted)
    if then in (Then.EXPIRED, Then.CANCELLED):
        return await _never(runs, key, command, then)
    if then is Then.KILL:
        await runs.kill(key)
    return {
        Then.FINISH: Verdict.COLLECT,
        Then.START: Verdict.START,
        Then.HOLD: Verdict.HOLD,
    }.get(then, Verdict.WATCH)


async def _never(runs: Runs, key: RunKey, command: Command, then: Then) -> Verdict | Outcome:
    if await runs.forbid(key):
        return never_started(command, State.CANCELLED if then is Then.CANCELLED else State.EXPIRED)
    # A request of the daemon before had reached the runner after all.
    is_running = await runs.adopt(key, command.boot_id) is Adopted.RUNNING
    return Verdict.WATCH if is_running else Verdict.COLLECT


def never_started(command: Command, state: State) -> Outcome:
    """The result of a command whose claim is taken so that nobody can start it."""
    reason = "its time had passed before it could start"
    if state is State.CANCELLED:
        reason = "cancelled before it started"
    return Outcome(about=command.id, state=state, reason=reason)
