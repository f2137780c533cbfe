"""What TLS is said to have let go is what the other end can read: no byte more, and none less."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.certificates import make_ca
from steward.access import access
from steward.tls import Sealed
from tests.integration.trusted import signed


class Broker:
    """The other end, in memory; ``read`` and ``write`` are the connection to it."""

    def __init__(self, folder: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*signed(folder, ["localhost"]))
        self.sent, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.sent, self._out, server_side=True)

    def write(self, data: bytes) -> None:
        self.sent.write(data)

    async def drain(self) -> None: ...

    async def read(self, _most: int) -> bytes:
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    def readable(self) -> int:
        """Bytes that have come whole since the last time."""
        found = 0
        with suppress(ssl.SSLWantReadError):
            while some := self.tls.read(65536):
                found += len(some)
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ca")
    make_ca(made)
    signed(made, ["localhost"])
    return made


@given(
    sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=5),
    steps=st.lists(st.integers(1, 30_000), max_size=20),
)
def test_what_has_left_is_what_can_be_read(
    folder: Path, sizes: list[int], steps: list[int]
) -> None:
    broker = Broker(folder)
    sealed = Sealed(access(ca=(folder / "ca.pem").read_text()).context(), "localhost")
    asyncio.run(sealed.shake_hands(cast(Any, broker), cast(Any, broker)))
    waiting = b"".join(sealed.seal(bytes(size)) for size in sizes)
    with suppress(ssl.SSLWantReadError):
        broker.tls.do_handshake()
    read = 0
    for step in [*steps, len(waiting)]:
        some, waiting = waiting[:step], waiting[step:]
        if some:
            broker.write(some)
        read += broker.readable()
        assert sealed.left(len(waiting)) == read
    assert read == sum(sizes)
    assert sealed.pieces == 0
