"""A small HTTP server in threads of its own: it gets its port or says why, and it stops."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from steward.errors import ConfigError

_log = logging.getLogger(__name__)

SLOWEST_CLIENT = 30.0
"""Seconds that a client may be silent in the middle of its request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    timeout = 0.0  # of ``handle_request``, which is called when somebody is there

    def serve_until(self, told: socket.socket) -> None:
        """Not ``serve_forever``: that one wakes up again and again to see whether it goes on."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(told, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def server_bind(self) -> None:
        # Not HTTPServer's: it asks the DNS for the host's full name, which can take a minute.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        _log.debug("a request from %s failed", client_address, exc_info=True)


class Listener:
    """Serves ``handler`` on ``host`` and ``port`` (0: any free one) from ``start`` to ``stop``.

    ``setting`` names the setting that the port comes from, for errors.
    """

    def __init__(
        self, host: str, port: int, handler: type[BaseHTTPRequestHandler], setting: str
    ) -> None:
        self._host = host
        self._setting = setting
        self._wanted = port
        self._handler = handler
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._tell: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, or is to listen on."""
        return int(self._server.server_address[1]) if self._server else self._wanted

    def start(self) -> None:
        """Raises ConfigError if the port is taken, not allowed or not this machine's."""
        patient = type(self._handler.__name__, (self._handler,), {"timeout": SLOWEST_CLIENT})
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        server_class = type("_FamilyServer", (_Server,), {"address_family": family})
        try:
            server: _Server = server_class((self._host, self._wanted), patient)
        except OSError as error:
            raise self._refusal(error) from error
        self._server = server
        self._tell, told = socket.socketpair()
        self._thread = threading.Thread(
            target=self._serve, args=(server, told), name=self._setting, daemon=True
        )
        self._thread.start()

    @staticmethod
    def _serve(server: _Server, told: socket.socket) -> None:
        with told, server:
            server.serve_until(told)

    def stop(self) -> None:
        """Listen no more; idempotent."""
        thread, tell, self._server, self._tell = self._thread, self._tell, None, None
        if tell is not None and thread is not None:
            tell.close()
            thread.join()

    def _refusal(self, error: OSError) -> ConfigError:
        where = f"{self._setting}: {self._host}:{self._wanted}"
        if error.errno == errno.EADDRINUSE:
            return ConfigError(f"{where} is taken by another program", "name another port, or off")
        if error.errno == errno.EACCES:
            return ConfigError(f"{where} is not allowed", "use a port above 1023")
        return ConfigError(f"{where}: {error.strerror or error}", "use an address of this machine")
