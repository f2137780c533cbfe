"""PURE: output in a result: bytes that travel as JSON within JSON, and are shown as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec


def put_bytes(result: dict[str, Any], field: str, data: bytes) -> None:
    """Put bytes into a result that will travel: as text, or, where they are no UTF-8 or a text
    would be the longer form (control characters become seven bytes each), in Base64 under the name
    with ``B64``. So they take up a third more than they are, at most."""
    text = _text(data)
    if text is not None and len(_nested(text)) <= len(data) * 4 // 3 + 16:
        result[field] = text
    else:
        result[f"{field}B64"] = base64.b64encode(data).decode()


def get_bytes(result: Mapping[str, Any] | None, field: str) -> bytes:
    """The bytes of a field that may be text, or Base64 with ``B64`` added to its name. Raises
    ValueError if it is neither."""
    if not result:
        return b""
    if f"{field}B64" in result:
        return base64.b64decode(str(result[f"{field}B64"]))
    return str(result.get(field) or "").encode()


def with_texts(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result that has travelled, as people are shown it: whatever is UTF-8 is text."""
    shown: dict[str, Any] = {}
    for name, value in result.items():
        is_coded = name.endswith("B64") and isinstance(value, str)
        text = _text(base64.b64decode(value)) if is_coded else None
        shown |= {name: value} if text is None else {name.removesuffix("B64"): text}
    return shown


def without_output(body: bytes) -> bytes:
    """The body of a Result whose output is left out, and said to be: it stays on its node."""
    message = msgspec.json.decode(body)
    outcome = msgspec.json.decode(message["data"][0])
    result = outcome.get("result") or {}
    for name in ("stdout", "stderr"):
        for field in (name, f"{name}Tail"):
            result.pop(field, None)
            result.pop(f"{field}B64", None)
        result |= {name: "", f"{name}Cut": result.get(f"{name}Size", 0)}
    outcome["result"] = result
    message["data"] = [msgspec.json.encode(outcome).decode()]
    return msgspec.json.encode(message)


_FACTS = ("exitCode", "signal", "cpuSeconds", "maxRssBytes", "stdoutSize", "stderrSize")


def of_secret(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """As much as may be told of how a secret command ended: its output, the sums of it and why its
    program could not be started would tell of its data."""
    told = dict(outcome)
    if told.get("reason") and told.get("state") == "failed":
        told["reason"] = "it could not be started: why is kept secret, like its data"
    if result := told.get("result"):
        told["result"] = {name: result[name] for name in _FACTS if name in result}
    return told


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _nested(text: str) -> bytes:
    return msgspec.json.encode(msgspec.json.encode(text).decode())
