"""``steward doctor --explain``: what would become of a message, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from node.methods import permitted_to_all, registry
from node.permits import Permits
from steward.cli import output as out
from steward.cli.exits import OK, REFUSED
from steward.config import Settings
from steward.control.client import ControlClient
from steward.errors import NoDaemon, Refused, UsageError, nearest
from steward.key_files import read_trust
from steward.message import Body
from steward.permit_rules import Request


async def explain(settings: Settings, asked: Request) -> dict[str, Any]:
    """Whether it would be done here: by the daemon's permits, else by those of the configuration.
    What the control socket's ``explain`` answers, and ``by``. Raises UsageError, TrustError."""
    answer: dict[str, Any]
    methods = registry()
    if asked.method not in methods:
        raise UsageError(f"unknown method {asked.method!r}", nearest(asked.method, methods))
    params: dict[str, Any] = {"from": asked.frm, "method": asked.method, "args": asked.data}
    if asked.operator:
        params["operator"] = asked.operator
    if asked.operator_uid is not None:
        params["operatorUid"] = asked.operator_uid
    try:
        async with ControlClient(settings.state_dir) as client:
            answer = await client.call("explain", **params)
            answer["by"] = "the daemon"
    except NoDaemon:
        permits = Permits(settings.permits, methods, permitted_to_all())
        trusted = read_trust(settings.state_dir) is not None
        answer = permits.judge(asked, trusted=trusted, now=0.0).told()
        by = settings.config or "the default"
        answer["by"] = f"{by}, as no daemon runs"
    if answer["allowed"] and asked.data:
        try:
            methods[asked.method].check(Body(data=tuple(asked.data)))
        except Refused as error:
            answer |= {"allowed": False, "reason": str(error), "by": asked.method}
    return answer


def request(words: Sequence[str], operator: str) -> Request:
    """FROM METHOD ARG… as typed; ``operator``: a name, or a uid as digits. Raises UsageError."""
    if len(words) < 2:
        raise UsageError("--explain needs a sender and a method", "--explain FROM METHOD ARG…")
    if operator.isascii() and operator.isdigit():
        return Request(words[0], words[1], tuple(words[2:]), "", int(operator))
    return Request(words[0], words[1], tuple(words[2:]), operator)


def show(answer: Mapping[str, Any], asked: Request, form: str) -> int:
    """Print it. The exit status."""
    if form == "json":
        out.document(answer)
    else:
        verdict = "allowed" if answer["allowed"] else "refused"
        why = f"{answer['reason']} (by {answer['by']})"
        out.line(f"{verdict}: {asked.method} from {asked.frm}: {why}")
        for name, text in _facts(answer):
            out.line(f"  {name + ':':<9} {text}")
    return OK if answer["allowed"] else REFUSED


def _facts(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What there is to say beside the verdict."""
    if answer["rule"]:
        yield "entry", answer["rule"]
    if answer["user"]:
        yield "user", answer["user"]
    if answer["longest"]:
        yield "longest", f"{answer['longest']:g} s"
    if answer["limits"]:
        yield "limits", ", ".join(f"{name} {bound:,}" for name, bound in answer["limits"].items())
    if rate := answer.get("rate"):
        room = f"{rate['left']} left" if rate["left"] else f"none left for {rate['again']:.0f} s"
        yield "rate", room
    if key := answer.get("key"):
        yield "key", key["text"]
