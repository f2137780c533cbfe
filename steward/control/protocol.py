"""PURE: JSON-RPC 2.0, one JSON object a line; requests, answers, errors to and from bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from steward.errors import StewardError, UsageError

MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes of the longest line, without its newline, that either side reads."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
STEWARD_ERROR: Final = -32000

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class ProtocolError(UsageError):
    """What was said on the socket is not JSON-RPC 2.0 as this side speaks it."""

    code = "protocol"


class UnknownMethod(ProtocolError):
    """The daemon has no such method."""

    code = "unknown_method"


class Request(NamedTuple):
    """``id`` None: a notification, which is carried out and not answered."""

    id: str | int | float | None
    method: str
    params: dict[str, Any]


class Answer(NamedTuple):
    """What came for a request: ``error`` is None if it was done."""

    id: str | int | float | None
    result: Any
    error: StewardError | None


class Notification(NamedTuple):
    """What a daemon says unasked, to a connection that watches."""

    method: str
    params: dict[str, Any]


class Malformed(Exception):
    """A line that is no request: the error to answer with, and the id if one could be read."""

    def __init__(self, id: str | int | float | None, code: int, error: ProtocolError) -> None:
        super().__init__(str(error))
        self.id = id
        self.code = code
        self.error = error


def parse_request(line: bytes) -> Request:
    """Raises Malformed."""
    try:
        raw = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(None, PARSE_ERROR, f"not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise _malformed(None, INVALID_REQUEST, "a request is an object")
    id = raw.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int | float | None):
        raise _malformed(None, INVALID_REQUEST, "id is neither a text nor a number")
    if raw.get("jsonrpc") != "2.0":
        raise _malformed(id, INVALID_REQUEST, 'jsonrpc is not "2.0"')
    if not isinstance(method := raw.get("method"), str):
        raise _malformed(id, INVALID_REQUEST, "method is not a text")
    if not isinstance(params := raw.get("params", {}), dict):
        raise _malformed(id, INVALID_PARAMS, "params is not an object: parameters have names here")
    return Request(id, method, params)


def _malformed(id: str | int | float | None, code: int, text: str) -> Malformed:
    return Malformed(id, code, ProtocolError(text, 'one JSON-RPC 2.0 object a line, "id" in it'))


def request(id: int, method: str, params: Mapping[str, object]) -> bytes:
    return _line({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def notification(method: str, params: Mapping[str, object]) -> bytes:
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def success(id: str | int | float | None, result: object) -> bytes:
    """Raises TypeError or ValueError if ``result`` is not JSON."""
    return _line({"jsonrpc": "2.0", "id": id, "result": result})


def failure(id: str | int | float | None, code: int, error: StewardError) -> bytes:
    data = {"code": error.code, "hint": error.hint, "exitStatus": error.exit_status}
    what = {"code": code, "message": error.text, "data": data}
    return _line({"jsonrpc": "2.0", "id": id, "error": what})


def _line(document: Mapping[str, object]) -> bytes:
    return _encoder.encode(document) + b"\n"


def parse_reply(line: bytes) -> Answer | Notification:
    """What a daemon said. Raises ProtocolError."""
    try:
        raw = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the daemon's answer is not JSON: {error}") from None
    if isinstance(raw, dict) and raw.get("jsonrpc") == "2.0":
        if isinstance(raw.get("method"), str) and isinstance(raw.get("params"), dict):
            return Notification(raw["method"], raw["params"])
        if isinstance(raw.get("error"), dict):
            return Answer(raw.get("id"), None, _raised(raw["error"]))
        if "result" in raw:
            return Answer(raw.get("id"), raw["result"], None)
    raise ProtocolError("the daemon's answer is not JSON-RPC 2.0")


def _raised(error: Mapping[str, Any]) -> StewardError:
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    text, hint = str(error.get("message", "")), str(data.get("hint", ""))
    return of_code(str(data.get("code", "")), text, hint, data.get("exitStatus"))


def of_code(code: str, text: str, hint: str = "", exit_status: object = None) -> StewardError:
    """The error of the class that has this ``code``; of an unknown one, a StewardError with the
    code and exit status as they were sent."""
    found = next((cls for cls in _classes(StewardError) if cls.code == code), StewardError)
    error = found(text, hint)
    if found is StewardError:
        error.code = code or StewardError.code
        if isinstance(exit_status, int):
            error.exit_status = exit_status
    return error


def _classes(cls: type[StewardError]) -> Iterator[type[StewardError]]:
    yield cls
    for below in cls.__subclasses__():
        yield from _classes(below)
