"""The daemon's end of the control socket: reads requests, calls handlers, tells watchers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from steward.control import protocol
from steward.control.address import Caller, caller, reachable
from steward.control.changes import TOPICS, Touch, Touched, Waits, Watch
from steward.errors import StateFolderInUse, StewardError, nearest

Handler = Callable[[dict[str, Any], Caller], Awaitable[object]]
"""(parameters by name, who asks) -> what is answered, as JSON. A StewardError goes back as it is;
so does a msgspec.ValidationError, from ``msgspec.convert(params, …)``."""

AT_ONCE: Final = 64
"""Requests of one connection that are carried out at a time; further ones wait unread."""
INTERVAL: Final = 0.25
"""Least seconds between two notifications to one watcher."""
GRACE: Final = 5.0
"""Seconds that requests under way have left once their client has said all it will say."""
STOP_GRACE: Final = 0.5
"""The same when the server stops: enough for a commit, and a wait for results is cut short."""

log = logging.getLogger(__name__)


class ControlServer:
    """Serves ``handlers`` on a unix socket of mode 0660 at ``path``; an async context manager.

    ``watch`` is answered here. Raises StateFolderInUse on entry if a daemon answers there already.
    """

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self.path = path
        self.handlers = handlers
        self._waits = Waits()
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def __aenter__(self) -> Self:
        listening = _listen(self.path)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.start_unix_server(
            self._accept, sock=listening, limit=protocol.MAX_LINE
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            await _close_door(self._server)
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        tasks = list(self._connections.values())
        for connection in self._connections:
            connection.stop()
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=STOP_GRACE + 1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def changed(self, touched: Touched) -> None:
        """Tell everybody who watches or waits; costs nothing if nobody does."""
        self._waits.tell(touched.messages)
        for connection in self._connections:
            if connection.watch is not None:
                connection.watch.add(touched)

    def status_changed(self) -> None:
        """The broker's link, the intake or an alarm is not what it was."""
        for connection in self._connections:
            if connection.watch is not None:
                connection.watch.add_status()

    def touching(self, ids: Collection[str]) -> contextlib.AbstractContextManager[Touch]:
        """For the handler of ``wait``: an event that is set whenever one of ``ids`` changed."""
        return self._waits.touching(ids)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: a connection is known, and will be closed, from its first moment on.
        connection = _Connection(self.handlers, reader, writer)
        task = asyncio.create_task(self._serve(connection, writer), name="control connection")
        self._connections[connection] = task

    async def _serve(self, connection: _Connection, writer: asyncio.StreamWriter) -> None:
        try:
            await connection.run()
        except ConnectionError:
            pass  # The client went away; it takes nothing with it.
        finally:
            del self._connections[connection]
            await _close(writer)


class _Connection:
    """One client: requests in, answers in whatever order they are ready."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.watch: Watch | None = None
        self._handlers = handlers
        self._reader = reader
        self._writer = writer
        self._caller = caller(writer.get_extra_info("socket"))
        self._free = asyncio.Semaphore(AT_ONCE)
        self._stopped = False
        self._grace: asyncio.Timeout | None = None
        self._news = asyncio.Event()

    def stop(self) -> None:
        """Read no further request; finish what is under way."""
        if not self._stopped:
            self._stopped = True
            if self._grace is not None:
                self._grace.reschedule(asyncio.get_running_loop().time() + STOP_GRACE)
            # What still arrives must not reach a reader that has been told that it's over.
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]
            self._reader.feed_eof()

    async def run(self) -> None:
        """Until the client closes, or :meth:`stop`. Raises ConnectionError if it went away."""
        requests: set[asyncio.Task[None]] = set()
        teller = asyncio.create_task(self._tell(), name="control notifications")
        try:
            while line := await self._next_line():
                await self._free.acquire()
                task = asyncio.create_task(self._carry_out(line), name="control request")
                requests.add(task)
                task.add_done_callback(requests.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_GRACE if self._stopped else GRACE) as self._grace:
                    await asyncio.gather(*requests)
        finally:
            self._grace = None
            owned = [*requests, teller]
            for task in owned:
                task.cancel()
            await asyncio.gather(*owned, return_exceptions=True)

    async def _next_line(self) -> bytes:
        """The next line that is not blank; empty at the end."""
        too_long = False
        while not self._stopped:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                return b"" if self._stopped else end.partial.strip()
            except asyncio.LimitOverrunError as over:
                too_long = bool(await self._reader.readexactly(over.consumed))
                continue
            if too_long:
                too_long = False
                error = protocol.ProtocolError(
                    f"a line has more than {protocol.MAX_LINE:,} bytes", "send less at a time"
                )
                await self._say(protocol.failure(None, protocol.INVALID_REQUEST, error))
            elif line.strip():
                return line
        return b""

    async def _carry_out(self, line: bytes) -> None:
        try:
            await self._say(await self._answer(line))
        except ConnectionError:
            self.stop()
        finally:
            self._free.release()

    async def _answer(self, line: bytes) -> bytes:
        """The line to answer with; empty for a notification. Raises nothing."""
        try:
            request = protocol.parse_request(line)
        except protocol.Malformed as error:
            return protocol.failure(error.id, error.code, error.error)
        try:
            result = await self._call(request)
            answer = protocol.success(request.id, result)
        except msgspec.ValidationError as error:
            told = protocol.ProtocolError(f"{request.method}: {error}", "see its parameters")
            answer = protocol.failure(request.id, protocol.INVALID_PARAMS, told)
        except protocol.UnknownMethod as error:
            answer = protocol.failure(request.id, protocol.METHOD_NOT_FOUND, error)
        except StewardError as error:
            answer = protocol.failure(request.id, protocol.STEWARD_ERROR, error)
        except Exception as error:
            log.exception("%s failed", request.method)
            bug = StewardError(f"{request.method}: {type(error).__name__}: {error}", "see the log")
            bug.code = "internal"
            answer = protocol.failure(request.id, protocol.INTERNAL_ERROR, bug)
        return b"" if request.id is None else answer

    async def _call(self, request: protocol.Request) -> object:
        if request.method == "watch":
            return self._watch(request.params)
        handler = self._handlers.get(request.method)
        if handler is None:
            hint = nearest(request.method, [*self._handlers, "watch"])
            raise protocol.UnknownMethod(f"unknown method {request.method[:60]!r}", hint)
        return await handler(request.params, self._caller)

    def _watch(self, params: dict[str, Any]) -> object:
        topics = params.get("topics", list(TOPICS))
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            raise protocol.ProtocolError("topics is not a list of texts", ", ".join(TOPICS))
        for topic in topics:
            if topic not in TOPICS:
                raise protocol.ProtocolError(f"unknown topic {topic!r}", nearest(topic, TOPICS))
        self.watch = Watch(topics, self._news.set) if topics else None
        return {"watching": topics}

    async def _tell(self) -> None:
        """At once after a quiet time, and no more often than every INTERVAL."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self.watch is not None and self.watch.pending:
                await self._say(protocol.notification("changed", self.watch.take()))
                await asyncio.sleep(INTERVAL)

    async def _say(self, line: bytes) -> None:
        if line:
            self._writer.write(line)
            await self._writer.drain()


async def _close_door(server: asyncio.Server) -> None:
    for listening in server.sockets:
        server.get_loop().remove_reader(listening.fileno())
    for _ in range(3):
        # Whoever was let in at this moment takes so many turns of the loop to become a connection.
        # asyncio would forget it, open for ever, if the server was closed meanwhile.
        await asyncio.sleep(0)
    server.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(STOP_GRACE):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()  # It doesn't read what it asked for.
    except ConnectionError:
        pass


def _listen(path: Path) -> socket.socket:
    """A socket at ``path`` in the place of whatever dead one is there."""
    with reachable(path) as name:
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise StateFolderInUse(f"{path} is not a socket", "move that file out of the way")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            with contextlib.suppress(OSError):
                probe.connect(name)
                raise StateFolderInUse(
                    f"a daemon answers on {path} already", "stop it, or give another --state-dir"
                )
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(name)
            # Before listen(): until then nobody can connect, whatever the umask left open.
            os.chmod(name, 0o660)
            listening.listen(128)
        except BaseException:
            listening.close()
            raise
        return listening
