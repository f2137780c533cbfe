"""A node's next keys on disk: made, waiting for central's word, and put in the place of the old.

``signing.key.next`` and ``broker.nk.next`` lie beside those in use; ``broker.nk.old`` stays as a
second way into the broker until that has heard of the new one.
"""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from steward.errors import NotPossible
from steward.folders import sync_folder
from steward.key_files import (
    BROKER,
    CREDENTIALS,
    SIGNING,
    Keys,
    checked,
    keys_folder,
    new_nkey,
    read_secret,
    signing_key,
    write_secret,
)
from steward.signing import SigningKey

_NEXT: Final = ".next"
_OLD: Final = ".old"


def next_keys(state_dir: Path) -> Keys | None:
    """Those that wait; None: none do. A change that was cut short is finished first. Raises
    TrustError, OSError."""
    folder = keys_folder(state_dir)
    signing = read_secret(folder / (SIGNING + _NEXT))
    broker = read_secret(folder / (BROKER + _NEXT))
    if signing is None:
        if broker is not None:
            _replace_broker(folder)
        return None
    if broker is None:  # the broker's was to be made next
        broker = new_nkey()
        write_secret(folder / (BROKER + _NEXT), broker)
    return Keys(signing_key(signing, folder / (SIGNING + _NEXT)), checked(broker))


def make_next(state_dir: Path) -> Keys:
    """New keys to wait, or those that do already. Raises NotPossible where systemd hands the keys
    in, TrustError, OSError."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    for name in CREDENTIALS.values() if credentials else ():
        if (Path(credentials or "") / name).exists():
            raise NotPossible(
                f"this node's keys are systemd's credential {name}",
                "take that credential away: then the node makes and changes its keys itself",
            )
    waiting = next_keys(state_dir)
    if waiting is not None:
        return waiting
    folder = keys_folder(state_dir)
    made = Keys(SigningKey.generate(), new_nkey())
    # In this order: the signing key alone says that there are next ones.
    write_secret(folder / (SIGNING + _NEXT), base64.b64encode(made.signing.seed))
    write_secret(folder / (BROKER + _NEXT), made.broker_seed)
    return made


def promote(state_dir: Path) -> None:
    """The next keys are those in use from now on. Raises OSError."""
    folder = keys_folder(state_dir)
    os.replace(folder / (SIGNING + _NEXT), folder / SIGNING)
    sync_folder(folder)
    _replace_broker(folder)


def old_broker_seed(state_dir: Path) -> bytes:
    """Of the nkey before this one; empty: there is none. Raises TrustError, OSError."""
    return read_secret(keys_folder(state_dir) / (BROKER + _OLD)) or b""


def forget_old(state_dir: Path) -> None:
    """The old nkey holds no more."""
    with suppress(FileNotFoundError):
        (keys_folder(state_dir) / (BROKER + _OLD)).unlink()


def _replace_broker(folder: Path) -> None:
    old = read_secret(folder / BROKER)
    if old is not None:
        write_secret(folder / (BROKER + _OLD), old)
    os.replace(folder / (BROKER + _NEXT), folder / BROKER)
    sync_folder(folder)
