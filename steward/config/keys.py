"""Every key of a node's settings, and how the value of each is read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from steward import units
from steward.config.settings import HostAndPort
from steward.errors import InvalidMessage, UsageError, nearest
from steward.fields import duration
from steward.subjects import NodeName, node_name

_DIGITS = re.compile(r"[0-9]{1,20}")
_TRUE: Final = frozenset({"true", "t", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "f", "0", "no", "off"})
_LABEL_KEY = re.compile(r"[A-Za-z0-9_.-]{1,63}")

Reader = Callable[[object, bool], Any]
"""(value, whether it was written as bare text: a flag, the environment) -> the checked value.
Raises UsageError or InvalidMessage with what is wrong, without saying where."""


class Key(NamedTuple):
    """One setting. ``many``: may be given several times; ``switch``: a flag without a value."""

    name: str
    read: Reader
    help: str
    metavar: str = ""
    default: str = ""
    switch: bool = False
    many: bool = False

    @property
    def field(self) -> str:
        """Its name in the settings."""
        return "labels" if self.name == "label" else self.name.replace("-", "_")


def _wrong(value: object, what: str, hint: str = "") -> UsageError:
    shown = repr(value)
    return UsageError(f"{shown if len(shown) <= 60 else shown[:57] + '…'} is not {what}", hint)


def _text(value: object, bare: bool) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(value, "a text", "put it in quotes")
    return value


def _name(value: object, bare: bool) -> NodeName:
    return node_name(_text(value, bare))


def file_path(value: object, bare: bool = True) -> Path:
    """A file or folder; ``~`` in front is a home. Raises UsageError."""
    given = value if isinstance(value, Path) else Path(_text(value, bare))
    if "\0" in str(given):
        raise _wrong(str(given), "a path", "no name holds a zero byte")
    try:
        return given.expanduser()
    except RuntimeError as error:
        raise _wrong(str(given), "a path that is found", str(error)) from None


def _some_words(value: object, bare: bool) -> tuple[str, ...]:
    words = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(w, str) and w for w in words):
        raise _wrong(value, "a list of names", 'NAME,NAME; in the file ["NAME"]')
    return tuple(words)


def _switch(value: object, bare: bool) -> bool:
    if bare and isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    if not isinstance(value, bool):
        raise _wrong(value, "true or false")
    return value


def _seconds(value: object, bare: bool) -> float:
    try:
        return duration(value, "")
    except InvalidMessage as error:
        raise _wrong(value, "a duration", error.hint) from None


def _some_seconds(value: object, bare: bool) -> float:
    seconds = _seconds(value, bare)
    if seconds <= 0:
        raise _wrong(value, "a duration above 0", "seconds, or 90s, 10m, 2h, 7d")
    return seconds


def _whole(least: int, most: int) -> Reader:
    def read(value: object, bare: bool) -> int:
        if bare and isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _wrong(value, "a whole number", f"{least} to {most}")
        return value

    return read


def _size(value: object, bare: bool) -> int:
    size = units.size(value)
    if size is None:
        raise _wrong(value, "a size", "bytes, or 64KiB, 128MiB, 1GiB")
    return size


def _choice(*words: str) -> Reader:
    def read(value: object, bare: bool) -> str:
        if not isinstance(value, str) or value not in words:
            raise _wrong(value, "one of " + ", ".join(words), nearest(str(value), words))
        return value

    return read


def _broker(value: object, bare: bool) -> str:
    address = _text(value, bare)
    return ",".join(
        one if "://" in one else f"nats://{one}"
        for one in (part.strip() for part in address.split(","))
        if one
    )


def _host_and_port(value: object, bare: bool) -> HostAndPort | None:
    text = _text(value, bare)
    if text == "off":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not _DIGITS.fullmatch(port) or int(port) > 65535:
        raise _wrong(value, "an address", "HOST:PORT, :PORT for every interface, or off")
    return HostAndPort(host.strip("[]") or "0.0.0.0", int(port))


def _labels(value: object, bare: bool) -> dict[str, str]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        pairs = [str(item).partition("=") for item in value]
        if any(not equals for _, equals, _ in pairs):
            raise _wrong(value, "a list of labels", "KEY=VALUE")
        value = {key.strip(): text.strip() for key, _, text in pairs}
    if not isinstance(value, dict):
        raise _wrong(value, "a table of labels", 'like env = "prod"')
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(key) or not isinstance(text, str) or len(text) > 256:
            raise _wrong({key: text}, "a label", "a plain word = a text, of 256 characters at most")
    if len(value) > 64:
        raise UsageError(f"{len(value)} labels are too many", "64 at most")
    return value


FLAGS: Final[tuple[Key, ...]] = (
    Key("node", _name, "This node's name, unique among all nodes.", "NAME"),
    Key("state-dir", file_path, "Folder for all that has to be kept.", "DIR", "the platform's"),
    Key(
        "broker-address",
        _broker,
        "The NATS server, or several with commas.",
        "URL",
        "nats://127.0.0.1:4222",
    ),
    Key(
        "broker-ca",
        file_path,
        "Who vouches for the broker: PEM.",
        "FILE",
        "keys' CA, or the system's",
    ),
    Key("broker-credentials", file_path, "A .creds file, if the broker asks for one.", "FILE"),
    Key("central", _name, "The node that errors and hellos go to.", "NAME", "central"),
    Key(
        "central-error-logger",
        _switch,
        "Keep the errors that other nodes report.",
        default="on, if this node is its own central",
        switch=True,
    ),
    Key(
        "default-message-timeout",
        _some_seconds,
        "How long to wait for a receipt.",
        "DURATION",
        "10; 60 on a slow link",
    ),
    Key(
        "default-message-retries",
        _whole(0, 1_000_000),
        "Attempts before giving up; 0: until it expires or is cancelled.",
        "N",
        "0",
    ),
    Key("default-message-ttl", _seconds, "When a message expires; 0: never.", "DURATION", "0"),
    Key("prom-host-and-port", _host_and_port, "Metrics.", "HOST:PORT|off", "127.0.0.1:2112"),
    Key("profiling-port", _whole(0, 65535), "Serve a profile on this loopback port.", "N", "off"),
    Key("hello-interval", _some_seconds, "How often to say hello.", "DURATION", "15s"),
    Key("label", _labels, "A label of this node; may be repeated.", "KEY=VALUE", many=True),
    Key("link", _choice("lan", "slow"), "The kind of link; slow: satellite, GSM.", "lan|slow"),
    Key("socket-group", _text, "Who may use the control socket and inmsg.txt.", "GROUP"),
    Key(
        "intake-owners",
        _some_words,
        "Whose inmsg.txt is taken, beside root's and the daemon's own.",
        "USER[,USER…]",
    ),
    Key(
        "restored",
        _switch,
        "The state folder is an older copy (a backup put back): renew it.",
        switch=True,
    ),
    Key("config", file_path, "A TOML file with any of these and more.", "FILE"),
)

_COUNT = _whole(1, 10**9)
TABLES: Final[Mapping[str, Mapping[str, Reader]]] = {
    "limits": {
        "queue": _COUNT,
        "parallel-per-stream": _COUNT,
        "parallel-per-node": _COUNT,
        "output-bytes": _size,
        "free-bytes": _size,
        "ballast-bytes": _size,
        "store-bytes": _size,
        "intake-bytes": _size,
    },
    "retention": {
        "history-age": _some_seconds,
        "history-messages": _COUNT,
        "output-age": _some_seconds,
        "output-bytes": _size,
        "journal-bytes": _size,
        "journal-files": _COUNT,
        "textlog-bytes": _size,
        "textlog-files": _COUNT,
    },
}
"""The TOML file's tables whose keys are known one by one."""
