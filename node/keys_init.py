"""``steward keys init``: from nothing to a central that trusts itself and can let others in."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from steward.cli import exits, output
from steward.cli.keys_change import keys
from steward.cli.options import prints, talks
from steward.cli.owner import as_owner
from steward.errors import ConfigError, NotPossible
from steward.folders import make_folder
from steward.key_files import (
    TrustFile,
    keys_folder,
    load_or_make,
    new_nkey,
    read_trust,
    write_trust,
)
from steward.link import Endpoint
from steward.signing import fingerprint
from steward.subjects import node_name

__all__ = ["keys"]


@keys.command()
@click.option("--central", "name", default="central", show_default=True, metavar="NAME",
              help="The name of the node that this is.")  # fmt: skip
@click.option("--broker", "brokers", multiple=True, metavar="URL", help="Where nodes reach it; may"
              " be repeated. [default: tls://THIS-HOST:4222]")  # fmt: skip
@click.option("--ca", type=click.Path(path_type=Path), metavar="FILE",
              help="Who vouches for the broker, instead of a CA of central's own.")  # fmt: skip
@prints
@talks
def init(name: str, brokers: tuple[str, ...], ca: Path | None, output: str, state_dir: Path) -> int:
    """Make central's keys, and a CA for its broker. What is there already is never overwritten."""
    return _told(_made(name, brokers, ca, state_dir), output)


def _made(name: str, brokers: tuple[str, ...], ca: Path | None, state_dir: Path) -> dict[str, Any]:
    central = node_name(name)
    addresses = brokers or (f"tls://{socket.getfqdn()}:4222",)
    for address in addresses:
        if not Endpoint.parse(address).tls:
            raise ConfigError(f"{address} is not TLS", "tls://HOST:4222, which nodes can reach")
    # As root: what lies elsewhere, programs too, the folder's owner may not be able to read.
    given = _read(ca) if ca is not None else ""
    make_ca = _maker_of_ca() if ca is None else None
    make_folder(state_dir, 0o750)
    with as_owner(state_dir):
        there = read_trust(state_dir)
        if there is not None:
            raise NotPossible(
                f"there are keys in {keys_folder(state_dir)}, which trust {there.central}"
                f" {fingerprint(there.key)}",
                "steward keys show; steward keys rotate makes new ones",
            )
        own = load_or_make(state_dir)
        vouching = make_ca(keys_folder(state_dir)) if make_ca else given
        write_trust(
            state_dir,
            TrustFile(
                central=central, key=own.signing.public, brokers=tuple(addresses), ca=vouching,
                joiner=new_nkey().decode(),
            ),
        )  # fmt: skip
    return {
        "central": central,
        "fingerprint": fingerprint(own.signing.public),
        "brokers": list(addresses),
        "keys": str(keys_folder(state_dir)),
    }


def _maker_of_ca() -> Callable[[Path], str]:
    """Raises ConfigError: the extra for brokers is not installed, which nodes can do without."""
    from node.certificates import make_ca

    return make_ca


def _read(file: Path) -> str:
    """Raises ConfigError."""
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--ca: {file}: {getattr(error, 'strerror', None) or 'not PEM'}"
        ) from None
    if "BEGIN CERTIFICATE" not in text:
        raise ConfigError(f"--ca: {file}: no certificate in it", "a file of PEM certificates")
    return text


def _told(told: dict[str, Any], form: str) -> int:
    facts = [
        ("central", str(told["central"])),
        ("fingerprint", str(told["fingerprint"])),
        ("brokers", ", ".join(told["brokers"])),
        ("keys", str(told["keys"])),
    ]
    if form == "json":
        output.document(told)
    else:
        output.records([told], form, lambda: output.facts(facts), "fingerprint")
    output.note("next: steward broker; steward node --node=NAME; then, for each new node:")
    output.note(
        "steward keys token --to FILE. Keep a copy of the keys folder where nobody finds it"
    )
    return exits.OK
