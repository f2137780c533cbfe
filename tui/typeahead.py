"""Keys typed faster than screens change: each waits until what the one before it did is there.

A terminal multiplexer sends ``c``, a command and enter in one piece. Textual hands each key to
what has the focus at that moment: the command would be taken for keys of the screen before.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from textual.app import App
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input

ROUNDS = 100
"""At most so many times is everybody asked whether they are done, with a"""
PAUSE = 0.005
"""in between (seconds)."""
PATIENCE = 0.5
"""Seconds for each time; then the next key comes all the same."""

ACTIONS = "actions"
"""The group of the workers that carry out what a key asks for."""


class TypeAhead:
    """Holds back an application's keys while an earlier one still has its effect."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._held: deque[Key] = deque()
        self._passing: Key | None = None
        self._settling: asyncio.Task[None] | None = None

    def holds(self, key: Key) -> bool:
        """Whether ``key`` comes again later, and is nothing yet."""
        if key is self._passing:
            self._passing = None
        elif self._settling is not None:
            self._held.append(key)
            return True
        elif key.is_printable and isinstance(self._app.focused, Input):
            return False  # a letter changes nothing but its field
        else:
            self._settling = asyncio.create_task(self._settle(), name="console-keys")
        return False

    async def _settle(self) -> None:
        """After each key until everybody has done what it asked for, then the next."""
        try:
            while True:
                await self._settled()
                if not self._held:
                    return
                self._passing = self._held.popleft()
                self._app.post_message(self._passing)
        finally:
            self._settling = None

    async def _settled(self) -> None:
        """The screen in front has its widgets and its focus, and nothing comes any more."""
        before: object = None
        patient = time.monotonic() + PATIENCE
        for _ in range(ROUNDS):
            await self._asked()
            screen = self._app.screen
            now = (screen, screen.focused, len(screen.children))
            ready = screen.is_mounted and (screen.focused or not screen.focus_chain)
            waits = self._acts() and time.monotonic() < patient
            if ready and screen.children and now == before and not waits:
                return
            before = now
            await asyncio.sleep(PAUSE)

    def _acts(self) -> bool:
        """The daemon is being told or asked something, before a question perhaps: what is typed
        next may be its answer."""
        if isinstance(self._app.screen, ModalScreen):
            return False
        return any(one.group == ACTIONS and not one.is_finished for one in self._app.workers)

    async def _asked(self) -> None:
        """Once everybody has worked through what was in their queues."""
        left = 1
        done = asyncio.Event()

        def answered() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        for widget in (self._app, *self._app.screen.walk_children(with_self=True)):
            left += widget.call_later(answered)
        answered()
        try:
            async with asyncio.timeout(PATIENCE):
                await done.wait()
        except TimeoutError:
            pass  # something is busy: what is typed is not held for ever
