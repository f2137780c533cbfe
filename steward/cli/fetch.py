"""``steward messages output``: where the bytes of a pull go, and how it goes on after a break."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from steward.cli import exits, output, views
from steward.control.client import ControlClient
from steward.control.whole_output import NotAsAnnounced, Pull, PullFailed
from steward.errors import NotPossible, UsageError


async def fetch(state_dir: Path, id: str, stream: str | None, to: Path | None, form: str) -> int:
    """Print or save the output of message ``id``. Returns the exit status; raises PullFailed,
    NotAsAnnounced, UnknownId, and NotPossible if there is no output."""
    async with ControlClient(state_dir) as client:
        message = await client.call("message", id=id)
        result = _available(message)
        try:
            await _bring(client, message, stream, to, form)
        except PullFailed as error:
            if error.message is not None:
                error.exit_status = exits.of_message(error.message)
                error.hint = "try again later: with --to FILE it goes on where it stopped"
            raise
    for name in ("stdout", "stderr"):
        if (lost := result.get(f"{name}Lost")) and stream in (None, name):
            output.note(f"{lost:,} bytes of {name} beyond the node's bound were not kept")
    return exits.OK


def _available(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result that a message has. Raises a StewardError whose exit status is the message's."""
    result = message.get("result")
    if message.get("secret"):
        raise NotPossible(
            f"what the secret message {message['id']} wrote is not kept",
            "send it without --secret to see its output",
        )
    if result:
        return dict(result)
    error = NotPossible(
        f"message {message['id']} has no output: {views.outcome(message)}",
        f"steward messages show {message['id']}",
    )
    error.exit_status = exits.of_message(message)
    raise error


def _pull(client: ControlClient, message: Mapping[str, Any], stream: str) -> Pull:
    def waits() -> None:
        node = message["toNode"]
        output.note(f"{node} has the rest and does not answer yet; Ctrl-C ends the waiting")

    return Pull(client, message, stream, waits)


async def _bring(
    client: ControlClient, message: dict[str, Any], stream: str | None, to: Path | None, form: str
) -> None:
    if to is not None:
        await _save(_pull(client, message, stream or "stdout"), to)
    elif form in ("json", "jsonl"):
        value = await _collect(client, message, stream)
        (output.document if form == "json" else output.json_line)(value)
    elif form == "ids":
        output.line(message["id"])
    else:
        for name in (stream,) if stream else ("stdout", "stderr"):
            out = sys.stderr if name == "stderr" and stream is None else sys.stdout
            await _pull(client, message, name).run(0, output.sink(out))


async def _save(pull: Pull, to: Path) -> None:
    """Into ``FILE.part`` first, which a later try goes on with; FILE is whole or isn't there."""
    part = to.with_name(f"{to.name}.part")
    try:
        with _opened(part) as file:
            have = file.seek(0, os.SEEK_END)
            if have > pull.size:
                file.truncate(0)
                have = 0
            file.seek(0)
            while block := file.read(1024 * 1024):
                pull.already(block)
            if have:
                output.note(f"{part} has {have:,} of {pull.size:,} bytes; going on from there")

            def take(data: bytes, last: bool) -> None:
                file.write(data)
                if last:
                    file.flush()
                    os.fsync(file.fileno())

            await pull.run(have, take)
        os.replace(part, to)
    except NotAsAnnounced:
        part.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise UsageError(f"{part} cannot be written: {error.strerror}", "name another") from None
    output.note(f"{to}: {pull.size:,} bytes")


def _opened(part: Path) -> BinaryIO:
    """It may lie where others may write: a link of theirs is not followed."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return open(os.open(part, flags, 0o666), "ab+")


async def _collect(
    client: ControlClient, message: dict[str, Any], stream: str | None
) -> dict[str, Any]:
    value: dict[str, Any] = {"id": message["id"]}
    for name in (stream,) if stream else ("stdout", "stderr"):
        pieces: list[bytes] = []

        def take(data: bytes, last: bool, pieces: list[bytes] = pieces) -> None:
            pieces.append(data)

        await _pull(client, message, name).run(0, take)
        data = b"".join(pieces)
        try:
            value[name] = data.decode()
        except UnicodeDecodeError:
            value[f"{name}B64"] = base64.b64encode(data).decode()
    return value
