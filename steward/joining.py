"""A join token is taken: from then on this node trusts that central, and nobody else."""

from __future__ import annotations

from pathlib import Path

from steward.errors import NotPossible
from steward.key_files import TrustFile, keys_folder, read_trust, write_trust
from steward.signing import fingerprint
from steward.token import Token


def take(state_dir: Path, token: Token) -> TrustFile:
    """Write down whom this node trusts; once more for the same central brings its addresses and its
    CA up to date. Raises NotPossible: it trusts somebody else; TrustError, OSError."""
    before = read_trust(state_dir)
    if before is not None and (before.central, before.key) != (token.central, token.key):
        raise NotPossible(
            f"this node trusts {before.central} {fingerprint(before.key)} already",
            f"to change that, stop the node and move {keys_folder(state_dir)} away",
        )
    trust = TrustFile(
        central=token.central, key=token.key, serial=token.serial, brokers=token.brokers,
        ca=token.ca, joiner=token.joiner,
    )  # fmt: skip
    write_trust(state_dir, trust)
    return trust
