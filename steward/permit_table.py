"""PURE: reads the ``[[permit]]`` tables of a TOML file, with the standard library alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from steward import units
from steward.errors import ConfigError, nearest
from steward.permit_rules import PER, REST, Permit, Rate

KEYS: Final = ("from", "methods", "arguments", "user", "operators", "rate", "longest", "limits")
LIMITS: Final = ("memory", "processes", "files", "cpu", "file-size")
"""What a permit may bound of a command: bytes, processes of its user, open files, seconds of CPU,
bytes of a file that it writes."""

_RATE = re.compile(r"([1-9][0-9]{0,4})/([smhd])")
_MOST_AT_A_RATE: Final = 10_000
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")


def read(entries: object, where: str) -> tuple[Permit, ...]:
    """The entries of a TOML file's ``permit``. Raises ConfigError, which names entry and key."""
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: is not a list of tables", "write [[permit]]")
    return tuple(_entry(table, f"{where}[{n}]") for n, table in enumerate(entries, 1))


def told(permit: Permit) -> dict[str, Any]:
    """The same table again, as JSON has it. What it does not say is left out."""
    table = permit._asdict() | {
        "from": list(permit.frm),
        "methods": list(permit.methods),
        "operators": list(permit.operators),
        "arguments": [list(pattern) for pattern in permit.arguments],
        "rate": str(permit.rate) if permit.rate else "",
        "limits": dict(permit.limits),
    }
    return {key: table[key] for key in KEYS if table[key]}


def _entry(table: object, where: str) -> Permit:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: {table!r} is not a table", "write KEY = VALUE lines under it")
    for name in table:
        if name not in KEYS:
            raise ConfigError(f"{where}: unknown key {name!r}", nearest(name, KEYS))
    for name in ("from", "methods"):
        if name not in table:
            raise ConfigError(f"{where}: {name} is missing", f'add {name} = ["…"]')
    found: dict[str, Any] = {}
    for name, value in table.items():
        reader = _READERS[name]
        found["frm" if name == "from" else name] = reader(value, f"{where}.{name}")
    return Permit(**found)


def words(value: object, where: str) -> tuple[str, ...]:
    """One text or a list of them, none of them empty. Raises ConfigError."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(w, str) and w for w in given):
        raise ConfigError(f"{where}: {value!r} is not a list of texts", 'like ["ship1", "ship*"]')
    return tuple(given)


def _arguments(value: object, where: str) -> tuple[tuple[str, ...], ...]:
    hint = 'a list of patterns, each a list of globs: [["systemctl", "status", "*"]]'
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: {value!r} is not a list of patterns", hint)
    for number, pattern in enumerate(value, 1):
        here = f"{where}[{number}]"
        if not isinstance(pattern, list) or not all(isinstance(glob, str) for glob in pattern):
            raise ConfigError(f"{here}: {pattern!r} is not a list of globs", hint)
        if REST in pattern[:-1]:
            raise ConfigError(f'{here}: "**" can only be the last one', '"*" is any one argument')
    return tuple(map(tuple, value))


def _user(value: object, where: str) -> str:
    if not isinstance(value, str) or not _USER.fullmatch(value):
        raise ConfigError(f"{where}: {value!r} is not a user's name", 'like "backup"')
    return value


def _rate(value: object, where: str) -> Rate:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > _MOST_AT_A_RATE:
        hint = f'like "10/m": {_MOST_AT_A_RATE:,} at most in a s, m, h or d'
        raise ConfigError(f"{where}: {value!r} is not a rate", hint)
    return Rate(int(match[1]), PER[match[2]])


def _longest(value: object, where: str) -> float:
    seconds = units.seconds(value)
    if not seconds:
        raise ConfigError(f"{where}: {value!r} is not a duration above 0", "seconds, or 90s, 10m")
    return seconds


def _limits(value: object, where: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {value!r} is not a table", 'like { memory = "512MiB" }')
    for name in value:
        if name not in LIMITS:
            raise ConfigError(f"{where}: unknown key {name!r}", nearest(name, LIMITS))
    return {name: _limit(name, given, f"{where}.{name}") for name, given in value.items()}


def _limit(name: str, given: object, where: str) -> int:
    hint = "a whole number above 0"
    bound = given if isinstance(given, int) and not isinstance(given, bool) else None
    if name in ("memory", "file-size"):
        bound, hint = units.size(given), "bytes above 0, or 64KiB, 128MiB, 1GiB"
    elif name == "cpu":
        seconds = units.seconds(given)
        bound, hint = None if seconds is None else math.ceil(seconds), "seconds above 0, or 90s"
    if not bound or not 0 < bound <= units.LARGEST:
        raise ConfigError(f"{where}: {given!r} is no bound", hint)
    return bound


_READERS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "from": words,
    "methods": words,
    "arguments": _arguments,
    "user": _user,
    "operators": words,
    "rate": _rate,
    "longest": _longest,
    "limits": _limits,
}
