"""A node's keys at its start: what it signs with, and whom it believes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from steward import token as tokens
from steward.config import Settings
from steward.errors import TrustError
from steward.handoff.state import Now
from steward.joining import take
from steward.key_change import next_keys
from steward.key_files import TRUST, Keys, TrustFile, keys_folder, load_or_make, read_trust
from steward.keyring import Keyring
from steward.statements import Statement
from steward.store import Store, Tables
from steward.trust import Trust

log = logging.getLogger(__name__)

LOUD = (
    "this node has no trust: whoever reaches its broker can make it do anything."
    " In a lab that is fine; for real: steward keys init at central, steward keys join on a node"
)


@dataclass
class Trusting:
    """What a node has that trusts somebody. Its keys change while it runs."""

    keys: Keys
    file: TrustFile
    trust: Trust


async def open_trust(settings: Settings, store: Store) -> Trusting | None:
    """The node's keys, which are made at the first start; None, and a loud word, if there is
    nobody whom it trusts, and no join token among systemd's credentials. Raises TrustError: a file
    that cannot be used, or a store that has been used with keys and finds none; OSError."""
    next_keys(settings.state_dir)  # a change that was cut short is finished
    keys, file = load_or_make(settings.state_dir), read_trust(settings.state_dir)
    if file is None and (given := tokens.credential()):
        file = take(settings.state_dir, tokens.parse(given, store.clock.wall()))
        log.info("joined %s by the token that systemd handed over", file.central)
    if file is None:
        if await store.read(lambda t: t.trust.is_trusting()):
            raise TrustError(
                f"this node has had keys, and {keys_folder(settings.state_dir) / TRUST} is gone",
                "put it back from a backup, or join anew: steward keys join",
            )
        log.warning("%s", LOUD)
        return None
    if file.central != settings.central:
        raise TrustError(
            f"this node has joined {file.central}, and its settings name {settings.central}",
            f"--central {file.central}, or a state folder of its own",
        )
    said = await store.write(lambda t: _begin(t, file, store.clock.now()))
    chain = [signed.encode() for signed in file.said]
    keyring = Keyring(file.central, file.key, [*chain, *said], serial=file.serial)

    def learned(statement: Statement, signed: bytes) -> None:
        store.queue(lambda t: t.trust.keep(statement, signed, store.clock.now()))

    return Trusting(keys, file, Trust(settings.node, keys.signing, keyring, learned))


def _begin(tables: Tables, file: TrustFile, now: Now) -> list[bytes]:
    tables.trust.begin_trusting(now)
    return tables.trust.statements(file.central)
