"""Every exception that Steward raises on purpose, each with a hint that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StewardError(Exception):
    """Something that an operator can act on.

    ``code`` is stable and machine-readable, ``hint`` says what to do, ``exit_status`` is what a
    command line that ends on it returns (DESIGN.md section 6).
    """

    code = "error"
    exit_status = 1

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.text} ({self.hint})" if self.hint else self.text


class UsageError(StewardError):
    """A wrong flag, argument or setting."""

    code = "usage"
    exit_status = 2


class ConfigError(UsageError):
    """A setting that cannot be used; the text names where it stands and its key."""

    code = "config"


class InvalidMessage(StewardError):
    """A message that cannot be accepted as it is written."""

    code = "invalid_message"
    exit_status = 7


class IdConflict(InvalidMessage):
    """The id was used before, for a message with other content."""

    code = "id_conflict"


class QueueFull(StewardError):
    """The node's queue has reached its bound."""

    code = "queue_full"
    exit_status = 7


class StoreFull(StewardError):
    """The disk, or the room that the store may take on it, is used up."""

    code = "store_full"
    exit_status = 7


class StoreDamaged(StewardError):
    """The database file cannot be used."""

    code = "store_damaged"


class StateFolderInUse(UsageError):
    """Another daemon, or another node's name, holds the state folder."""

    code = "state_folder_in_use"


class NoDaemon(StewardError):
    """No daemon answers on the control socket."""

    code = "no_daemon"
    exit_status = 5


class UnknownId(StewardError):
    """No message has this id."""

    code = "unknown_id"
    exit_status = 3


class NothingMatched(StewardError):
    """A pattern, label or group that selects no node."""

    code = "nothing_matched"
    exit_status = 3


class NotPossible(StewardError):
    """What was asked for makes no sense in the state that the thing is in."""

    code = "not_possible"
    exit_status = 7


class Refused(StewardError):
    """The receiver will not do this; the reason travels back in its receipt."""

    code = "refused"
    exit_status = 7


class FrameError(StewardError):
    """Bytes on a subject that are not a frame this daemon understands."""

    code = "bad_frame"


class SignatureError(FrameError):
    """What came is not signed by the one whose word it would be, or it came before."""

    code = "bad_signature"


class TrustError(StewardError):
    """A key, or what is said of one, that this node has no reason to trust."""

    code = "trust"
    exit_status = 7


class BusError(StewardError):
    """The broker cannot be used as asked."""

    code = "bus"


class RunnerError(StewardError):
    """The commands' parent process cannot be started or reached."""

    code = "runner"


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word closest to ``word``, or else lists them all."""
    words = sorted(known)
    lowered = {w.lower(): w for w in words}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return "known: " + ", ".join(words)
