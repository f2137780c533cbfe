"""A certificate tried before any node meets it: shown to a client that checks it as a node does."""

from __future__ import annotations

import ssl
from contextlib import suppress

from node.broker_config import Tls
from steward.access import Access
from steward.errors import ConfigError
from steward.tls import explained

_FLIGHTS = 8
"""More than a handshake has."""


def tried(files: Tls, ca: str, host: str) -> None:
    """Whether a node that trusts ``ca`` (PEM; empty: the system's) and calls the broker ``host``
    will take it. Raises ConfigError, which says what is wrong with which file."""
    to_broker, to_node = ssl.MemoryBIO(), ssl.MemoryBIO()
    broker = _shown(files).wrap_bio(to_broker, to_node, server_side=True)
    node = Access(ca=ca).context().wrap_bio(to_node, to_broker, server_hostname=host)
    try:
        for _ in range(_FLIGHTS):
            for end in (node, broker):
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except ssl.SSLError as error:
        said = explained(error, host)
        raise ConfigError(f"{files.certificate}: {said.text}", said.hint) from None


def _shown(files: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"{files.key} is not the key of {files.certificate}"
            raise ConfigError(problem, "give the two that belong together") from None
        problem = f"{files.certificate}, {files.key}: cannot be used: {error.reason or error}"
        raise ConfigError(problem, "PEM, the key without a password") from None
    except OSError as error:
        problem = f"{files.certificate}, {files.key}: {error.strerror}"
        raise ConfigError(problem, "see --cert and --key") from None
    return context
