"""Orders: what a sender has signed for one node to run, and what of it is to be done.

A part of the privileged runner: standard library and PyNaCl alone. Everything that matters is
read from the signed bytes; the daemon only hands them on.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nacl.bindings import crypto_hash_sha256

from node.runner_requests import Denial, Refusal
from steward.signing import verify

MARK_BYTES = 16
_PREFIX = b"steward order 1\n"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS = ("CommandACK", "CommandNACK")
_MOST_STATEMENTS = 4096
_LONGEST = 1e9


class Order(NamedTuple):
    """``body``: the bytes as they were signed; ``method``: the last word of the subject."""

    frm: str
    to: str
    subject: str
    method: str
    id: str
    body: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        head = "\n".join((self.frm, self.to, self.subject, self.id))
        return _PREFIX + head.encode() + b"\n" + self.body

    @property
    def mark(self) -> bytes:
        """What tells it from every other one (16 bytes)."""
        return bytes(crypto_hash_sha256(self.signed)[:MARK_BYTES])


class Task(NamedTuple):
    """What the body asks for. ``seconds``: how long it may run, None: for ever."""

    argv: list[str]
    stdin: bytes
    seconds: float | None
    operator: str
    operator_uid: int | None


def read(request: Mapping[str, Any]) -> tuple[Order, list[bytes]]:
    """The order in a request, and the statements about keys that came with it. Raises Refusal for
    what is none, Denial for one without a signature."""
    raw = request.get("order")
    if not isinstance(raw, dict):
        raise Denial(
            "the command is not signed: the runner of this node takes signed orders alone"
            " (steward keys join makes the node a trusting one)"
        )
    statements = raw.get("statements", [])
    if not isinstance(statements, list) or len(statements) > _MOST_STATEMENTS:
        raise Refusal(f"order.statements: a list of {_MOST_STATEMENTS} at most")
    if not all(isinstance(one, str) and one.isascii() for one in statements):
        raise Refusal("order.statements: strings")
    subject = _word(raw, "subject")
    order = Order(
        frm=_word(raw, "from"),
        to=_word(raw, "to"),
        subject=subject,
        method=subject.rpartition(".")[2],
        id=_word(raw, "id"),
        body=_bytes(raw, "body"),
        signature=_bytes(raw, "signature"),
    )
    return order, [one.encode() for one in statements]


def check(order: Order, node: str, keys: Iterable[bytes]) -> None:
    """Raises Denial unless one of the sender's keys signed exactly this, for this node."""
    if not _NAME.fullmatch(order.frm) or not _ID.fullmatch(order.id):
        raise Denial("the order names no sender and id")
    if order.to != node:
        raise Denial(f"the order is for {order.to[:63]!r}, and this node is {node!r}")
    if order.subject not in [f"{node}.{kind}.{order.method}" for kind in _KINDS]:
        raise Denial(f"the order's subject {order.subject[:200]!r} is no command for {node!r}")
    if not order.signature:
        raise Denial("the command is not signed")
    if not any(verify(key, order.signed, order.signature) for key in keys):
        raise Denial(f"no key of {order.frm!r} that holds has signed this order")


def task(order: Order) -> Task:
    """What to run. Raises Denial."""
    if order.method != "ShellCommand":
        raise Denial(f"{order.method!r} is no method that starts a program")
    try:
        body = json.loads(order.body)
    except (ValueError, RecursionError) as error:
        raise Denial(f"the order's body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Denial("the order's body is no object")
    argv, seconds = body.get("data"), body.get("methodTimeout", 0)
    if not isinstance(argv, list) or not argv or not all(isinstance(arg, str) for arg in argv):
        raise Denial("the order's data is no program with its arguments")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise Denial("the order's methodTimeout is no duration")
    operator, uid = body.get("operator", ""), body.get("operatorUid")
    if not isinstance(operator, str) or not (uid is None or type(uid) is int):
        raise Denial("the order's operator is no name with a uid")
    return Task(argv, _stdin(body), float(min(seconds, _LONGEST)) or None, operator, uid)


def _stdin(body: Mapping[str, Any]) -> bytes:
    """As ``Body`` has it: text, or Base64 where it is none."""
    text, coded = body.get("stdin", ""), body.get("stdinB64", "")
    try:
        if isinstance(text, str) and isinstance(coded, str):
            return base64.b64decode(coded, validate=True) or text.encode()
    except ValueError:
        pass
    raise Denial("the order's stdin is no text")


def _word(raw: Mapping[str, Any], name: str) -> str:
    word = raw.get(name)
    if not isinstance(word, str):
        raise Refusal(f"order.{name}: a string")
    return word


def _bytes(raw: Mapping[str, Any], name: str) -> bytes:
    coded = raw.get(name, "")
    try:
        return binascii.a2b_base64(coded, strict_mode=True) if coded else b""
    except (ValueError, TypeError):
        raise Refusal(f"order.{name}: Base64") from None
