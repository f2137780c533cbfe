"""``steward send``: one message to each of some nodes, and what became of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from steward.cli import exits, output, views
from steward.cli.following import Following
from steward.cli.options import Duration, complete_node, prints, talks
from steward.cli.targets import resolved
from steward.control.client import ControlClient
from steward.errors import InvalidMessage, UsageError
from steward.message import MAX_MESSAGE_BYTES, Kind, State, new_id


@click.command(short_help="Have a command run on one or more nodes.")
@click.argument("nodes", metavar="NODE[,NODE…]", shell_complete=complete_node)
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="-- ARG…")
@click.option(
    "--kind",
    type=click.Choice([str(kind) for kind in Kind]),
    default="CommandACK",
    show_default=True,
)
@click.option("--method", default="ShellCommand", show_default=True)
@click.option("--timeout", type=Duration(), help="How long to wait for a receipt.")
@click.option("--retries", type=click.IntRange(min=0), help="Attempts; 0: until it expires.")
@click.option("--ttl", type=Duration(), help="When it expires if it hasn't started; 0: never.")
@click.option(
    "--method-timeout", type=Duration(), help="How long the command may run; 0: for ever."
)
@click.option(
    "--stdin",
    type=click.Path(allow_dash=True),
    metavar="FILE|-",
    help="What the command reads on its standard input.",
)
@click.option(
    "--secret",
    is_flag=True,
    help="Keep ARG…, stdin and output out of logs, history and console.",
)
@click.option("--parallel", is_flag=True, help="Don't wait for earlier commands to this node.")
@click.option("--wait", type=Duration(), help="How long to wait for the outcome.")
@click.option("--detach", is_flag=True, help="Don't wait: print the id.")
@prints
@talks
def send(
    nodes: str,
    args: tuple[str, ...],
    state_dir: Path,
    output: str,
    wait: float | None,
    detach: bool,
    **fields: Any,
) -> int:
    """Send ARG… to every NODE: a name, a glob like 'ship*', a label KEY=VALUE, a @group.

    It waits for the outcome and prints it. Ctrl-C stops the waiting, not the message.
    """
    if detach and wait is not None:
        raise UsageError("--detach waits for nothing, --wait does", "give one of them")
    sending = Sending(state_dir, output)
    try:
        return asyncio.run(sending.run(nodes, _message(args, fields), wait, detach))
    except KeyboardInterrupt:
        sending.say_left("interrupted")
        raise


def _message(args: tuple[str, ...], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message, as JSON has them, less its node and id."""
    message: dict[str, Any] = {
        "data": list(args),
        "commandOrEvent": fields["kind"],
        "method": fields["method"],
    }
    names = ("timeout", "retries", "ttl")
    message |= {name: fields[name] for name in names if fields[name] is not None}
    if fields["method_timeout"] is not None:
        message["methodTimeout"] = fields["method_timeout"]
    if fields["parallel"]:
        message["parallel"] = True
    if fields["secret"]:
        message["secret"] = True
    if fields["stdin"] is not None:
        message |= stdin(fields["stdin"])
    return message


def stdin(file: str) -> dict[str, str]:
    """What a file holds, or our own standard input (``-``), as a field of a message. Raises
    UsageError, InvalidMessage."""
    try:
        with (
            contextlib.nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as source
        ):
            data = source.read(MAX_MESSAGE_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"--stdin {file} cannot be read: {error.strerror}", "name a file"
        ) from None
    if len(data) > MAX_MESSAGE_BYTES:
        raise InvalidMessage(
            f"--stdin {file} has more than the {MAX_MESSAGE_BYTES:,} bytes that a message may have",
            "let the node fetch it",
        )
    try:
        return {"stdin": data.decode()}
    except UnicodeDecodeError:
        return {"stdinB64": base64.b64encode(data).decode()}


class Sending:
    """One ``steward send`` under way: what was accepted, and what has been shown."""

    def __init__(self, state_dir: Path, output: str) -> None:
        self.state_dir = state_dir
        self.output = output
        self.several = False
        self.ids: dict[str, str] = {}
        """Node by id, from before the daemon has answered: an interrupt can name them."""
        self.ended: dict[str, dict[str, Any]] = {}

    async def run(
        self, targets: str, message: Mapping[str, Any], wait: float | None, detach: bool
    ) -> int:
        """The exit status. Raises NothingMatched, NoDaemon and what the daemon answers with."""
        async with ControlClient(self.state_dir) as client:
            nodes = await resolved(client, [targets], meaning="its messages wait until it comes")
            self.several = len(nodes) > 1
            messages = [{**message, "toNode": node, "id": new_id()} for node in nodes]
            self.ids = {one["id"]: one["toNode"] for one in messages}
            answer = await client.call("submit", messages=messages)
            statuses = [exits.OK]
            for refused in answer["refused"]:
                output.refused(f"{messages[refused['index']]['toNode']}:", refused)
                statuses.append(exits.REFUSED)
            accepted = [one["id"] for one in answer["accepted"]]
            self.ids = {id: self.ids[id] for id in accepted}
            if detach:
                await self._detached(client)
                return exits.combined(statuses)
        if self.output == "ids":
            for id in self.ids:
                output.line(id)
            sys.stdout.flush()
        following = Following(self.state_dir, accepted, self._show)
        await following.run(wait)
        statuses += [exits.INCOMPLETE] * len(following.pending)
        statuses += map(exits.of_message, self.ended.values())
        if self.output == "json" or following.pending:
            await self._rest(following.pending)
        return exits.combined(statuses)

    async def _detached(self, client: ControlClient) -> None:
        if self.output in ("json", "jsonl"):
            found = [await client.call("message", id=id) for id in self.ids]
            output.records(found, self.output, lambda: None)
        elif self.several and self.output == "table":
            output.table(("ID", "NODE"), list(self.ids.items()))
        else:
            for id in self.ids:
                output.line(id)

    async def _rest(self, pending: list[str]) -> None:
        """After the waiting: what is printed at the end, and what has not ended."""
        if self.output in ("json", "jsonl"):
            async with ControlClient(self.state_dir) as client:
                for id in pending:
                    self.ended[id] = await client.call("message", id=id)
            if self.output == "json":
                output.document([self.ended[id] for id in self.ids])
            else:
                for id in pending:
                    output.json_line(self.ended[id])
        if pending:
            self.say_left("stopped waiting")

    def say_left(self, why: str) -> None:
        """Say what goes on without us."""
        for id, node in self.ids.items():
            if id not in self.ended or exits.is_open(self.ended[id]):
                output.note(f"{why}; {node}: message {id} goes on: steward messages show {id}")

    def _show(self, message: dict[str, Any]) -> None:
        self.ended[message["id"]] = message
        if self.output == "jsonl":
            output.json_line(message)
        elif self.output == "table":
            self._show_output(message)

    def _show_output(self, message: dict[str, Any]) -> None:
        heading = f"{message['toNode']}:\n"
        if self.several:
            sys.stdout.write(heading)
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            data = whole(message, name)
            apart = name == "stderr" and not output.same_place(sys.stdout, sys.stderr)
            if self.several and data and apart:
                stream.write(heading)
            if self.several and data and not data.endswith(b"\n"):
                data += b"\n"
            output.sink(stream)(data, True)
        say_outcome(message, several=self.several)


def say_outcome(message: Mapping[str, Any], *, several: bool) -> None:
    """Say on stderr how it ended, unless it succeeded; ``several``: others are shown, too."""
    told = exits.of_message(message) and views.outcome(message)
    plain = not message.get("reason") and not (message.get("result") or {}).get("signal")
    if told and message["state"] == State.FAILED and plain:
        # A script gets the command's own stderr, byte for byte; its exit code is for people.
        if several or sys.stderr.isatty():
            output.note(f"{message['toNode']}: {told}")
    elif told:
        output.note(f"{message['toNode']}: {told} (message {message['id']})")


def whole(message: Mapping[str, Any], name: str) -> bytes:
    """A stream of a result as it came; in the place of what was left out, a line that says so."""
    result = message.get("result")
    data = output.field(result, name)
    left_out = (result or {}).get(f"{name}Cut") or 0
    if not left_out:
        return data
    command = f"steward messages output {message['id']}"
    output.note(f"{message['toNode']}: {left_out:,} bytes of {name} left out; all: {command}")
    mark = f"\n[… {left_out:,} bytes left out: {command} …]\n".encode()
    return data + mark + output.field(result, f"{name}Tail")
