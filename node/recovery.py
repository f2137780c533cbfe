"""What a daemon that comes back makes of the commands that the one before it had started."""

from __future__ import annotations

import base64
import enum
import hashlib
from collections.abc import Callable
from typing import Any

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
    Adopted.FORBIDDEN: Found.EXITED,
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
    if not await runs.forbid(key):
        return await resolve_started(runs, key, command.boot_id)
    if then is Then.CANCELLED:
        reason = "cancelled before it started"
        return Outcome(about=command.id, state=State.CANCELLED, reason=reason)
    reason = "its time had passed before it could start"
    return Outcome(about=command.id, state=State.EXPIRED, reason=reason)


async def resolve_started(runs: Runs, key: RunKey, boot: str) -> Verdict:
    """A request of the daemon before had reached the runner after all."""
    return Verdict.WATCH if await runs.adopt(key, boot) is Adopted.RUNNING else Verdict.COLLECT


def answered(stdout: bytes, stderr: bytes, exit_code: int) -> dict[str, Any]:
    """The ``result`` of a command that the daemon answered itself, in the form of every other."""
    result: dict[str, Any] = {"exitCode": exit_code, "signal": None}
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        try:
            result[name] = data.decode()
        except UnicodeDecodeError:
            result[f"{name}B64"] = base64.b64encode(data).decode()
        result[f"{name}Size"] = len(data)
        result[f"{name}Sha256"] = hashlib.sha256(data).hexdigest()
        result[f"{name}Cut"] = 0
    return result
