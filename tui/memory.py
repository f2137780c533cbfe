"""What an operator wrote outlives the console: the draft, and what was sent, in one file."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from steward.errors import StewardError
from tui import kept as small_files
from tui.draft import METHODS, Draft

FILE = "console.json"
MOST = 500
"""Messages that are remembered; the oldest go first."""
LONGEST = 10_000
"""Characters; what is longer is not kept: it was pasted, and is somewhere else."""
PATIENCE = 2.0
"""Seconds that another console may keep the file for itself."""


LAST = 1e11
"""No wall time is as late."""


class Sent(NamedTuple):
    """A message that was sent from here, once or again, last ``at`` (wall time, seconds)."""

    draft: Draft
    at: float


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where it lies: with the operator, whichever the daemon is."""
    base = environ.get("XDG_STATE_HOME", "")
    home = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return home / "steward"


def is_kept(draft: Draft) -> bool:
    """Whether it may be written down. A message whose data is nobody else's business stays out
    here too, in the file as in the history."""
    return len(draft.text) + len(draft.to) <= LONGEST


def merged(*lists: Iterable[Sent]) -> tuple[Sent, ...]:
    """One history of several, newest first, each message once."""
    newest: dict[Draft, float] = {}
    for one in (one for found in lists for one in found):
        newest[one.draft] = max(one.at, newest.get(one.draft, one.at))
    ordered = sorted(newest.items(), key=lambda item: -item[1])
    return tuple(Sent(draft, at) for draft, at in ordered[:MOST])


class Memory:
    """In memory alone if there is no ``file``. ``draft`` and ``sent`` (newest first) are read and
    changed at once; :meth:`load` and :meth:`save` touch the disk, and may block."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.draft = self._kept = Draft()
        self.sent: tuple[Sent, ...] = ()
        self._unsaved = False
        self._one_at_a_time = threading.Lock()
        self.trouble = ""
        """What was last said of the file not being written: once is enough."""

    def add(self, draft: Draft, at: float) -> None:
        """It was sent at ``at``, wall time in seconds."""
        if is_kept(draft):
            self._take_in([Sent(draft, at)])
            self._unsaved = True

    def _take_in(self, sent: Iterable[Sent]) -> tuple[Sent, ...]:
        with self._one_at_a_time:
            self.sent = merged(self.sent, sent)
            return self.sent

    def load(self) -> None:
        """Take in what was kept. Raises StewardError if there is something that can't be read;
        what can be is taken in then too."""
        if self._file is not None:
            draft, self.sent = self._read(self._file)
            self.draft = self._kept = draft

    def save(self) -> None:
        """Write it down, together with what other consoles have sent meanwhile; nothing if there
        is nothing new. Raises StewardError."""
        fresh = self.draft != self._kept
        if self._file is None or not (fresh or self._unsaved):
            return
        draft, unsaved, self._unsaved = self.draft, self._unsaved, False
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self._file.with_suffix(".lock")):
                theirs, others = self._read_or_set_aside(self._file)
                sent = self._take_in(others)
                kept = draft if fresh and is_kept(draft) else theirs
                content = {"draft": asdict(kept), "sent": list(map(_line, sent))}
                small_files.write(self._file.parent, self._file.name, msgspec.json.encode(content))
        except (OSError, StewardError) as error:
            self._unsaved = unsaved
            if isinstance(error, StewardError):
                raise
            raise _trouble(self._file, f"cannot be written: {error.strerror}") from None
        self._kept = draft

    def _read_or_set_aside(self, file: Path) -> tuple[Draft, tuple[Sent, ...]]:
        try:
            return self._read(file)
        except StewardError:
            os.replace(file, file.with_suffix(".json.damaged"))
            return Draft(), ()

    def _read(self, file: Path) -> tuple[Draft, tuple[Sent, ...]]:
        try:
            raw = msgspec.json.decode(file.read_bytes())
        except FileNotFoundError:
            return Draft(), ()
        except OSError as error:
            raise _trouble(file, f"cannot be read: {error.strerror}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _trouble(file, "is damaged") from None
        if not isinstance(raw, dict) or not isinstance(raw.get("sent", []), list):
            raise _trouble(file, "is damaged")
        draft = _draft(raw.get("draft"))
        return draft or Draft(), merged(_entries(raw.get("sent", [])))


def _line(one: Sent) -> dict[str, Any]:
    return {"at": one.at, **asdict(one.draft)}


def _entries(raw: Iterable[object]) -> Iterator[Sent]:
    """Those that can be read: one that a later version wrote costs only itself."""
    for one in raw:
        draft = _draft(one)
        at = one.get("at") if isinstance(one, dict) else None
        if draft is not None and isinstance(at, int | float) and 0 <= at < LAST:
            yield Sent(draft, float(at))


def _draft(raw: object) -> Draft | None:
    """None also for a method that isn't offered: it must not become another one."""
    if not isinstance(raw, dict):
        return None
    try:
        draft = msgspec.convert(raw, Draft)
    except msgspec.ValidationError:
        return None
    method = METHODS.get(draft.method)
    fits = method is not None and draft.sent_kind in method.kinds
    return draft if fits and is_kept(draft) else None


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """While no other console writes. Raises StewardError after ``PATIENCE``."""
    number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > end:
                raise _trouble(lock, "is held by another console")
            time.sleep(0.02)
        yield
    finally:
        os.close(number)


def _trouble(file: Path, what: str) -> StewardError:
    hint = "the console goes on; what is written now may not be there next time"
    return StewardError(f"{file} {what}", hint)
