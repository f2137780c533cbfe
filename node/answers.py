"""Commands as their methods see them: the body, the environment, and what the daemon answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from node.methods import Method, Site
from node.outcomes import Outcome
from node.permits import Grant
from steward.errors import StewardError
from steward.inbox import Command
from steward.message import Body, State
from steward.result import put_bytes
from steward.subjects import NodeName

_body = msgspec.json.Decoder(Body)


def body_of(command: Command) -> Body:
    """What the method is handed. It was checked when the command was accepted."""
    return _body.decode(command.body)


def environment(node: NodeName, command: Command) -> dict[str, str]:
    """What a command finds beside the plain environment. The operator's uid is one of the sender's
    machine; it stands for a user that has no name there."""
    found = {
        "STEWARD_MESSAGE_ID": command.id,
        "STEWARD_FROM": command.frm,
        "STEWARD_NODE": node,
    }
    body = body_of(command)
    if body.operator or body.operator_uid is not None:
        found["STEWARD_OPERATOR"] = body.operator or str(body.operator_uid)
    return found


def terms(node: NodeName, command: Command, grant: Grant) -> dict[str, Any]:
    """How it may run, beside its time: ``user`` and ``limits`` as the permit has them, ``order``
    for a runner that verifies and judges what the sender has signed itself."""
    found: dict[str, Any] = {}
    if grant.user:
        found["user"] = grant.user
    if grant.limits:
        found["limits"] = dict(grant.limits)
    if command.order:
        found["order"] = {
            "from": command.frm,
            "to": node,
            "subject": command.subject,
            "id": command.id,
            "body": base64.b64encode(command.body).decode(),
            "signature": base64.b64encode(command.order).decode(),
        }
    return found


async def answer(
    method: Method, site: Site, command: Command, wall: Callable[[], float]
) -> Outcome:
    """The outcome of a command that the daemon answers itself. It may be asked again after a
    crash: answering changes nothing that a second answer would change again."""
    assert method.answer is not None
    started = wall()
    stdout, stderr = b"", b""
    try:
        stdout = await method.answer(site, command.frm, body_of(command))
    except StewardError as error:
        stderr = f"{error}\n".encode()
    return Outcome(
        about=command.id,
        state=State.FAILED if stderr else State.SUCCEEDED,
        reason=stderr.decode().strip(),
        started=started,
        ended=wall(),
        result=_result(stdout, stderr),
    )


def _result(stdout: bytes, stderr: bytes) -> dict[str, Any]:
    """In the form of every other command's."""
    result: dict[str, Any] = {"exitCode": 1 if stderr else 0, "signal": None}
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        put_bytes(result, name, data)
        result[f"{name}Size"] = len(data)
        result[f"{name}Sha256"] = hashlib.sha256(data).hexdigest()
        result[f"{name}Cut"] = 0
    return result
