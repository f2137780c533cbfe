"""Values that nobody should hand in: strings, numbers, other JSON, what is no JSON, huge ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final


class Raw(bytes):
    """JSON, or none, to be written as it is."""


def text(value: str) -> Raw:
    """A string, also one with half a surrogate pair."""
    return Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _raw(*values: bytes) -> tuple[Raw, ...]:
    return tuple(map(Raw, values))


WORDS: Final = (
    "", " ", "x", "-", ".", "..", "*", ">", "a.b", "a b", "a\tb", "a.*.>", "ghost1.>", "é",
    "\u2028", "\u202eevil", "\x1b[31mred\x1b[0m", "[bold]", "\ud800", "\udfff\ud800", "null",
    "true", "-1", "1e9", "9" * 30, "../../etc/passwd", "~nobody-is-here/x", "%s%n", "{}",
    "${HOME}", "'; --", "CommandACK", "EventNACK", "ShellCommand", "TextLogging", "Result",
    "SayHello", "Cancel", "Ping", "succeeded", "expired", "settled", "refused", "unknown",
    "stdout", "start", "ghost1", "ghost2", "x" * 63, "x" * 64, "x" * 65, "x" * 400, "x" * 401,
    "é" * 64, "2.0", "90s", "1h", "-5s", "1e400s", "0199a3c4-0000-7000-8000-000000000001",
)  # fmt: skip
STRINGS: Final = (
    *map(text, WORDS),
    *_raw(
        b'"\\u0000"', b'"a\\u0000b"', b'"\\u001b[2J"', b'"\\n"', b'"{}"', b'"[]"',
        b'"\\ud83d\\ude00"',
    ),
)  # fmt: skip
NUMBERS: Final = _raw(
    b"0", b"1", b"-1", b"-0", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"1.5", b"-0.0",
    b"1000000", b"1e-300", b"1e300", b"2147483648", b"4294967296", b"9007199254740991",
    b"9007199254740992", b"9223372036854775807", b"9223372036854775808", b"4e9", b"-1e11",
    b"-9223372036854775809", b"1e11", b"100000000001", b"18446744073709551616",
    b"1" + b"0" * 40, b"1" + b"0" * 400,
)  # fmt: skip
OTHERS: Final = _raw(
    b"null", b"true", b"false", b"[]", b"{}", b"[[]]", b"[null]", b'{"":null}', b'[""]',
    b"[1,2,3]", b'{"a":{"b":[{}]}}', b"[" * 70 + b"]" * 70, b'{"a":' * 40 + b"1" + b"}" * 40,
)  # fmt: skip
BROKEN: Final = _raw(
    b"1e999", b"-1e999", b"NaN", b"Infinity", b"-Infinity", b'"\x00"', b'"\x07\x1b"', b'"\n"',
    b'"\\ud800"', b'"\\x"', b'"\\udc00\\ud800"', b'"\xff\xfe"', b'"\xc3"', b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"', b"", b"nul", b"01", b"+1", b".5", b"1.", b"'x'", b'"', b"[", b"{",
    b"]", b"}", b",", b":", b"// x\n1", b"/**/1", b"\xef\xbb\xbf1",
)  # fmt: skip
HUGE: Final[Sequence[Callable[[], bytes]]] = (
    lambda: b"[" * 100_000,
    lambda: b"[" * 3000 + b"]" * 3000,
    lambda: b'{"a":' * 20_000,
    lambda: b"9" * 5000,
    lambda: b'"' + b"x" * 200_000 + b'"',
    lambda: b'"' + b"\\u0000" * 20_000 + b'"',
    lambda: b"[" + b'"x",' * 20_000 + b'"x"]',
    lambda: b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(5000)) + b"}",
)
HUGE_EVERY: Final = 400
"""One value in so many is huge: they cost as much as all others together."""
PIECES: Final = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\n", b"\r\n", b'"', b"\\", b"[", b"]", b"{", b"}", b",",
    b":", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b"-", b"9", b"e9", b" ", b"\x1b[2J", b"=", b"#",
)  # fmt: skip
"""Bytes to be put in anywhere."""
