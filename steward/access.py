"""How a node gets into the broker: whom it takes for the broker, and what it shows of itself.

Secrets are read here and handed on; they are in no log, exception or printed value.
"""

from __future__ import annotations

import base64
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nkeys import from_seed

from steward.errors import ConfigError
from steward.key_files import public_nkey
from steward.link import Endpoint

_JWT: Final = "NATS USER JWT"
_SEED: Final = "USER NKEY SEED"


@dataclass(frozen=True)
class Access:
    """What the bus needs beside the addresses.

    ``seed``: of this node's nkey, in its text form; empty: no nkey. ``ca``: PEM of those who may
    vouch for the broker; empty: the system's. ``credentials``: a ``.creds`` file from whoever runs
    the broker; it goes before the nkey, and is read again for each connection.
    """

    seed: bytes = field(default=b"", repr=False)
    ca: str = ""
    credentials: Path | None = None

    @property
    def nkey(self) -> str:
        """The public half of the nkey, as the broker knows it; empty without one. Raises
        TrustError if it is none."""
        return public_nkey(self.seed) if self.seed else ""

    def context(self) -> ssl.SSLContext:
        """For TLS as a client that checks the broker's certificate and its name. Raises
        ConfigError if ``ca`` cannot be used."""
        try:
            context = ssl.create_default_context(cadata=self.ca or None)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ConfigError(
                f"the broker's CA cannot be used: {reason}", "a file of PEM certificates"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def options(self, broker: Endpoint) -> dict[str, Any]:
        """What the client is told to show the broker. A user in its address goes before the nkey.
        Raises ConfigError: the credentials cannot be read."""
        if self.credentials is not None:
            jwt, seed = _parted(self.credentials)
            return {
                "user_jwt_cb": lambda: bytearray(jwt),
                "signature_cb": lambda nonce: _sign(seed, nonce),
            }
        if self.seed and not broker.has_user:
            return {"nkeys_seed_str": self.seed.decode()}
        return {}

    def refused(self, broker: Endpoint) -> tuple[str, str]:
        """What it means that the broker let nobody in with this, and the remedy."""
        if self.credentials is not None:
            what = f"the broker refuses the credentials in {self.credentials}"
            return what, "ask whoever runs the broker for new ones"
        if broker.has_user:
            return "the broker refuses this user and password", "see --broker-address"
        if self.seed:
            what = f"the broker does not know this node's key, not yet or no more: {self.nkey}"
            return what, "at central: steward nodes pending, accept; does the broker read its list?"
        return "the broker lets in only whom it knows", "join with a token: steward keys join"


NO_ACCESS: Final = Access()
"""For a broker that lets in everybody, and may be anybody."""


def access(
    seed: bytes = b"", ca: str = "", *, ca_file: Path | None = None, credentials: Path | None = None
) -> Access:
    """What the keys say, with what the settings say instead of it. Raises ConfigError: a file that
    cannot be used; TrustError: a seed that is none."""
    if ca_file is not None:
        try:
            ca = ca_file.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not PEM"
            raise ConfigError(
                f"broker-ca: {ca_file}: {reason}", "a file of PEM certificates"
            ) from None
        if "BEGIN CERTIFICATE" not in ca:
            raise ConfigError(
                f"broker-ca: {ca_file}: no certificate in it", "a file of PEM certificates"
            )
    if credentials is not None:
        _parted(credentials)
    made = Access(seed, ca, credentials)
    made.context()
    if seed:
        public_nkey(seed)
    return made


def _sign(seed: bytes, nonce: str) -> bytes:
    """The signature in base64, as the broker wants to have it."""
    return base64.b64encode(from_seed(bytearray(seed)).sign(nonce.encode()))


def _parted(file: Path) -> tuple[bytes, bytes]:
    """The token and the seed that a ``.creds`` file holds. Raises ConfigError, TrustError."""
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"broker-credentials: {file}: {reason}", "a .creds file") from None
    jwt, seed = (
        re.search(rf"-----BEGIN {name}-----\s+(\S+)\s+-+END {name}", text) for name in (_JWT, _SEED)
    )
    if jwt is None or seed is None:
        problem = f"broker-credentials: {file}: no user token and seed in it"
        raise ConfigError(problem, "a .creds file")
    found = jwt[1].encode(), seed[1].encode()
    public_nkey(found[1])
    return found
