"""PURE: the original's way to start a node, told in today's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from steward.config import FLAGS
from steward.errors import UsageError

_KEYS: Final = {key.name: key for key in FLAGS}
_RENAMED: Final = {"node-name": "node"}
_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def with_verb(argv: list[str], environ: Mapping[str, str]) -> list[str]:
    """``argv`` with ``node`` in front if it names no verb, and that verb's flags as they are
    spelled today: ``-brokerAddress=x`` is ``--broker-address=x``. Raises UsageError."""
    if not argv:
        named = environ.get("STEWARD_NODE") or environ.get("STEWARD_CONFIG")
        return ["node"] if named else ["--help"]
    if argv[0] in ("-h", "--help", "--version"):
        return argv
    if argv[0].startswith("-"):
        argv = ["node", *argv]
    return ["node", *map(_flag, argv[1:])] if argv[0] == "node" else argv


def _flag(word: str) -> str:
    name, equals, value = word.partition("=")
    bare = name.lstrip("-")
    if not name.startswith("-") or len(bare) < 2:
        return word
    kebab = _HUMP.sub(lambda hump: "-" + hump[0].lower(), bare)
    kebab = _RENAMED.get(kebab, kebab)
    key = _KEYS.get(kebab)
    if key is None or not key.switch or not equals:
        return f"--{kebab}{equals}{value}"
    if value not in _TRUE | _FALSE:
        raise UsageError(f"{name}: {value!r} is not a switch's value", "true or false")
    return f"--{kebab}" if value in _TRUE else f"--no-{kebab}"
