"""What the privileged runner remembers where only root can read and write.

Orders that have been carried out, statements about keys, and the commands that are its children.
The state folder's owner could put an old state back; this makes sure that no order is carried out
twice all the same, and that a revoked key stays revoked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterable

from node import spawn
from node.accounts import Power
from node.children import Book

MARK_BYTES = 16
_STATEMENTS = "statements"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW


class OrderBook(Book):
    """The folder belongs to root. Sixteen bytes an order, for ever: there is no age after which an
    order that was signed once would be harmless."""

    def __init__(self, folder: str, power: Power) -> None:
        """Raises OSError."""
        self._power = power
        with power.root():
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._folder = os.open(folder, _FOLDER)
            self._spent = self._opened("spent")
            self._living = self._opened("living")
            self._make_pages()

    def _opened(self, name: str) -> int:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self._folder)
        return os.open(name, _FOLDER, dir_fd=self._folder)

    def _make_pages(self) -> None:
        """One for each first byte of a mark: a file that is there already is synced in one go."""
        missing = {f"{first:02x}" for first in range(256)} - set(os.listdir(self._spent))
        for name in missing:
            os.close(os.open(name, _APPEND, 0o600, dir_fd=self._spent))
        if missing:
            os.fsync(self._spent)

    def is_spent(self, order: bytes) -> bool:
        """Whether the order with this mark has been carried out. Raises OSError."""
        with self._power.root():
            try:
                file = os.open(order[:1].hex(), os.O_RDONLY, dir_fd=self._spent)
            except FileNotFoundError:
                return False
            with open(file, "rb") as spent:
                marks = spent.read()
        at = marks.find(order)
        while at >= 0 and at % MARK_BYTES:
            at = marks.find(order, at + 1)
        return at >= 0

    def spend(self, order: bytes) -> None:
        """Durably. Raises OSError."""
        assert len(order) == MARK_BYTES
        with self._power.root():
            file = os.open(order[:1].hex(), _APPEND, 0o600, dir_fd=self._spent)
            try:
                size = os.fstat(file).st_size
                if torn := size % MARK_BYTES:  # the power went, or the disk was full
                    os.ftruncate(file, size - torn)
                if os.write(file, order) != MARK_BYTES:
                    raise OSError("the disk is full")
                os.fsync(file)
            finally:
                os.close(file)

    def lives(self, key: str, pid: int) -> None:
        facts = f"{spawn.BOOT} {pid} {spawn.start_time(pid)}".encode()
        # Without the note it would outlive a runner that is killed: no reason to give it up.
        with self._power.root(), contextlib.suppress(OSError):
            file = os.open(key, _APPEND, 0o600, dir_fd=self._living)
            try:
                os.write(file, facts)
            finally:
                os.close(file)

    def ended(self, key: str) -> None:
        with self._power.root(), contextlib.suppress(OSError):
            os.unlink(key, dir_fd=self._living)

    def end_orphans(self) -> int:
        """Kill what a runner that was killed has left behind: nobody can say how it ends. How many
        commands these were. The daemon reports them as interrupted."""
        count = 0
        with self._power.root():
            for key in os.listdir(self._living):
                if self._end_orphan(key):
                    count += 1
                os.unlink(key, dir_fd=self._living)
        return count

    def _end_orphan(self, key: str) -> bool:
        with open(os.open(key, os.O_RDONLY, dir_fd=self._living)) as file:
            words = file.read().split()
        if len(words) != 3 or words[0] != spawn.BOOT:
            return False
        pid, start = int(words[1]), int(words[2])
        return (
            start > 0 and spawn.start_time(pid) == start and spawn.signal_group(pid, signal.SIGKILL)
        )

    def statements(self) -> list[bytes]:
        """What was learned of keys, in that order. Raises OSError, ValueError."""
        with self._power.root():
            try:
                file = os.open(_STATEMENTS, os.O_RDONLY, dir_fd=self._folder)
            except FileNotFoundError:
                return []
            with open(file) as kept:
                return [text.encode() for text in json.load(kept)]

    def keep(self, statements: Iterable[bytes]) -> None:
        """In the place of those before, durably. Raises OSError."""
        content = json.dumps([signed.decode() for signed in statements]).encode()
        new = f"{_STATEMENTS}.new"
        with self._power.root():
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with open(os.open(new, flags, 0o600, dir_fd=self._folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(new, _STATEMENTS, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
