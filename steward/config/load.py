"""Settings from flags, the environment and a TOML file, in that order of precedence."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from steward import permit_table
from steward.config.keys import FLAGS, TABLES, Key, Reader, file_path
from steward.config.settings import LAN, SLOW, Limits, Retention, Settings
from steward.errors import ConfigError, StewardError, nearest
from steward.permit_rules import Permit

_KEYS: Final = {key.name: key for key in FLAGS}
_FILE_KEYS: Final = {"labels" if n == "label" else n: k for n, k in _KEYS.items() if n != "config"}
_TOP: Final = (*_FILE_KEYS, *TABLES, "permit", "groups", "console")
_GROUP = re.compile(r"[A-Za-z0-9_-]{1,63}")


def default_state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a node's state lies if nobody says: the platform's folder for it."""
    if given := environ.get("STEWARD_STATE_DIR"):
        folder: Path = _checked(file_path, given, "STEWARD_STATE_DIR", bare=True)
        return folder
    if os.geteuid() == 0:
        return Path("/var/lib/steward")
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "steward"


def load(flags: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a node.

    ``flags`` maps names as on the command line (without dashes in front) to what was given; None:
    not given. Raises ConfigError, which names flag, variable or file, the key, and the nearest one.
    """
    by_flag = _from_flags(flags)
    by_environ = _from_environ(environ)
    file = by_flag.get("config") or by_environ.get("config")
    by_file, more = _from_file(file) if file else ({}, {})
    values = {**by_file, **by_environ, **by_flag}
    labels: dict[str, str] = {}
    for source in (by_file, by_environ, by_flag):
        labels |= source.get("labels", {})
    if labels:
        values["labels"] = labels
    if "node" not in values:
        raise ConfigError("this node has no name", "give --node NAME")
    given = frozenset(values) | frozenset(more)
    profile = SLOW if values.get("link") == "slow" else LAN
    values.setdefault("default_message_timeout", profile.message_timeout)
    values.setdefault("hello_interval", profile.hello_interval)
    values.setdefault("state_dir", default_state_dir(environ))
    values["state_dir"] = values["state_dir"].absolute()
    own_central = values["node"] == values.get("central", "central")
    values.setdefault("central_error_logger", own_central)
    return Settings(
        **values,
        limits=Limits(**more.pop("limits", {})),
        retention=Retention(**more.pop("retention", {})),
        given=given,
        **more,
    )


def document(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", "give --config an existing file"
        ) from None
    except (ValueError, RecursionError) as error:  # also for a number of 5,000 digits
        raise ConfigError(f"{path}: not TOML: {error}", "see https://toml.io") from None


def permits_and_groups(path: Path) -> tuple[tuple[Permit, ...], dict[str, tuple[str, ...]]]:
    """What of a node's file may change while it runs; all of it is checked. Raises ConfigError."""
    _found, more = _from_file(path)
    return more.get("permits", ()), more.get("groups", {})


def _from_flags(flags: Mapping[str, object]) -> dict[str, Any]:
    found = {}
    for name, value in flags.items():
        name = name.replace("_", "-")
        if value is None or value == ():
            continue
        key = _known(name, _KEYS, "the command line")
        found[key.field] = _checked(key.read, value, f"--{name}", bare=True)
    return found


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    variables = {f"STEWARD_{name.replace('-', '_').upper()}": key for name, key in _KEYS.items()}
    for name, value in environ.items():
        if not name.startswith("STEWARD_") or not value:
            continue
        if key := variables.get(name):
            found[key.field] = _checked(key.read, value, name, bare=True)
        # Other programs set variables of this prefix too (containers do, for a service of that
        # name), so that only what is nearly one of ours counts as a slip.
        elif close := difflib.get_close_matches(name, variables, n=1, cutoff=0.9):
            raise ConfigError(f"environment: unknown {name}", f"did you mean {close[0]!r}?")
    return found


def _from_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file says for the flags' keys, and the rest."""
    found: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for name, value in document(path).items():
        where = f"{path}: {name}"
        if name in TABLES:
            more[name.replace("-", "_")] = _table(value, TABLES[name], where)
        elif name == "permit":
            more["permits"] = permit_table.read(value, where)
        elif name == "groups":
            more["groups"] = _groups(value, where)
        elif name == "console":
            _object(value, where)  # The console reads its own part of the same file.
        else:
            key = _known(name, _FILE_KEYS, str(path), also=_TOP)
            found[key.field] = _checked(key.read, value, where, bare=False)
    return found, more


def _known(
    name: str, keys: Mapping[str, Key], where: str, also: Iterable[str] | None = None
) -> Key:
    if name not in keys:
        raise ConfigError(f"{where}: unknown key {name!r}", nearest(name, also or keys))
    return keys[name]


def _checked(read: Reader, value: object, where: str, *, bare: bool) -> Any:
    try:
        return read(value, bare)
    except StewardError as error:
        raise ConfigError(f"{where}: {error.text}", error.hint) from None


def _table(value: object, readers: Mapping[str, Reader], where: str) -> dict[str, Any]:
    found = {}
    for name, item in _object(value, where).items():
        if name not in readers:
            raise ConfigError(f"{where}: unknown key {name!r}", nearest(name, readers))
        found[name.replace("-", "_")] = _checked(readers[name], item, f"{where}.{name}", bare=False)
    return found


def _groups(value: object, where: str) -> dict[str, tuple[str, ...]]:
    groups = {}
    for name, members in _object(value, where).items():
        if not _GROUP.fullmatch(name):
            raise ConfigError(f"{where}: {name!r} is not a group's name", "letters, digits, _ or -")
        groups[name] = permit_table.words(members, f"{where}.{name}")
    return groups


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {value!r} is not a table", "write KEY = VALUE lines under it")
    return value
