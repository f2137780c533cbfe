"""One client of the control socket: its requests, their answers, and what it is told unasked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from steward.control import protocol
from steward.control.address import Caller, caller
from steward.control.changes import TOPICS, Watch
from steward.control.feed import Feed, Live
from steward.errors import StewardError, nearest

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


class Connection:
    """Requests in, answers in whatever order they are ready."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        live: Live | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.watch: Watch | None = None
        self._handlers = handlers
        self._live = live
        self._feed: Feed | None = None
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
            self._leave()

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
        if request.method == "follow" and self._live is not None:
            return await self._follow(self._live, request.params)
        handler = self._handlers.get(request.method)
        if handler is None:
            hint = nearest(request.method, [*self._handlers, "watch", "follow"])
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

    async def _follow(self, live: Live, params: dict[str, Any]) -> object:
        id = params.get("id")
        if not isinstance(id, str | None):
            raise protocol.ProtocolError("id is not a text", "a message's id, or null to stop")
        self._leave()
        if id is not None:
            self._feed = feed = Feed(id, self._news.set)
            try:
                await live.follow(feed)
            finally:
                if self._feed is not feed:  # Another one was asked for meanwhile.
                    live.leave(feed)
        return {"following": id}

    def _leave(self) -> None:
        if self._live is not None and self._feed is not None:
            self._live.leave(self._feed)
        self._feed = None

    async def _tell(self) -> None:
        """At once after a quiet time, and no more often than every INTERVAL: what has changed, then
        what somebody's command has written meanwhile."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self.watch is not None and self.watch.pending:
                await self._say(protocol.notification("changed", self.watch.take()))
            for told in self._feed.take() if self._feed is not None else ():
                await self._say(protocol.notification("output", told))
            await asyncio.sleep(INTERVAL)

    async def _say(self, line: bytes) -> None:
        if line:
            self._writer.write(line)
            await self._writer.drain()
