"""Whose orders the runner is to believe: from a join token's trust to a file of root's."""

from __future__ import annotations

import tomllib
from pathlib import Path

from node import service_units
from node.service_hands import Hands
from node.service_units import Places
from steward.cli.output import note
from steward.cli.owner import as_owner
from steward.errors import TrustError, UsageError
from steward.key_files import read_trust
from steward.signing import fingerprint


def text(hands: Hands, places: Places, node: str, central: str, compared: str | None) -> str:
    """What ``anchor`` is to hold; empty: this node trusts nobody yet. One that is there stays,
    whatever the daemon's folder says by now: the daemon is not to be believed in this.

    Raises TrustError, UsageError.
    """
    path = places.etc / "anchor"
    there = _there(hands.at(path))
    state = hands.at(places.state)
    with as_owner(state):  # no link of its owner's leads root anywhere
        trust = read_trust(state)
    if trust is None:
        return there
    if trust.central != central:
        raise UsageError(
            f"this node has joined {trust.central}, and node.toml names {central}",
            f'central = "{trust.central}" in {places.etc / "node.toml"}',
        )
    shown = fingerprint(trust.key)
    if compared and compared.upper() != shown:
        raise TrustError(
            f"the key of {central} has the fingerprint {shown}, not {compared}",
            "somebody may have put another key in its place: join anew with a new token",
        )
    said = service_units.anchor(node, central, trust.key, trust.serial)
    if there and _facts(there) != _facts(said) and not (compared or hands.force):
        note(
            f"{path} is kept: the state folder names another key of {central} by now, {shown};"
            " if that is right: --fingerprint with it"
        )
        return there
    note(f"the runner believes {central} with the fingerprint {shown}: compare it there")
    return said


def _there(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _facts(anchor: str) -> object:
    try:
        return tomllib.loads(anchor)
    except tomllib.TOMLDecodeError:
        return None
