"""What a daemon may ask of its runner, line by line: whatever is wrong with it has a reason.

A part of the runner: standard library alone.
"""

from __future__ import annotations

import binascii
import os
from typing import Any

from node import accounts
from node.fork import BOUNDS, PLAIN, Terms

KEY_LETTERS = frozenset("0123456789abcdef")
_LONGEST = 1e9


class Refusal(Exception):
    """What is wrong with a request."""


class Denial(Exception):
    """Why a command must not be started, now or ever."""


def checked_key(key: object) -> str:
    if not isinstance(key, str) or not 16 <= len(key) <= 64 or not KEY_LETTERS.issuperset(key):
        raise Refusal("key: 16 to 64 hexadecimal digits")
    return key


def checked_command(request: dict[str, Any]) -> tuple[list[str], dict[str, str], float | None]:
    argv, env, deadline = request.get("argv"), request.get("env", {}), request.get("deadline")
    if not isinstance(argv, list) or not argv or not all(isinstance(a, str) for a in argv):
        raise Refusal("argv: a list of strings, at least one")
    if not isinstance(env, dict) or not all(isinstance(v, str) for v in env.values()):
        raise Refusal("env: an object of strings")
    if deadline is None:
        return argv, env, None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline >= 0:
        raise Refusal("deadline: 0 or more seconds, or null")
    return argv, env, float(min(deadline, _LONGEST))


def checked_terms(request: dict[str, Any]) -> Terms:
    """Raises Denial for a user that this runner is not."""
    user, limits = request.get("user"), request.get("limits")
    if not (user or limits):
        return PLAIN
    own = accounts.numbered(os.geteuid()).name
    if user and user != own:
        raise Denial(
            f"the permit names the user {user!r}, but commands run as {own!r} here:"
            " only the runner that steward service install sets up can change that"
        )
    return Terms(limits=_limits(limits or {}))


def _limits(limits: object) -> dict[str, int]:
    if not isinstance(limits, dict) or not all(
        name in BOUNDS and type(bound) is int and 0 < bound < 2**63
        for name, bound in limits.items()
    ):
        raise Refusal(f"limits: whole numbers above 0 for {', '.join(BOUNDS)}")
    return limits


def checked_stdin(request: dict[str, Any]) -> bytes:
    """What the command reads, which comes in Base64; nothing: it finds an end there."""
    coded = request.get("stdin", "")
    if not isinstance(coded, str):
        raise Refusal("stdin: Base64")
    try:
        return binascii.a2b_base64(coded, strict_mode=True) if coded else b""
    except ValueError:
        raise Refusal("stdin: Base64") from None
