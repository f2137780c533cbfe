"""PURE: the fields of a message as somebody wrote them, each read and checked by itself."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from steward import units
from steward.errors import InvalidMessage

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def duration(value: object, what: str) -> float:
    """Seconds from a number or from ``90s``, ``10m``, ``2h``, ``7d``. Raises InvalidMessage."""
    if type(value) is float and 0.0 <= value <= units.LONGEST:
        return value  # almost always
    seconds = units.seconds(value)
    if seconds is None:
        raise InvalidMessage(
            f"{what} is {shown(value)}, not a duration", "seconds, or 90s, 10m, 2h, 7d"
        )
    return seconds


def id(value: object) -> str:
    """Raises InvalidMessage, like all that follow."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidMessage(f"id is {shown(value)}", "1 to 64 letters, digits, '_' or '-'")
    return value


def data(value: object, *, secret: bool = False) -> tuple[str, ...]:
    """``secret``: no error tells what is in it."""
    if not isinstance(value, list):
        found = "no array" if secret else shown(value)
        raise InvalidMessage(f"data is {found}", "an array of strings")
    for i, item in enumerate(value):
        if not isinstance(item, str):
            found = "no string" if secret else shown(item)
            raise InvalidMessage(f"data[{i}] is {found}", "a string: put it in quotes")
        try:
            item.encode()
        except UnicodeEncodeError:
            raise InvalidMessage(f"data[{i}] has half a surrogate pair", "valid Unicode") from None
    return tuple(value)


def stdin(text: object, coded: object) -> bytes:
    """From a text, or from Base64; null counts as not given."""
    if text is not None and coded is not None:
        raise InvalidMessage("both stdin and stdinB64 are given", "leave one of them out")
    if not isinstance(text, str | None):
        raise InvalidMessage("stdin is not a text", "put it in quotes")
    if not isinstance(coded, str | None):
        raise InvalidMessage("stdinB64 is not a text", "Base64, in quotes")
    try:
        return base64.b64decode(coded, validate=True) if coded else (text or "").encode()
    except UnicodeEncodeError:
        raise InvalidMessage("stdin has half a surrogate pair", "valid Unicode") from None
    except ValueError:
        raise InvalidMessage("stdinB64 is not Base64", "whole groups of four characters") from None


def as_text(content: bytes) -> tuple[str, bytes]:
    """(text, nothing), or (nothing, the bytes) of what is no UTF-8, or where Base64 is shorter than
    JSON's way to write control characters."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "", content
    if len(msgspec.json.encode(text)) > len(content) * 4 // 3 + 16:
        return "", content
    return text, b""


def timeout(value: object) -> float:
    seconds = duration(value, "timeout")
    if seconds <= 0:
        raise InvalidMessage("timeout is 0", "the seconds to wait for a receipt, above 0")
    return seconds


def retries(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise InvalidMessage(
            f"retries is {shown(value)}", "attempts, a whole number; 0: until it expires"
        )
    return value


def flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidMessage(f"{what} is {shown(value)}", "true or false")
    return value


def shown(value: Any) -> str:
    """As Python writes it, cut after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
