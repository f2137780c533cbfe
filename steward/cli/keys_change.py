"""``steward keys trust|revoke|rotate``: what changes whose key holds, and who may send to whom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from steward.cli import exits, output
from steward.cli.keys import keys, named
from steward.cli.options import Duration, ask, complete_node, prints, talks
from steward.errors import NotPossible, UsageError
from steward.signing import fingerprint

__all__ = ["keys"]


@keys.command()
@click.argument("name", metavar="NAME|FILE")
@click.option("--to", "towards", multiple=True, metavar="NODE", shell_complete=complete_node,
              help="NAME may send to NODE, not only to central; may be repeated.")  # fmt: skip
@click.option("--end", is_flag=True, help="With --to: it may no longer.")
@click.option("--name", "whose", default="", help="Whose key is in FILE, if it doesn't say.")
@click.option("--fingerprint", "compared", help="Of the key in FILE, where nobody can be asked.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@prints
@talks
def trust(
    name: str,
    towards: tuple[str, ...],
    end: bool,
    whose: str,
    compared: str | None,
    yes: bool,
    output: str,
    state_dir: Path,
) -> int:
    """On central: let one node send to another (--to), or accept the key in FILE (made on the node
    by `steward keys show -o json`) before the node has introduced itself."""
    if towards:
        told = ask(state_dir, "route", name=name, to=list(towards), end=end)
        may = ", ".join(told["to"]) or "nobody else"
        return said(told, output, f"{name} may send to central and to {may}", "name")
    if end:
        raise UsageError("--end needs --to", "steward keys trust NAME --to NODE --end")
    found = named(name, whose)
    shown = _fingerprint(found["key"])
    compare(f"the key of {found['name']} in {name}", shown, compared, yes)
    told = ask(state_dir, "accept", **found, fingerprint=shown)
    return said(told, output, f"accepted: {told['name']} {shown}", "name")


def _fingerprint(key: str) -> str:
    try:
        return fingerprint(msgspec.convert(key, bytes))
    except msgspec.ValidationError:
        raise UsageError("the file holds no key", "steward keys show -o json makes it") from None


def compare(what: str, shown: str, compared: str | None, yes: bool) -> None:
    """Have a person, or ``compared``, confirm a fingerprint. Raises NotPossible, click.Abort."""
    if compared is not None:
        if plain(compared) != plain(shown):
            raise NotPossible(
                f"{what} has the fingerprint {shown}, not {compared}",
                "look at it on the node itself: steward keys show",
            )
        return
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{what} has the fingerprint {shown}: is it the right one?",
                         "--fingerprint with the one that the node shows, or -y")  # fmt: skip
    click.echo(f"{what} has the fingerprint\n\n    {shown}\n", err=True)
    click.confirm("Does the node itself show the same (steward keys show)?", abort=True, err=True)


def plain(text: str) -> str:
    """A fingerprint as it is compared, however it was typed."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


@keys.command()
@click.argument("name", shell_complete=complete_node)
@click.option("--reason", default="", help="For the log.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@prints
@talks
def revoke(name: str, reason: str, yes: bool, output: str, state_dir: Path) -> int:
    """On central: NAME's key holds no more, on any node, for ever; it has to be accepted anew."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Revoke every key of {name}?", abort=True, err=True)
    told = ask(state_dir, "revoke", name=name, reason=reason)
    nodes = told["told"]
    many = f"{nodes} other node{'' if nodes == 1 else 's'}"
    return said(told, output, f"revoked: {name}; {many} will hear of it", "name")


@keys.command()
@click.option("--overlap", type=Duration(), default="1d", show_default=True, metavar="DURATION",
              help="For how long the old key holds beside the new one: 1h at least, but at "
              "central. Until then a node does not change its keys again.")  # fmt: skip
@prints
@talks
def rotate(overlap: float, output: str, state_dir: Path) -> int:
    """Change this node's keys for new ones. On central: central's own; every node hears of it."""
    told = ask(state_dir, "rotate", overlap=overlap)
    return said(told, output, f"new key: {told['fingerprint']}; {told['note']}", "fingerprint")


def said(told: dict[str, Any], form: str, text: str, id: str) -> int:
    """Print what was done."""
    if form == "json":
        output.document(told)
    else:
        output.records([told], form, lambda: output.line(text), id)
    return exits.OK
