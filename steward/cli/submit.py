"""``steward submit`` and the reading of JSON that it shares with ``messages replay``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from steward.cli import exits, output
from steward.cli.options import prints, talks
from steward.control.client import ControlClient
from steward.errors import InvalidMessage, UsageError
from steward.message import new_id

_EXAMPLES: Final = {
    "messages": 'like [{"toNode": "ship1", …}]',
    "lines": "a messages.jsonl, with lines of accepted messages",
}
_MOST: Final = 1000
_MOST_BYTES: Final = 16 * 1024 * 1024


@click.command(short_help="Submit messages from a file of JSON.")
@click.argument("file", metavar="FILE|-")
@prints
@talks
def submit(file: str, output: str, state_dir: Path) -> int:
    """Submit the messages in FILE (- is standard input): the same JSON as inmsg.txt, arrays of
    messages or single ones. Prints the ids of those accepted."""
    return asyncio.run(_submit(state_dir, "messages", documents(file, read(file)), output))


def read(file: str) -> str:
    """The text of a file, or of standard input. Raises UsageError."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "name a file") from None
    except UnicodeDecodeError as error:
        raise InvalidMessage(
            f"{file}: byte {error.start} is not UTF-8", "save it as such"
        ) from None


def documents(file: str, text: str) -> list[Any]:
    """Every element of the arrays, and every object, in ``text``. Raises InvalidMessage, which
    names the line."""
    found: list[Any] = []
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    at = 0
    while True:
        at = next((i for i in range(at, len(text)) if not text[i].isspace()), len(text))
        if at == len(text):
            return found
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise InvalidMessage(
                f"{file}, line {error.lineno}, column {error.colno}: {error.msg}",
                "nothing of the file was submitted",
            ) from None
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, at) + 1
            raise InvalidMessage(
                f"{file}, in what begins at line {line}: {error}",
                "nothing of the file was submitted",
            ) from None
        elements = value if isinstance(value, list) else [value]
        _check_text(file, elements)
        found += elements


def _check_text(file: str, elements: Sequence[Any]) -> None:
    for index, element in enumerate(elements):
        try:
            msgspec.json.encode(element)
        except UnicodeEncodeError:
            raise InvalidMessage(
                f"{file}, element {index}: half a surrogate pair is no text",
                "nothing of the file was submitted",
            ) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parts(elements: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """``elements`` in parts that fit a line of the control socket, each with its first index."""
    begin, held = 0, 0
    for index, element in enumerate(elements):
        size = len(msgspec.json.encode(element))
        if index > begin and (index - begin >= _MOST or held + size > _MOST_BYTES):
            yield begin, elements[begin:index]
            begin, held = index, 0
        held += size
    if begin < len(elements):
        yield begin, elements[begin:]


async def hand_in(
    state_dir: Path, what: str, elements: Sequence[Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Submit ``messages``, or replay ``lines`` (``what`` says which): (accepted, refused), their
    indices those of ``elements``."""
    accepted: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    cut = list(parts(elements))
    # The daemon makes one job of one request; of several requests it has to be told.
    job = str(new_id()) if what == "messages" and len(cut) > 1 else None
    async with ControlClient(state_dir) as client:
        for begin, some in cut:
            if what == "messages":
                answer = await client.call("submit", messages=some, job=job)
            else:
                answer = await client.call("replay", lines=some)
            accepted += [{**one, "index": one["index"] + begin} for one in answer["accepted"]]
            refused += [{**one, "index": one["index"] + begin} for one in answer["refused"]]
    return accepted, refused


async def _submit(state_dir: Path, what: str, elements: Sequence[Any], form: str) -> int:
    """Hand in, print, and return the exit status: 7 if any was refused."""
    if not elements:
        raise InvalidMessage("there is no message in it", _EXAMPLES[what])
    accepted, refused = await hand_in(state_dir, what, elements)
    if form == "json":
        output.document({"accepted": accepted, "refused": refused})
    elif form == "jsonl":
        for one in sorted([*accepted, *refused], key=lambda one: int(one["index"])):
            output.json_line(one)
    else:
        for one in accepted:
            output.line(one["id"])
    for warning, count in Counter(one.get("warning") for one in accepted).items():
        if warning:
            output.note(f"warning: {warning}" + (f" ({count:,} messages)" if count > 1 else ""))
    for one in refused:
        output.refused(f"element {one['index']}", one)
    return exits.REFUSED if refused else exits.OK


def replay_file(state_dir: Path, file: str, form: str) -> int:
    """``messages replay``: journal lines as new messages. Returns the exit status."""
    told = documents(file, read(file))
    lines = [one for one in told if isinstance(one, dict) and one.get("event") == "accepted"]
    return asyncio.run(_submit(state_dir, "lines", lines, form))
