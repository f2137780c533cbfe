"""ShellCommand: run a program. ``data[0]`` is the program, the rest its arguments; no shell."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import COMMANDS, Method, needs_data
from steward.errors import Refused
from steward.message import Body


def check(body: Body) -> None:
    needs_data(body, 'data[0] is the program, like ["uptime"] or ["sh", "-c", "…"]')
    if not body.data[0]:
        raise Refused("data[0] is empty", "data[0] is the program")
    if any("\0" in word for word in body.data):
        raise Refused("data holds a zero byte", "no argument of a program can")


def program(body: Body) -> Sequence[str]:
    return body.data


METHOD = Method(name="ShellCommand", kinds=COMMANDS, check=check, program=program)
