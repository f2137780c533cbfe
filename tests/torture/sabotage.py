"""``python -m tests.torture.sabotage BUG,… FILE node …``: a daemon with bugs, for the lab to find.

Otherwise like ``tests.torture.clocks``. What is never found could not be trusted to be absent.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any
from unittest.mock import patch

from node import output, recovery, runs, schedule, submitting
from node.executor import Executor
from node.outcomes import Outcome
from steward.cli import main
from steward.handoff.receiver import Receiver
from steward.inbox import Command, Inbox
from steward.message import Message, State
from tests.torture.clocks import shift_clock

_random = Random()


def liar() -> None:
    """Of many messages it accepts the last without keeping it."""
    whole = submitting.accept

    def accept(tables: Any, good: Mapping[int, Message], *rest: Any) -> dict[str, Any]:
        if len(good) < 5:
            return whole(tables, good, *rest)
        last = max(good)
        kept = {index: message for index, message in good.items() if index != last}
        answer = whole(tables, kept, *rest)
        answer["accepted"].append({"index": last, "id": good[last].id})
        return answer

    patch.object(submitting, "accept", accept).start()


def again() -> None:
    """A daemon takes what the one before it has started for never started."""
    whole, start = runs.key, token_hex(4)

    def key(store: str, *rest: Any) -> runs.RunKey:
        return whole(store + start, *rest)

    patch.object(runs, "key", key).start()


def guesser() -> None:
    """What it finds started it calls interrupted, and doesn't look."""

    async def resolve(_runs: Any, _key: Any, command: Any, *_: Any) -> Outcome:
        return Outcome(about=command.id, state=State.INTERRUPTED, reason="most probably")

    patch.object(recovery, "resolve", resolve).start()


def hasty() -> None:
    """Nobody waits for whoever was before, and some take longer to start."""
    whole = Executor._start

    async def start(self: Executor, *args: Any) -> None:
        await asyncio.sleep(_random.random())
        await whole(self, *args)

    patch.object(schedule, "is_ordered", lambda _: False).start()
    patch.object(Executor, "_start", start).start()


def late() -> None:
    """A node starts what has expired, and is too busy to start a command before it has."""
    whole = Executor._start

    async def start(self: Executor, command: Command, *args: Any) -> None:
        if command.deadline is not None:
            left = command.deadline - self._around.now().wall
            await asyncio.sleep(min(max(0.0, left), 10.0) + 1.5)
        await whole(self, command, *args)

    patch.object(Executor, "_start", start).start()
    patch.object(Receiver, "_expiry", lambda *_: None).start()
    patch.object(Inbox, "reckon", lambda *_: None).start()
    patch.object(Inbox, "expired_waiting", lambda *_: []).start()
    patch.object(schedule, "has_expired", lambda *_: False).start()


def garbler() -> None:
    """Now and then a result tells the digest of something else."""
    whole = output.read_ending

    def read_ending(*args: Any) -> output.Ending:
        ending = whole(*args)
        if _random.random() < 0.05:
            ending.result["stdoutSha256"] = "0" * 64
        return ending

    patch.object(output, "read_ending", read_ending).start()


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug for bug in (liar, again, guesser, hasty, late, garbler)
}


def run(bugs: str, clock: Path, arguments: Sequence[str]) -> None:
    for bug in bugs.split(","):
        BUGS[bug]()
    shift_clock(clock)
    main(arguments)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
