"""A program in a real pseudo-terminal, its screen read with pyte, and its keystrokes counted."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import pyte

KEYS = {
    "enter": b"\r", "esc": b"\x1b", "tab": b"\t", "space": b" ", "up": b"\x1b[A",
    "down": b"\x1b[B", "f1": b"\x1bOP", "f2": b"\x1bOQ", "f5": b"\x1b[15~", "ctrl+p": b"\x10",
}  # fmt: skip
DEADLINE = 20.0


class Terminal:
    """What one person at a keyboard does and sees. ``keys``: how many they have pressed."""

    def __init__(self, master: int, process: asyncio.subprocess.Process, size: tuple[int, int]):
        self.process = process
        self.keys = 0
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._master = master
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        # pyte takes private replies for plain sequences: queries of what the terminal can do
        self._stream.feed(data.replace(b"\x1b[?2026$p", b"").replace(b"\x1b[>1u", b""))

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    @property
    def modes(self) -> list[object]:
        """How the terminal treats what is typed: echo, signals, lines."""
        return list(termios.tcgetattr(self._master))

    async def press(self, *names: str) -> None:
        """Named keys, or single characters; each is one keystroke."""
        for name in names:
            self.keys += 1
            os.write(self._master, KEYS.get(name) or name.encode())
            # An escape with a letter right behind it is another key.
            await asyncio.sleep(0.25 if name == "esc" else 0.03)

    async def types(self, text: str) -> None:
        """A text, which isn't counted: every way of asking for it needs it."""
        os.write(self._master, text.encode())
        await asyncio.sleep(0.05)

    async def sees(self, *texts: str, within: float = DEADLINE) -> None:
        """Wait until all of ``texts`` are on the screen, whichever way lines are broken."""

        def all_there() -> bool:
            words = " ".join(self.text.split())
            return all(text in self.text or text in words for text in texts)

        await self.until(all_there, repr(texts), within)

    async def until(self, reached: Callable[[], bool], what: str, within: float = DEADLINE) -> None:
        end = time.monotonic() + within
        while not reached():
            if time.monotonic() > end:
                raise AssertionError(f"never came: {what}\n{self.text}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def terminal(
    command: Sequence[str], size: tuple[int, int], env: Mapping[str, str]
) -> AsyncIterator[Terminal]:
    """``command`` on a terminal of ``size`` (columns, rows); killed at the end if it still runs."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", **env},
        start_new_session=True,
    )
    os.close(slave)
    here = Terminal(master, process, size)
    try:
        yield here
    finally:
        asyncio.get_running_loop().remove_reader(master)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(master)
