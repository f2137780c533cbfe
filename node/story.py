"""A demo's story: what happens is told second by second; what was promised is kept and judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import click

from steward.errors import StewardError
from steward.text import safe


class Story:
    """Tells what happens, second by second, and keeps what was promised and whether it held."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        """``ask``: central's control socket."""
        self.ask = ask
        self.held: list[tuple[bool, str]] = []
        self._began = time.monotonic()
        self._told: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began:6.1f}s  {safe(text)}")

    def chapter(self, text: str) -> None:
        click.echo(f"\n{text}")

    def promise(self, held: bool, text: str) -> None:
        self.held.append((held, text))
        self.say(f"{'✓' if held else '✗'} {text}")

    async def send(self, node: str, *argv: str, name: str = "", **more: Any) -> str:
        """Accept one command; its id."""
        message = {
            "toNode": node, "data": list(argv), "commandOrEvent": "CommandACK",
            "method": "ShellCommand", **more,
        }  # fmt: skip
        return await self.submit(message, name or f"{node}: {' '.join(argv)}")

    async def submit(self, message: dict[str, Any], name: str) -> str:
        answer = await self.ask("submit", messages=[message])
        if answer["refused"]:
            refused = answer["refused"][0]
            raise StewardError(refused["text"], refused["hint"])
        id: str = answer["accepted"][0]["id"]
        self._names[id] = name
        return id

    async def look(self, ids: Iterable[str], *, quietly: bool = False) -> list[dict[str, Any]]:
        """The messages as they are now; each change of state is told, unless ``quietly``."""
        found = [await self.ask("message", id=id) for id in ids]
        for message in found:
            state = described(message)
            if not quietly and self._told.get(message["id"]) != state:
                self._told[message["id"]] = state
                self.say(f"  {self._names[message['id']][:44]:<44} {state}")
        return found

    async def follow(
        self, ids: Iterable[str], seconds: float = 30.0, *, quietly: bool = False
    ) -> list[dict[str, Any]]:
        """Until all have a proved end, or the time is up."""
        ids = list(ids)
        until = time.monotonic() + seconds
        while True:
            found = await self.look(ids, quietly=quietly)
            if all(m["confirmed"] for m in found) or time.monotonic() > until:
                return found
            await asyncio.sleep(0.1)

    def verdict(self) -> bool:
        """Tell all that was promised once more; whether every promise held."""
        self.chapter("The promises")
        for held, text in self.held:
            click.echo(f"  {'✓ held  ' if held else '✗ BROKEN'}  {safe(text)}")
        return bool(self.held) and all(held for held, _ in self.held)


def described(message: dict[str, Any]) -> str:
    """A message's state in a line."""
    state: str = message["state"]
    ended = state not in ("queued", "sent", "delivered", "running")
    if ended and not message["confirmed"]:
        state += " (unconfirmed)"
    if message["state"] in ("queued", "sent") and message["attempts"] > 1:
        state += f", attempt {message['attempts']}"
    result = message.get("result")
    if result and result.get("exitCode"):
        state += f", exit status {result['exitCode']}"
    if ended and message["reason"]:
        state += f": {message['reason']}"
    return state
