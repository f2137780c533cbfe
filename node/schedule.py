"""PURE: which commands start now, and what a restart makes of one that was started.

The rules of DESIGN.md section 3. The daemon hands in what its store says and does what comes back.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from steward.inbox import Command, Stage
from steward.subjects import NodeName

Stream = tuple[str, str, str, str]
"""Sender, its store, my store, subject: the order of one stream never binds another."""


class Slots(NamedTuple):
    """How many commands may run at once."""

    per_stream: int = 16
    per_node: int = 64


class Plan(NamedTuple):
    """What to do with commands that wait. All other ones go on waiting."""

    start: tuple[Command, ...] = ()
    """Commit these as started, then create them, in this order."""
    held: tuple[Command, ...] = ()
    """These could start, if this node's clock could be trusted (rule 11)."""


def stream_of(command: Command) -> Stream:
    return (command.frm, command.store, command.instance, command.subject)


def is_ordered(command: Command) -> bool:
    """Whether it waits for those before it. One of a NACK kind belongs to no stream."""
    return not command.parallel and command.seq > 0


def plan(
    commands: Iterable[Command],
    wall: float,
    clock_is_trusted: Callable[[NodeName], bool],
    slots: Slots,
) -> Plan:
    """What starts at ``wall`` (seconds, this node's clock). What has expired neither starts nor is
    waited for: whoever asks ends it, in the same unit of work.

    ``commands`` are in the order of acceptance: all that are started, and of each stream at least
    the first waiting one that is ordered and as many parallel ones as the stream has slots.
    ``clock_is_trusted`` is ``Receiver.clock_is_trusted``, asked of a command's sender.
    """
    commands = list(commands)
    running = [c for c in commands if c.stage is Stage.STARTED]
    used = Counter(stream_of(c) for c in running)
    busy = {stream_of(c) for c in running if is_ordered(c)}
    free = slots.per_node - len(running)
    start: list[Command] = []
    held: list[Command] = []
    for c in commands:
        if c.stage is Stage.STARTED or has_expired(c, wall):
            continue
        stream = stream_of(c)
        if is_ordered(c):
            if stream in busy:
                continue
            busy.add(stream)
        if c.expires is not None and not clock_is_trusted(c.frm):
            held.append(c)
        elif free > 0 and used[stream] < slots.per_stream:
            free -= 1
            used[stream] += 1
            start.append(c)
    return Plan(tuple(start), tuple(held))


def has_expired(command: Command, wall: float) -> bool:
    """Whether it must not start any more at ``wall``."""
    return command.expires is not None and command.expires <= wall


class Found(enum.Enum):
    """What the runner, and its folder, know of a command that was committed as started."""

    RUNNING = "the runner has it"
    EXITED = "there is an exit record"
    CLAIMED = "a claim, but neither process nor exit record"
    NOTHING = "no claim, and none can come any more"


class Then(enum.Enum):
    """What becomes of it."""

    WATCH = "it runs: wait for its exit"
    KILL = "it runs, and was cancelled: kill it and wait for its exit"
    FINISH = "its exit record is its result"
    POWER_LOST = "the machine went down while it ran"
    RUNNER_LOST = "its runner was killed while it ran"
    EXPIRED = "it never started, and must not any more"
    CANCELLED = "it never started, and was cancelled"
    START = "it never started: start it"
    HOLD = "it never started: ask again when its sender was heard"


def recover(
    command: Command,
    found: Found,
    boot_id: str,
    wall: float,
    clock_is_trusted: Callable[[NodeName], bool],
) -> Then:
    """What to do with a started command that this start of the daemon finds.

    ``boot_id`` is this boot's: a claim that wasn't synced dies with the power, so in another boot
    its absence proves nothing. For ``NOTHING`` the caller has made sure that no earlier request
    can still create the command (it holds the claim, or the runner has dropped that request).
    """
    if found is Found.EXITED:
        return Then.FINISH
    if command.boot_id != boot_id:
        return Then.POWER_LOST
    if found is Found.RUNNING:
        return Then.KILL if command.cancelled else Then.WATCH
    if found is Found.CLAIMED:
        return Then.RUNNER_LOST
    if command.cancelled:
        return Then.CANCELLED
    if has_expired(command, wall):
        return Then.EXPIRED
    if command.expires is not None and not clock_is_trusted(command.frm):
        return Then.HOLD
    return Then.START
