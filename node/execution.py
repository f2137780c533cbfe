"""A command's way through the inbox, as units of work: choose, start, end with its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from msgspec import to_builtins

from node import runs, schedule
from node.error_reports import ErrorReports
from node.outcomes import Outcome, tell
from node.output import Ending
from node.runs import RunKey
from node.schedule import Slots
from steward.handoff.state import Now
from steward.inbox import Command
from steward.message import Kind, Message, State, is_secret, new_id
from steward.result import of_secret
from steward.store import Tables
from steward.subjects import NodeName, Subject, subject

RESULT_TIMEOUT = 10.0


def key_of(command: Command) -> RunKey:
    """The folder of a command's run. One of a NACK kind has no seq: its id tells it apart."""
    return runs.key(command.instance, command.store, command.subject, command.seq, command.id)


class Surroundings(Protocol):
    """What the executor needs of its daemon."""

    def now(self) -> Now: ...

    def wake(self, lanes: Iterable[Subject]) -> None: ...

    def wake_soon(self, lanes: Iterable[Subject]) -> None: ...

    async def tell_running(self, command: Command, started: float) -> None: ...

    def room_in_result(self) -> int: ...

    @property
    def report(self) -> ErrorReports: ...


class Ended(NamedTuple):
    """A command that has ended, and where its output lies (empty: nowhere)."""

    command: Command
    outcome: Outcome
    key: str = ""
    size: int = 0


class Step(NamedTuple):
    """What one unit of work has committed, to be carried out now."""

    start: tuple[Command, ...]
    kill: tuple[Command, ...]
    results: tuple[Subject, ...]
    waiting: frozenset[NodeName]
    """Whose commands wait for those that run: their results will follow each other."""
    held: bool
    """Something waits until its sender's clock is heard (rule 11)."""
    next_expiry: float | None
    """Wall time."""


def outcome_of(command: Command, ending: Ending) -> Outcome:
    """How it ended, from its exit record."""
    started = ending.started or None
    if ending.state is State.INTERRUPTED:  # the power may have taken what its claim said
        started = started or command.started
    return Outcome(
        about=command.id,
        state=ending.state,
        reason=ending.reason,
        started=started,
        ended=ending.ended,
        result=ending.result,
    )


def result_subject(frm: NodeName) -> Subject:
    """On which the results of this sender's commands go back."""
    return subject(frm, Kind.EVENT_ACK, "Result")


def end(
    tables: Tables, command: Command, outcome: Outcome, now: Now, key: str = "", size: int = 0
) -> Subject | None:
    """The inbox row goes and the result is queued, in one commit. The result's subject, if one is
    owed: nobody waits for that of a NACK kind."""
    if not tables.inbox.finish(command, now, key, size) or not command.seq:
        return None
    result = Message(
        id=new_id(),
        to=command.frm,
        kind=Kind.EVENT_ACK,
        method="Result",
        data=tell(of_secret(to_builtins(outcome)) if is_secret(command.body) else outcome),
        timeout=RESULT_TIMEOUT,
        retries=0,
    )
    tables.outbox.submit([result], None, now)
    return result.subject


def step(
    tables: Tables,
    ended: Sequence[Ended],
    now: Now,
    boot_id: str,
    clock_is_trusted: Callable[[NodeName, float], bool],
    slots: Slots,
) -> Step:
    """End what has ended and start what may start now: one commit for both, so that a queue of
    short commands costs one commit each."""
    results = [end(tables, e.command, e.outcome, now, e.key, e.size) for e in ended]
    for command in tables.inbox.expired_waiting(now):  # before the plan: others may be next then
        reason = "its time had passed before it could start"
        outcome = Outcome(about=command.id, state=State.EXPIRED, reason=reason)
        results.append(end(tables, command, outcome, now))
    started = tables.inbox.started_rows()
    commands = sorted((*started, *tables.inbox.startable(slots.per_stream)), key=lambda c: c.n)
    highest = tables.inbox.highest_wall()
    plan = schedule.plan(commands, now.wall, lambda frm: clock_is_trusted(frm, highest), slots)
    if plan.start:
        tables.inbox.mark_started(plan.start, boot_id, now)
    kill = tuple(c for c in started if c.cancelled)
    owed = tuple(dict.fromkeys(r for r in results if r is not None))
    waiting = tables.inbox.waiting_senders()
    held = bool(plan.held)
    return Step(plan.start, kill, owed, waiting, held, tables.inbox.next_expiry())
