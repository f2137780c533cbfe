"""What a node is told: flags, environment, TOML file, and the settings made of them."""

from steward.config.keys import FLAGS, Key
from steward.config.load import default_state_dir, document, load
from steward.config.settings import (
    LAN,
    SLOW,
    HostAndPort,
    Limits,
    LinkProfile,
    Retention,
    Settings,
)
from steward.permit_rules import Permit

__all__ = [
    "FLAGS",
    "LAN",
    "SLOW",
    "HostAndPort",
    "Key",
    "Limits",
    "LinkProfile",
    "Permit",
    "Retention",
    "Settings",
    "default_state_dir",
    "document",
    "load",
]
