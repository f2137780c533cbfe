"""The daemon's connection to its runner: made on first need, and again when it is lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from node import runner
from node.runner_socket import ALREADY_RUNS
from steward.errors import RunnerError

_PATIENCE = 15.0
_TRIES = 5
_PAUSE = 0.2
_LONGEST_ADDRESS = 100
MARKER = "runner.at"
"""A runner that root has started as a unit of its own leaves it in the state folder; it says where
that one listens. While it is there, no other is started."""

OnExit = Callable[[str, dict[str, Any] | None], None]
Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class RunnerLink:
    """``on_exit`` is called with the key of each command that ends, and its exit record. A runner
    that nobody has needed for ``rests`` seconds is let go: it ends by itself, and its memory is
    the machine's again."""

    def __init__(
        self, state_dir: Path, settings: Sequence[str], on_exit: OnExit, rests: float
    ) -> None:
        self._state_dir = state_dir
        self._settings = settings
        self._on_exit = on_exit
        self._rests = rests
        self._link: _Connection | None = None
        self._wanted = asyncio.Event()
        self._callers: list[asyncio.Future[_Connection]] = []

    def unit(self) -> str:
        """The address of the runner that is a unit of its own, which takes signed orders alone;
        empty: there is none."""
        try:
            return (self._state_dir / MARKER).read_text().strip()
        except OSError:
            return ""

    async def run(
        self, on_connect: Callable[[Ask], Awaitable[None]], is_needed: Callable[[], bool]
    ) -> None:
        """Hold the connection from the first need on. ``on_connect`` runs after each connecting,
        and asks over that connection alone; ``is_needed``: connect although nothing is asked.

        Raises RunnerError if the runner can be neither reached nor started.
        """
        error = RunnerError("the daemon stops", "the command is found again when it is back")
        try:
            while True:
                if not is_needed():
                    await self._wanted.wait()
                self._wanted.clear()
                self._link = link = await self._open()
                since = time.monotonic()
                try:
                    for caller in self._take_callers():
                        caller.set_result(link)
                    await on_connect(link.ask)
                    await self._hold(link, is_needed)
                except ConnectionError:
                    pass  # nothing was found out: the next connection asks again
                finally:
                    self._link = None
                    link.close()
                if time.monotonic() - since < _PAUSE:  # one that dies at once is not hammered
                    await asyncio.sleep(_PAUSE)
        except RunnerError as trouble:
            error = trouble
            raise
        finally:
            for caller in self._take_callers():
                caller.set_exception(error)

    async def _hold(self, link: _Connection, is_needed: Callable[[], bool]) -> None:
        """Until it is lost, or has rested."""
        while link.used or is_needed():
            link.used = False
            try:
                async with asyncio.timeout(self._rests):
                    await link.lost.wait()
                    return
            except TimeoutError:
                continue

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The runner's answer. A request that a lost connection took along is sent again: it does
        no harm to ask twice. Raises RunnerError."""
        for _ in range(_TRIES):
            link = self._link
            if link is None:
                self._wanted.set()
                caller: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
                self._callers.append(caller)
                link = await caller
            try:
                return await link.ask(request)
            except ConnectionError:
                continue
        raise RunnerError("the runner ends again and again", "look for what kills it")

    def _take_callers(self) -> list[asyncio.Future[_Connection]]:
        callers, self._callers = self._callers, []
        return [caller for caller in callers if not caller.done()]

    async def _open(self) -> _Connection:
        """A connection to the runner, which is started if there is none."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return await self._connect()
            except OSError as error:
                unreached = str(error)
            if self.unit():
                await self._await_unit(unreached, until)
                continue
            status, text = await asyncio.to_thread(self._launch)
            if status not in (0, ALREADY_RUNS):
                raise RunnerError(f"the runner cannot be started: {text}", "see runner.log")
            if time.monotonic() > until:
                raise RunnerError(f"the runner does not answer: {unreached}", "see runner.log")
            if status == ALREADY_RUNS:
                await asyncio.sleep(0.05)

    async def _await_unit(self, unreached: str, until: float) -> None:
        """It may be on its way. Raises RunnerError after a while."""
        if time.monotonic() > until:
            raise RunnerError(
                f"the runner of this machine does not answer at {self.unit()}: {unreached}",
                "commands wait; systemctl start steward-runner (journalctl -u steward-runner);"
                " steward service remove, if there is to be none any more",
            )
        await asyncio.sleep(_PAUSE)

    async def _connect(self) -> _Connection:
        address = str(self._state_dir / (self.unit() or "runner.sock"))
        folder = os.open(self._state_dir, os.O_RDONLY)
        try:
            if len(os.fsencode(address)) > _LONGEST_ADDRESS:
                address = f"/proc/self/fd/{folder}/{Path(address).name}"
            loop = asyncio.get_running_loop()
            return (await loop.create_unix_connection(lambda: _Connection(self._on_exit), address))[
                1
            ]
        finally:
            os.close(folder)

    def _launch(self) -> tuple[int, str]:
        """(exit status, what it complained of) of a runner on its way into the background."""
        command = [sys.executable, "-I", "-S", runner.__file__, str(self._state_dir)]
        try:
            done = subprocess.run(
                [*command, *self._settings],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return -1, str(error)
        text = done.stderr.decode(errors="replace").strip()
        return done.returncode, text.rpartition("\n")[2] or f"exit status {done.returncode}"


class _Connection(asyncio.Protocol):
    """Answers come in the order of the requests; ``exited`` events come in between."""

    def __init__(self, on_exit: OnExit) -> None:
        self.lost = asyncio.Event()
        self.used = True
        """Something was asked or heard since this was last looked at."""
        self._on_exit = on_exit
        self._transport: asyncio.Transport | None = None
        self._asked: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._rest = b""

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises ConnectionError if the answer will not come."""
        if self._transport is None or self.lost.is_set():
            raise ConnectionResetError
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self.used = True
        self._transport.write(msgspec.json.encode(request) + b"\n")
        return await answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.used = True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            told = msgspec.json.decode(line, type=dict[str, Any])
            if "exited" in told:
                self._on_exit(told["exited"], told.get("record"))
            elif not (answer := self._asked.popleft()).done():
                answer.set_result(told)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(ConnectionResetError())
