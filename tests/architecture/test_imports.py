"""Import directions, proved in a fresh interpreter: what a program doesn't use, it doesn't load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = "import json, sys; import {}; print(json.dumps(sorted(sys.modules)))"
SQL = {"sqlite3", "aiosqlite"}


def loaded_by(module: str) -> set[str]:
    """The top-level names of all that ``import module`` loads."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("steward.cli", {"textual", "nats", "rich", "aiohttp", "node", "tui"} | SQL),
        ("steward.control.client", {"textual", "nats", "rich", "click", "node", "tui"} | SQL),
        ("steward.handoff", {"nats", "click", "asyncio", "socket", "node", "tui"} | SQL),
        ("steward.store", {"textual", "nats", "rich", "click", "node", "tui"}),
        ("steward.bus", {"textual", "aiohttp", "rich", "click", "node", "tui"} | SQL),
        ("node.daemon", {"textual", "aiohttp", "rich", "tui", "cryptography"}),
        ("node.keys_init", {"textual", "nats", "aiohttp", "rich", "tui", "cryptography"} | SQL),
        ("node.cli_broker", {"textual", "nats", "aiohttp", "rich", "tui", "cryptography"}),
        ("node.runner", {"textual", "nats", "msgspec", "steward", "asyncio", "tui"} | SQL),
        ("tui.app", {"nats", "aiohttp", "node", "prometheus_client"} | SQL),
    ],
)
def test_it_loads_only_what_its_layer_may(module: str, never: set[str]) -> None:
    assert loaded_by(module) & never == set()


def test_a_verb_is_loaded_only_when_it_is_used() -> None:
    script = "import sys; from steward.cli import _run; _run(['version']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("steward ")
    never = {"textual", "nats", "rich", "node", "tui", "sqlite3"}
    assert {name.partition(".")[0] for name in done.stdout.split()} & never == set()
