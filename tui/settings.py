"""The console's part of the settings file: ``[console]`` and ``[console.keys]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from steward.config import document
from steward.config.keys import file_path
from steward.errors import ConfigError, UsageError, nearest
from tui import keymap
from tui.keymap import Keymap
from tui.registry import BY_ID
from tui.theme import NAMES

KEYS: Final = ("theme", "read-only", "keys")


@dataclass(frozen=True)
class Settings:
    """``theme``: empty where nobody has said. ``cautions``: what may not work as it was meant."""

    theme: str = ""
    read_only: bool = False
    keymap: Keymap = field(default_factory=Keymap)
    cautions: tuple[str, ...] = ()


def load(path: Path) -> tuple[Settings, Path | None]:
    """What a node's settings file says of the console, and the state folder that it names, if it
    does; the rest is the node's. Raises ConfigError, which names file, key and remedy."""
    given = document(path)
    folder = given.get("state-dir")
    try:
        its = file_path(folder).absolute() if isinstance(folder, str) and folder else None
    except UsageError as error:
        raise ConfigError(f"{path}: state-dir: {error.text}", error.hint) from None
    return read(given.get("console", {}), f"{path}: console"), its


def read(table: object, where: str) -> Settings:
    """The settings in a ``[console]`` table. Raises ConfigError."""
    given = {name.replace("_", "-"): value for name, value in _table(table, where).items()}
    for name in given:
        if name not in KEYS:
            raise ConfigError(f"{where}: unknown key {name!r}", nearest(name, KEYS))
    theme, read_only = given.get("theme", ""), given.get("read-only", False)
    if theme and theme not in NAMES:
        raise ConfigError(f"{where}.theme: {theme!r} is no theme", nearest(str(theme), NAMES))
    if not isinstance(read_only, bool):
        raise ConfigError(f"{where}.read-only: {read_only!r} is not true or false")
    changed, cautions = _keys(given.get("keys", {}), f"{where}.keys")
    return Settings(str(theme), read_only, changed, cautions)


def _keys(table: object, where: str) -> tuple[Keymap, tuple[str, ...]]:
    changed: dict[str, tuple[str, ...]] = {}
    cautions: list[str] = []
    for id, value in _table(table, where).items():
        here = f'{where}: "{id}"'
        if id not in BY_ID:
            raise ConfigError(f"{here} is no action", nearest(id, BY_ID))
        changed[id] = tuple(dict.fromkeys(_names(value, here)))
        for key in changed[id]:
            if why := keymap.unfit(BY_ID[id], key):
                remedy = "an F-key, or a ctrl-letter that edits nothing: ctrl+g, ctrl+t"
                raise ConfigError(f"{here} = {key!r} cannot work: {why}", remedy)
            if why := keymap.caution(key):
                cautions.append(f"{here} = {key!r} may never arrive: {why}")
    made = Keymap(changed)
    if (found := keymap.clash(made)) is not None:
        place, key, one, other = found
        mapped, left = (one, other) if one.id in changed else (other, one)
        raise ConfigError(
            f'{where}: "{mapped.id}" = {keymap.written(key)!r} means "{left.id}" too, on {place}',
            f'give "{mapped.id}" another key, or "{left.id}" as well',
        )
    return made, tuple(cautions)


def _names(value: object, where: str) -> list[str]:
    """Textual's names of the keys that were written: ``"K"``, ``"j,down"``, ``["j", "down"]``."""
    words = value.split(",") if isinstance(value, str) and len(value) > 1 else value
    words = [words] if isinstance(words, str) else words
    if not isinstance(words, list) or not words or not all(isinstance(k, str) and k for k in words):
        raise ConfigError(f"{where}: {value!r} is not a key", 'like "ctrl+k", or ["K", "f9"]')
    try:
        return [keymap.key_name(key) for key in words]
    except UsageError as error:
        raise ConfigError(f"{where}: {error.text}", error.hint) from None


def _table(value: object, where: str) -> Mapping[str, Any]:
    """A table. TOML makes ``message.cancel = …`` without quotes a table in a table: that is
    understood as well."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {value!r} is not a table", "write KEY = VALUE lines under it")
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and name != "keys":
            flat |= {f"{name}.{below}": item for below, item in inner.items()}
        else:
            flat[name] = inner
    return flat
