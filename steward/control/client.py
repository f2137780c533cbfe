"""The other end of the control socket: what the command line and the console ask through."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

from steward.control import protocol
from steward.control.address import SOCKET_NAME, reachable
from steward.errors import NoDaemon, StewardError

CONNECT_TIMEOUT: Final = 5.0
_END: Final = protocol.Notification("end", {})


class ControlClient:
    """A connection to the daemon of ``state_dir``; an async context manager.

    Calls may be made while others are under way. Raises NoDaemon on entry, and from every call and
    from :meth:`notifications` once the daemon is gone.
    """

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / SOCKET_NAME
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._notifications: asyncio.Queue[protocol.Notification] = asyncio.Queue()
        self._gone: StewardError | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                with reachable(self.path) as name:
                    self._reader, self._writer = await asyncio.open_unix_connection(
                        name, limit=protocol.MAX_LINE
                    )
        except TimeoutError:
            raise NoDaemon(
                f"the daemon at {self.path} does not answer", "look at its log; restart it"
            ) from None
        except PermissionError:
            raise NoDaemon(
                f"you may not use {self.path}", "ask as the daemon's user, or join its group"
            ) from None
        except OSError as error:
            raise NoDaemon(f"no daemon answers at {self.path}", self._remedy(error)) from None
        self._reading = asyncio.create_task(self._read(), name="control answers")
        return self

    def _remedy(self, error: OSError) -> str:
        folder = shlex.quote(str(self.path.parent))
        if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
            return (
                f"start one: steward node --node NAME --state-dir {folder}; or, if its state is "
                "elsewhere, say so with --state-dir or STEWARD_STATE_DIR"
            )
        return error.strerror or str(error)

    async def __aexit__(self, *exc: object) -> None:
        self._gone = self._gone or NoDaemon("the connection to the daemon is closed")
        self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def call(self, method: str, /, **params: object) -> Any:
        """What the daemon answers to ``method``; parameters that are None are left out.
        Raises the StewardError that it answered with, or NoDaemon."""
        if self._gone is not None:
            raise self._gone
        id = next(self._ids)
        given = {name: value for name, value in params.items() if value is not None}
        answer = self._waiting[id] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(protocol.request(id, method, given))
            with contextlib.suppress(ConnectionError):  # The reader says it better.
                await self._writer.drain()
            return await answer
        finally:
            del self._waiting[id]

    async def notifications(self) -> AsyncIterator[protocol.Notification]:
        """What the daemon says unasked, after a ``watch``. Raises NoDaemon when it is gone."""
        while self._gone is None or not self._notifications.empty():
            told = await self._notifications.get()
            if told is _END:
                break
            yield told
        assert self._gone is not None
        raise self._gone

    async def _read(self) -> None:
        gone: StewardError = NoDaemon(
            f"the daemon at {self.path} is gone", "start it again; what it accepted is kept"
        )
        try:
            while line := await self._reader.readline():
                reply = protocol.parse_reply(line)
                if isinstance(reply, protocol.Notification):
                    self._notifications.put_nowait(reply)
                elif reply.id is None and reply.error is not None:
                    gone = reply.error  # of no call: why the connection ends, if it does
                else:
                    self._settle(reply)
        except ConnectionError:
            pass
        except ValueError:
            gone = protocol.ProtocolError("the daemon's answer is too long", "ask for less")
        except StewardError as error:
            gone = error
        self._gone = self._gone or gone
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._gone)
        self._notifications.put_nowait(_END)

    def _settle(self, reply: protocol.Answer) -> None:
        answer = self._waiting.get(reply.id) if isinstance(reply.id, int) else None
        if answer is None or answer.done():
            return  # Whoever asked has stopped waiting.
        if reply.error is not None:
            answer.set_exception(reply.error)
        else:
            answer.set_result(reply.result)
