"""A ship joins over a satellite, with TLS, and does what central asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.fleet_with_keys import keyed_fleet
from tests.links import SATELLITE
from tests.proxy import Proxy


@pytest.mark.timeout(240)
async def test_a_ship_joins_and_obeys_over_600_ms_one_way(tmp_path: Path) -> None:
    async with keyed_fleet(tmp_path) as fleet, Proxy(fleet.port) as satellite:
        for direction in (satellite.up, satellite.down):
            direction.shape(replace(SATELLITE, delay=0.6))
        await fleet.begin()
        joined = await fleet.beside("ship1")(
            "keys", "join", "-", "-o", "ids", stdin=await fleet.token()
        )
        assert joined.status == 0, joined.err
        address = f"tls://localhost:{satellite.port}"
        await fleet.start("ship1", "--broker-address", address, "--link", "slow")
        fingerprint = (await fleet.waits("ship1"))["fingerprint"]
        assert fingerprint == joined.out.decode().strip()
        done = await fleet.central("nodes", "accept", "ship1", "--fingerprint", fingerprint)
        assert done.status == 0, done.err
        done = await fleet.central(
            "send", "ship1", "--timeout", "60", "--wait", "120", "--", "echo", "from afar"
        )
        assert (done.status, done.out) == (0, b"from afar\n"), done.err + fleet.log("ship1")
