"""``steward keys``: whose keys a node has and trusts, and how a new node comes to trust central."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from steward import token as tokens
from steward.cli import exits, output, views
from steward.cli.options import Duration, ask, prints, talks
from steward.cli.owner import as_owner
from steward.errors import NoDaemon, TrustError, UnknownId, UsageError
from steward.joining import take
from steward.key_files import keys_folder, load_or_make, read_trust
from steward.signing import fingerprint

_HEADERS: Final = ("NODE", "STATE", "SERIAL", "SINCE", "FINGERPRINT", "MAY SEND TO")
_MOST: Final = 64 * 1024


@click.group()
def keys() -> None:
    """Keys: make, show, hand on, trust, revoke and rotate them."""


@keys.command()
@click.option("--valid", type=Duration(), default="1h", show_default=True, metavar="DURATION",
              help="For how long it lets nodes introduce themselves.")  # fmt: skip
@click.option("--to", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="Into a new file that only you may read; else it is printed.")  # fmt: skip
@prints
@talks
def token(valid: float, file: Path | None, output: str, state_dir: Path) -> int:
    """Make a join token, on central: what a new node needs to know whom to trust."""
    return _told_token(ask(state_dir, "token", valid=valid), file, output)


def _told_token(told: dict[str, Any], file: Path | None, form: str) -> int:
    if file is not None:
        _put(file, told.pop("token"))
    if form == "json":
        output.document(told)
    elif form == "jsonl":
        output.json_line(told)
    elif file is None:
        output.line(told["token"])
    until = views.ago(told["expires"], views.now())
    where = f"is in {file}" if file else "is above"
    output.note(f"the token {where}; it expires {until}. On the new node: steward keys join FILE|-")
    output.note(f"the node shows central's fingerprint then: {told['fingerprint']}")
    return exits.OK


def _put(file: Path, text: str) -> None:
    """Raises UsageError if there is something at that place."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} exists already", "name a new file") from None
    with os.fdopen(opened, "w", encoding="utf-8") as written:
        written.write(f"{text}\n")


@keys.command()
@click.argument("file", metavar="FILE|-")
@prints
@talks
def join(file: str, output: str, state_dir: Path) -> int:
    """Take a join token from FILE or standard input: from now on this node trusts that central, and
    nobody else. The token never goes into the command line, where others could read it."""
    if file.startswith("steward-join-"):
        raise UsageError(
            "a token on the command line can be seen by others",
            "give a file, or - and paste it, then Ctrl-D",
        )
    return _joined(tokens.parse(_text(file), time.time()), state_dir, output)


def _text(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(_MOST)
        with open(file, encoding="utf-8") as opened:
            return opened.read(_MOST)
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not text", "give the file that was made for this") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "a file, or - and paste it") from None


def _joined(token: tokens.Token, state_dir: Path, form: str) -> int:
    with as_owner(state_dir):
        take(state_dir, token)
        own = load_or_make(state_dir)
    told = {
        "central": token.central,
        "centralFingerprint": fingerprint(token.key),
        "fingerprint": fingerprint(own.signing.public),
        "brokers": list(token.brokers),
    }
    facts = [
        ("central", f"{told['central']}  {told['centralFingerprint']}"),
        ("this node", str(told["fingerprint"])),
        ("brokers", ", ".join(token.brokers)),
    ]
    _print(told, form, facts, "fingerprint")
    output.note("start this node (restart it, if it runs); then, on central: steward nodes pending")
    return exits.OK


def _print(told: Mapping[str, Any], form: str, facts: Sequence[tuple[str, str]], id: str) -> None:
    if form == "json":
        output.document(told)
    else:
        output.records([told], form, lambda: output.facts(facts), id)


@keys.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
@prints
@talks
def show(names: tuple[str, ...], output: str, state_dir: Path) -> int:
    """Show this node's fingerprint and central's; on central, every node's key with its state."""
    told: dict[str, Any] = {} if names else own(state_dir)
    try:
        told |= ask(state_dir, "keys", names=list(names))
    except NoDaemon:
        if names:
            raise
    return _shown(told, names, output)


def own(state_dir: Path) -> dict[str, Any]:
    """What the key files of this machine say. Raises TrustError: there are none."""
    with as_owner(state_dir):
        trust = read_trust(state_dir)
        if trust is None:
            raise TrustError(
                f"there are no keys in {keys_folder(state_dir)}",
                "steward keys init on central, steward keys join FILE on a node",
            )
        mine = load_or_make(state_dir)
    return {
        "central": trust.central,
        "centralFingerprint": fingerprint(trust.key),
        "fingerprint": fingerprint(mine.signing.public),
        "key": mine.signing.public,
        "broker": mine.broker,
        "brokers": list(trust.brokers),
    }


def _shown(told: dict[str, Any], names: Sequence[str], form: str) -> int:
    found = told.get("keys") or []
    absent = set(names) - {key["name"] for key in found}
    if absent:
        raise UnknownId(f"no key of {', '.join(sorted(absent))} is known", "steward keys show")
    if form == "json":
        output.document(found if names else told)
        return exits.OK
    output.records(found or [told], form, lambda: _table(told, found), "fingerprint")
    return exits.OK


def _table(told: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    if "fingerprint" in told:
        output.facts(
            [
                ("node", str(told.get("node") or "")),
                ("this node", told["fingerprint"]),
                ("central", f"{told['central']}  {told['centralFingerprint']}"),
                ("broker key", told["broker"]),
                ("state", str(told.get("waiting") or "")),
            ]
        )
    if found:
        at = views.now()
        rows = [
            (
                key["name"],
                key["state"] + (f" until {views.ago(key['until'], at)}" if key["until"] else ""),
                str(key["serial"]),
                views.ago(key["since"], at),
                key["fingerprint"],
                " ".join(key["to"]),
            )
            for key in found
        ]
        output.table(_HEADERS, rows, styles=_style, right=("SERIAL",))


def _style(column: int, row: Sequence[str]) -> str:
    styles = {"accepted": "green", "revoked": "red"}
    return styles.get(row[1].partition(" ")[0], "") if column == 1 else ""


def named(file: str, name: str) -> dict[str, Any]:
    """The key in a file that ``steward keys show -o json`` made on a node. Raises UsageError."""
    try:
        found = msgspec.json.decode(_text(file))
        told = {"name": name or found.get("node"), "key": found["key"], "broker": found["broker"]}
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"{file} holds no node's key", "steward keys show -o json on that node makes it"
        ) from None
    if not told["name"]:
        raise UsageError(f"{file} does not say whose key it is", "--name NAME says it")
    return told
