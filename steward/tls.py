"""TLS as a client over a connection that somebody else holds: what is plain here, sealed there.

asyncio has TLS too, but tells nobody how much of what was written still waits below it, and a link
has to know that: see ``Sealed.left``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Final

from steward.errors import BusError

_PIECE: Final = 4096
"""Bytes in a record: what of it has arrived can be read only once all of it is there."""
_SOME: Final = 65536
_WRONG_NAME: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_UNKNOWN_CA: Final = (2, 18, 19, 20, 21)
_NOT_YET: Final = 9
_EXPIRED: Final = 10


class Sealed:
    """One connection's TLS. ``open`` and ``seal`` turn bytes into bytes and raise ssl.SSLError, an
    OSError, for what was changed on its way."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        """``host``: the name or address that the certificate has to be for."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._host = host
        self._given = 0
        self._carried = 0
        self._left = 0
        self._pieces: deque[tuple[int, int]] = deque()
        """How much was carried, and given, at the end of each piece that may not have left."""

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises BusError: this is not the broker that was meant, or does not begin with TLS."""
        try:
            while not self._shaken():
                writer.write(self._taken())
                await writer.drain()
                some = await reader.read(_SOME)
                if not some:
                    raise ssl.SSLEOFError
                self._in.write(some)
        except (ssl.SSLError, ConnectionError) as error:
            writer.write(self._taken())  # It is told why.
            raise explained(error, self._host) from error
        writer.write(self._taken())

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def seal(self, plain: bytes) -> bytes:
        """What is to be carried for it."""
        sealed = []
        for start in range(0, len(plain), _PIECE):
            self._given += self._tls.write(plain[start : start + _PIECE])
            sealed.append(self._taken())
            self._pieces.append((self._carried, self._given))
        return b"".join(sealed)

    def open(self, sealed: bytes) -> tuple[bytes, bytes]:
        """What was carried here for this side, which may be nothing yet, and what has to be carried
        back at once. Raises ssl.SSLZeroReturnError after the other side's last word."""
        self._in.write(sealed)
        plain = []
        try:
            while some := self._tls.read(_SOME):
                plain.append(some)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            if not plain:
                raise
        return b"".join(plain), self._taken()

    def left(self, waiting: int) -> int:
        """How much of what was given has left whole, while ``waiting`` bytes of what was to be
        carried wait."""
        gone = self._carried - waiting
        while self._pieces and self._pieces[0][0] <= gone:
            self._left = self._pieces.popleft()[1]
        return self._left

    @property
    def pieces(self) -> int:
        """That are not known to have left."""
        return len(self._pieces)

    def _taken(self) -> bytes:
        some = self._out.read()
        self._carried += len(some)
        return some


def explained(error: Exception, host: str) -> BusError:
    """In an operator's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code, said = error.verify_code, error.verify_message.rstrip(".")
        if code in _WRONG_NAME:
            what = f"the broker's certificate is not for {host}: {said}"
            return BusError(
                what, "use a name that is in it, or add this one: steward broker config"
            )
        if code in _UNKNOWN_CA:
            what = f"the broker's certificate comes from a CA that is not trusted here: {said}"
            return BusError(what, "give the right one by broker-ca; is it the right broker?")
        if code in (_NOT_YET, _EXPIRED):
            what = f"the broker's certificate does not hold now: {said}"
            return BusError(what, "renew it, or is this machine's clock wrong?")
        return BusError(f"the broker's certificate is not taken: {said}", "renew it")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        said = (error.reason or "no reason").replace("_", " ").lower()
        what = f"what answers there does not begin with TLS as it should: {said}"
    else:
        what = "what answers there hung up instead of beginning with TLS"
    return BusError(
        what, "nothing was told to it; a broker needs handshake_first: true in its tls settings"
    )
