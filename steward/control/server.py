"""The daemon's end of the control socket: lets clients in, and tells them what has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from steward.control import doors, protocol
from steward.control.address import caller, reachable
from steward.control.changes import Touch, Touched, Waits
from steward.control.connection import AT_ONCE, STOP_GRACE, Connection, Handler
from steward.control.feed import Live
from steward.errors import NoDaemon, StateFolderInUse

__all__ = ["AT_ONCE", "ControlServer", "Handler"]

log = logging.getLogger(__name__)
_MOST_STRANGERS = 100


class ControlServer:
    """Serves ``handlers`` on a unix socket of mode 0660 at ``path``; an async context manager.

    ``group``: the socket's, and the folder's; None: as they are. A connection answers ``watch``
    itself, and ``follow`` if there is something ``live``. Raises StateFolderInUse on entry if a
    daemon answers there already, ConfigError if it cannot be given to the group.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        live: Live | None = None,
        group: int | None = None,
    ) -> None:
        self.path = path
        self._group = group
        self.handlers = handlers
        self.live = live
        self._waits = Waits()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._gid = -1
        self._strangers: set[int] = set()

    async def __aenter__(self) -> Self:
        if self._group is not None:
            doors.open_to(self.path.parent, self._group)
        listening = _listen(self.path, self._group)
        found = self.path.lstat()
        self._inode, self._gid = found.st_ino, found.st_gid
        self._server = await asyncio.start_unix_server(
            self._accept, sock=listening, limit=protocol.MAX_LINE
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            await _close_door(self._server)
        with contextlib.suppress(FileNotFoundError):
            if self.path.lstat().st_ino == self._inode:
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
        self._waits.tell(touched.ends)
        for connection in self._connections:
            if connection.watch is not None:
                connection.watch.add(touched)

    def nodes_changed(self, names: Collection[str]) -> None:
        """These nodes are not what they were, though nothing was stored."""
        for connection in self._connections:
            if connection.watch is not None:
                connection.watch.add_nodes(names)

    def status_changed(self) -> None:
        """The broker's link, the intake or an alarm is not what it was."""
        for connection in self._connections:
            if connection.watch is not None:
                connection.watch.add_status()

    def touching(self, ids: Collection[str]) -> contextlib.AbstractContextManager[Touch]:
        """For the handler of ``wait``: an event that is set whenever one of ``ids`` has ended."""
        return self._waits.touching(ids)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: a connection is known, and will be closed, from its first moment on.
        if not self._let_in(writer):
            return
        connection = Connection(self.handlers, self.live, reader, writer)
        task = asyncio.create_task(self._serve(connection, writer), name="control connection")
        self._connections[connection] = task

    def _let_in(self, writer: asyncio.StreamWriter) -> bool:
        sock = writer.get_extra_info("socket")
        who = caller(sock)
        if doors.may_call(sock, who, self._gid):
            return True
        text = f"{doors.user(who.uid)} may not use {self.path}"
        if who.uid not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(who.uid)
            log.warning("%s, and has tried to", text)
        error = NoDaemon(text, f"join the group {doors.group(self._gid)}")
        writer.write(protocol.failure(None, protocol.STEWARD_ERROR, error))
        writer.close()
        return False

    async def _serve(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        try:
            await connection.run()
        except ConnectionError:
            pass  # The client went away; it takes nothing with it.
        finally:
            del self._connections[connection]
            await _close(writer)


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


def _listen(path: Path, gid: int | None) -> socket.socket:
    """A socket at ``path`` in the place of whatever dead one is there; never where a link leads."""
    with reachable(path) as name:
        if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
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
            if gid is not None:
                os.chown(name, -1, gid, follow_symlinks=False)
            os.chmod(name, 0o660)
            listening.listen(128)
        except BaseException:
            listening.close()
            raise
        return listening
