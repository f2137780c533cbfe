"""``steward nodes pending|accept|refuse``: who wants to belong, and the operator's word on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from steward.cli import exits, output, views
from steward.cli.keys_change import compare, plain, said
from steward.cli.options import ask, prints, talks
from steward.errors import NotPossible, UnknownId

_HEADERS: Final = ("", "NODE", "STATE", "SINCE", "SEEN", "VERSION", "MACHINE", "FINGERPRINT")
NAMED_KEY: Final = "--fingerprint says which of them: steward nodes pending"


@click.command()
@prints
@talks
def pending(output: str, state_dir: Path) -> int:
    """List the nodes that have introduced themselves to central and wait to be accepted. `!`: a
    name that is in use with another key, so either a new disk or somebody else."""
    return _listed(ask(state_dir, "pending")["pending"], output)


def _listed(found: Sequence[Mapping[str, Any]], form: str) -> int:
    output.records(found, form, lambda: _table(found), "name")
    return exits.OK


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        output.note("nobody waits; steward keys token makes what a new node needs")
        return
    at = views.now()
    rows = [
        (
            "!" if one["conflict"] else "",
            one["name"],
            one["state"] + (", was revoked" if one.get("revoked") else ""),
            views.ago(one["first"], at),
            views.ago(one["last"], at),
            one["version"],
            one["machine"],
            one["fingerprint"],
        )
        for one in found
    ]
    output.table(_HEADERS, rows, styles=_style, cut=False)
    for one in found:
        if one["conflict"]:
            output.note(
                f"{one['name']} has the key {one['known']} already: accept --replace takes the new"
                " one in its place and revokes the old; refuse it if nothing was changed there"
            )


def _style(column: int, row: Sequence[str]) -> str:
    return "red" if column < 2 and row[0] else "dim" if row[2].startswith("refused") else ""


def chosen(found: Sequence[Mapping[str, Any]], name: str, compared: str | None) -> Any:
    """The introduction that is meant. Raises UnknownId: nobody of this name waits; NotPossible:
    several do, and none or no fingerprint of theirs is given."""
    named = [one for one in found if one["name"] == name]
    if not named:
        raise UnknownId(f"no node {name} has introduced itself", "steward nodes pending")
    if len(named) == 1:
        return named[0]
    if compared is None:
        raise NotPossible(f"{len(named)} machines want to be {name}", NAMED_KEY)
    for one in named:
        if plain(one["fingerprint"]) == plain(compared):
            return one
    raise NotPossible(f"none that wants to be {name} has that fingerprint", NAMED_KEY)


@click.command()
@click.argument("name")
@click.option("--fingerprint", "compared", metavar="F",
              help="What the node itself shows; refused unless it is the same.")  # fmt: skip
@click.option("--replace", is_flag=True,
              help="In the place of another key of that name, which is revoked.")  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@prints
@talks
def accept(
    name: str, compared: str | None, replace: bool, yes: bool, output: str, state_dir: Path
) -> int:
    """Let a node that has introduced itself belong, once its fingerprint is compared."""
    one = chosen(ask(state_dir, "pending")["pending"], name, compared)
    if one["conflict"] and not replace:
        raise NotPossible(
            f"{name} is in use with another key, {one['known']}",
            "find out why; --replace takes the new key and revokes the other",
        )
    what = f"{name}, which replaces {one['known']}," if one["conflict"] else name
    compare(what, one["fingerprint"], compared, yes)
    told = ask(state_dir, "accept", name=name, fingerprint=one["fingerprint"], replace=replace)
    return said(told, output, f"accepted: {name} {told['fingerprint']}", "name")


@click.command()
@click.argument("name")
@click.option("--fingerprint", "compared", metavar="F", help="Which, if several use the name.")
@prints
@talks
def refuse(name: str, compared: str | None, output: str, state_dir: Path) -> int:
    """Turn a node that has introduced itself away; it can still be accepted later."""
    one = chosen(ask(state_dir, "pending")["pending"], name, compared)
    if compared is not None and plain(compared) != plain(one["fingerprint"]):
        raise NotPossible(f"{name} has the fingerprint {one['fingerprint']}", NAMED_KEY)
    told = ask(state_dir, "refuse", name=name, fingerprint=one["fingerprint"])
    return said(told, output, f"refused: {name} {one['fingerprint']}", "name")
