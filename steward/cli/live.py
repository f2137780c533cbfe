"""``steward messages follow``: what a command writes, as it comes, and then what its result has."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steward.cli import exits, output
from steward.cli.following import Following
from steward.cli.output import field
from steward.cli.send import say_outcome
from steward.control.client import ControlClient
from steward.errors import NoDaemon

STREAMS = ("stdout", "stderr")


class Shown:
    """One stream of a command's output, and how much of it has been printed."""

    def __init__(self, name: str, put: Callable[[bytes, bool], None]) -> None:
        self._name = name
        self._put = put
        self._at = 0
        self._missed: list[tuple[int, int]] = []

    def piece(self, offset: int, data: bytes) -> None:
        """Print what is new of it; say what was left out before it."""
        start = max(offset, self._at)
        data = data[start - offset :]
        if not data:
            return
        if start > self._at:
            self._missed.append((self._at, start))
            output.note(f"{start - self._at:,} bytes of {self._name} left out here")
        self._put(data, False)
        self._at = start + len(data)

    def end(self, message: Mapping[str, Any]) -> None:
        """Print all that the result holds and that was not printed yet: first what comes after."""
        result = message.get("result") or {}
        head = field(result, self._name)
        tail_at = len(head) + int(result.get(f"{self._name}Cut") or 0)
        held = [(0, head), (tail_at, field(result, f"{self._name}Tail"))]
        for offset, data in held:
            self.piece(offset, data)
        left_out = 0
        for start, end in self._missed:
            left_out += end - start
            for offset, data in held:
                late = data[max(0, start - offset) : max(0, end - offset)]
                if late:
                    at = max(start, offset)
                    output.note(f"{self._name}, bytes {at:,} to {at + len(late) - 1:,}:")
                    self._put(late, False)
                    left_out -= len(late)
        self._put(b"", True)
        if left_out:
            command = f"steward messages output {message['id']}"
            output.note(f"{left_out:,} bytes of {self._name} left out; all: {command}")


class Live(Following):
    """Follows one message through restarts of the daemon; ``took`` gets each notification."""

    def __init__(
        self,
        state_dir: Path,
        id: str,
        show: Callable[[dict[str, Any]], None],
        took: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__(state_dir, [id], show)
        self._took = took

    async def _with(self, client: ControlClient, until: float | None) -> None:
        await client.call("follow", id=self.pending[0])
        taking = asyncio.create_task(self._take(client), name="live output")
        try:
            await super()._with(client, until)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _take(self, client: ControlClient) -> None:
        try:
            async for told in client.notifications():
                self._took(told.params)
        except NoDaemon:
            return  # Whoever waits for the end hears of it, too.


def follow(state_dir: Path, id: str, form: str, wait: float | None) -> int:
    """The exit status. Raises UnknownId, NoDaemon."""
    shown = {name: Shown(name, output.sink(getattr(sys, name))) for name in STREAMS}
    ended: list[dict[str, Any]] = []

    def took(told: dict[str, Any]) -> None:
        if form == "table":
            shown[told["stream"]].piece(told["offset"], field(told, "data"))
        elif form == "jsonl":
            output.json_line(told)

    try:
        asyncio.run(Live(state_dir, id, ended.append, took).run(wait))
    except KeyboardInterrupt:
        _say_left(id, "interrupted")
        raise
    if not ended:
        _say_left(id, "stopped waiting")
        return exits.INCOMPLETE
    [message] = ended
    if form == "table":
        for stream in shown.values():
            stream.end(message)
        say_outcome(message, several=False)
    elif form == "json":
        output.document(message)
    else:
        output.records(ended, form, lambda: None)
    return exits.of_message(message)


def _say_left(id: str, why: str) -> None:
    output.note(f"{why}; message {id} goes on: steward messages show {id}")
