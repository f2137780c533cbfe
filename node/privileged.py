"""The runner as a unit of its own that root starts: what it prepares before it serves.

Its file work in the state folder it does as the folder's owner, so that no process of root's ever
follows what an unprivileged daemon may have planted there. It becomes root for what only root can
do: to read root's own files, to signal a command of another user, and, in the forked child, to
become that user.
"""

from __future__ import annotations

import contextlib
import os
import sys
from socket import socket
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from node import accounts, runner_socket
from node.accounts import RootPower
from node.sd_notify import notify

if TYPE_CHECKING:  # they need packages, which ``prepare`` makes findable
    from node.order_book import OrderBook
    from node.warrants import Warrants

MARKER = "runner.at"
"""In the state folder, see ``runner_link.py``, which no runner can afford to import."""
_GROUP_TOO = 0o117
_OWNER_ALONE = 0o177
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK


class Unit(NamedTuple):
    """``here``: the open state folder; ``address``: of the socket, relative to it."""

    here: int
    address: str
    power: RootPower
    book: OrderBook
    warrants: Warrants

    def listen(self) -> socket | None:
        """None if another runner holds the folder. What one that was killed has left is ended."""
        os.fchdir(self.here)
        try:
            if not runner_socket.lock():
                return None
            if ended := self.book.end_orphans():
                print(f"ended {ended} commands of a runner that was killed", file=sys.stderr)
            if self.address == runner_socket.SOCKET:
                return runner_socket.bound(self.address, _OWNER_ALONE)
            with self.power.root():
                listener = runner_socket.bound(self.address, _GROUP_TOO)
                os.chown(self.address, 0, self.power.gid)
                return listener
        finally:
            os.chdir("/")

    def begin(self) -> None:
        """It listens: leave word where, and tell the service manager."""
        with open(os.open(MARKER, _NEW, 0o600, dir_fd=self.here), "w") as file:
            file.write(f"{self.address}\n")
        notify("READY=1", "STATUS=takes signed orders")

    def end(self) -> None:
        with self.power.root(), contextlib.suppress(OSError):
            os.unlink(self.address, dir_fd=self.here)


def prepare(state: str, *, orders: str, book: str, socket: str, packages: str) -> Unit:
    """``orders``: the folder of root's ``anchor`` and ``node.toml``; ``book``: root's own, for
    what it remembers; ``socket``: where to listen, empty: in the state folder; ``packages``: where
    PyNaCl lies, which -I and -S hide. Ends the process if it cannot be."""
    if os.geteuid() != 0:
        _give_up("only root can start commands as other users: steward service install sets it up")
    if not book:
        _give_up("book=DIR is missing: root's own folder, like /var/lib/steward-runner")
    try:
        here = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        _give_up(f"{state}: {error.strerror}")
    owner = os.fstat(here)
    if owner.st_uid == 0:
        _give_up(f"{state} belongs to root: give it to the user that the daemon runs as")
    if packages:
        sys.path.append(packages)
    try:
        from node.order_book import OrderBook
        from node.warrants import Warrants
    except ImportError as error:
        _give_up(f"{error}: packages=DIR names the folder with PyNaCl")
    power = RootPower(owner.st_uid, owner.st_gid)
    kept = OrderBook(book, power)
    warrants = Warrants(orders, power, kept, accounts.numbered(owner.st_uid))
    return Unit(here, socket or runner_socket.SOCKET, power, kept, warrants)


def _give_up(why: str) -> NoReturn:
    raise SystemExit(f"steward's runner: {why}")
