"""A broker that others run: its operator's tokens, and a ``.creds`` file for each node."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

import nkeys
import pytest

from node.broker import Broker
from steward.access import access
from steward.bus import Bus
from steward.errors import ConfigError, TrustError
from steward.link import LAN
from steward.mailbox import Incoming
from steward.subjects import NodeName
from tests.conftest import WaitFor
from tests.integration.trusted import nkey_seed, running

SHIP = NodeName("ship1")
QUICK = replace(LAN, retry_first=0.05, retry_most=0.1)
OPEN = {"subs": -1, "data": -1, "payload": -1}
ACCOUNT = {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}


class Key:
    def __init__(self, sort: int) -> None:
        self.seed = bytes(nkeys.encode_seed(token_bytes(32), sort))
        self.pair = nkeys.from_seed(bytearray(self.seed))
        self.public = self.pair.public_key.decode()

    def says(self, about: Key, sort: str, facts: dict[str, Any]) -> str:
        """A signed token."""
        claim = {
            "jti": token_hex(16), "iat": 1_700_000_000, "iss": self.public, "sub": about.public,
            "name": sort, "nats": {"type": sort, "version": 2, **facts},
        }  # fmt: skip
        parts = [_packed(part) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claim)]
        signature = base64.urlsafe_b64encode(self.pair.sign(".".join(parts).encode()))
        return ".".join([*parts, signature.decode().rstrip("=")])


def _packed(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class Others:
    """Who runs the broker."""

    def __init__(self) -> None:
        self._operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = Key(nkeys.PREFIX_BYTE_ACCOUNT)

    def settings(self) -> str:
        account = self._operator.says(self._account, "account", {"limits": {**OPEN, **ACCOUNT}})
        return (
            f"operator: {self._operator.says(self._operator, 'operator', {})}\n"
            f"resolver: MEMORY\nresolver_preload {{ {self._account.public}: {account} }}"
        )

    def credentials(self, file: Path, seed: bytes = b"") -> Path:
        user = Key(nkeys.PREFIX_BYTE_USER)
        jwt = self._account.says(user, "user", {**OPEN, "pub": {}, "sub": {}})
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{(seed or user.seed).decode()}\n"
            "------END USER NKEY SEED------\n"
        )
        return file


async def test_a_creds_file_gets_a_node_in_and_goes_before_its_key(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    others = Others()
    async with Broker(tmp_path / "theirs", port=0, extra=others.settings()) as broker:
        known = access(nkey_seed(), credentials=others.credentials(tmp_path / "ship1.creds"))
        async with running(Bus(SHIP, broker.address, access=known, start="s")) as ship:
            await wait_for(lambda: ship.connected)
            assert await ship.publish(ship.inbox, b"x")
            got = await asyncio.wait_for(ship.replies.get(), 5)
            assert got == Incoming(ship.inbox, "", b"x")


async def test_refused_credentials_are_said_and_new_ones_are_read(
    tmp_path: Path, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    others, strangers = Others(), Others()
    file = strangers.credentials(tmp_path / "ship1.creds")
    async with Broker(tmp_path / "theirs", port=0, extra=others.settings()) as broker:
        bus = Bus(SHIP, broker.address, access=access(credentials=file), link=QUICK)
        async with running(bus):
            await wait_for(lambda: f"refuses the credentials in {file}" in bus.last_error)
            file.write_text("half")
            await wait_for(lambda: "no user token and seed in it" in bus.last_error)
            file.unlink()
            await wait_for(lambda: "ship1.creds: No such file" in bus.last_error)
            assert others.credentials(file)
            await wait_for(lambda: bus.connected)
        seed = file.read_text().split("SEED-----\n")[1].partition("\n")[0]
        assert seed.startswith("SU")
        assert seed not in caplog.text


def test_a_creds_file_that_is_none_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "ship1.creds"
    with pytest.raises(ConfigError, match=r"broker-credentials: .*ship1\.creds: No such file"):
        access(credentials=file)
    for text in ("", "hello", "-----BEGIN NATS USER JWT-----\n", "ü"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"broker-credentials: .*ship1\.creds: no"):
            access(credentials=file)
    Others().credentials(file, b"SUAAAAAAAAAAAAAA")
    with pytest.raises(TrustError, match="no seed of an nkey"):
        access(credentials=file)
