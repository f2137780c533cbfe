"""A word to the service manager that has started this process (see sd_notify(3)), if one has."""

from __future__ import annotations

import os
import socket


def notify(*said: str) -> bool:
    """Like ``notify("READY=1", "STATUS=up")``. False: nobody listens, and that is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(1.0)
            sock.sendto("\n".join(said).encode(), address)
    except OSError:
        return False
    return True
