"""The real daemon's control socket under wrong parameters: each is told what is wrong with it, and
none is told of a bug."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steward.control.protocol import INTERNAL_ERROR
from tests.fault.fleet import Fleet
from tests.integration.wellbeing import all_is_well

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS: dict[str, tuple[str, ...]] = {
    "status": (),
    "submit": ("messages", "job"),
    "messages": (
        "state", "node", "method", "job", "text", "problems", "all", "limit", "cursor", "sort",
    ),
    "message": ("id",),
    "wait": ("ids", "timeout"),
    "cancel": ("ids",),
    "retry": ("ids",),
    "replay": ("lines",),
    "resolve": ("targets",),
    "nodes": ("names",),
    "node": ("name",),
    "hold": ("nodes",),
    "release": ("nodes", "all"),
    "clear": ("nodes",),
    "forget": ("nodes",),
    "errors": ("node", "level", "text", "limit", "cursor"),
    "processes": (),
    "startProcess": ("name",),
    "explain": ("from", "method", "args"),
    "watch": ("topics",),
    "nonsense": ("x",),
    "": (),
}  # fmt: skip
ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "9" * 30, "ship*", "@x", "a=b", "\0", "é\n", "-accepted", "queued"])
    | st.text(max_size=8)
)  # fmt: skip
FIELDS = (
    "toNode", "data", "commandOrEvent", "method", "timeout", "retries", "ttl", "parallel", "id",
    "methodTimeout", "event", "time",
)  # fmt: skip
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    """A method with parameters that it may know, of any kind."""
    method = draw(st.sampled_from(sorted(METHODS)))
    names = st.sampled_from((*METHODS[method], "nonsense"))
    return method, draw(st.dictionaries(names, VALUES, max_size=4) | VALUES)


def asked(path: Path, line: bytes, *ids: object) -> list[Any]:
    """What comes back for a line, and for a question behind it, until these ids are answered."""
    left = {"last", *ids}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall(line + b'\n{"jsonrpc":"2.0","id":"last","method":"status"}\n')
        told: list[Any] = []
        with connection.makefile("rb") as lines:
            while left:
                told.append(json.loads(lines.readline()))
                left.discard(told[-1].get("id"))
    return told


async def test_any_parameters_of_any_method(town: Fleet) -> None:
    path = town.folder / "central" / "steward.sock"

    @settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests())
    @example(("wait", {"ids": [], "timeout": 1e-300}))
    @example(("wait", {"ids": ["x"], "timeout": -1e300}))
    @example(("errors", {"limit": -1}))
    @example(("errors", {"limit": 10**30}))
    @example(("messages", {"limit": 10**30}))
    @example(("messages", {"node": ["x"] * 40_000}))
    @example(("messages", {"state": ["queued"] * 40_000}))
    @example(("messages", {"cursor": "9" * 18, "text": "\0"}))
    @example(("message", {"id": None}))
    @example(("cancel", {"ids": [""]}))
    @example(("resolve", {"targets": ["[", "=", "@", "a=[", "*" * 200]}))
    @example(("submit", {"messages": [{"toNode": "x", "timeout": 10**400}]}))
    @example(("replay", {"lines": [{"event": "accepted"}, 5, {"event": "accepted", "id": []}]}))
    def ask(asked_for: tuple[str, Any]) -> None:
        method, params = asked_for
        if method == "wait" and isinstance(params, dict):
            at_most = params.get("timeout", 0)
            if isinstance(at_most, int | float) and at_most > 0.01:
                params = {**params, "timeout": 0.01}
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        for answer in asked(path, json.dumps(request).encode(), 1):
            if "error" in answer:
                error = answer["error"]
                assert error["code"] != INTERNAL_ERROR, (request, error)
                assert error["message"]

    await asyncio.to_thread(ask)
    await all_is_well(town)


async def test_any_bytes(town: Fleet) -> None:
    path = town.folder / "central" / "steward.sock"

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200))
    @example(b"[" * 200_000)
    @example(b'{"jsonrpc":"2.0","id":1,"method":"submit","params":' + b'{"messages":' * 50_000)
    @example(b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"status"}')
    @example(b'{"jsonrpc":"2.0","id":1e999,"method":"status"}')
    def ask(line: bytes) -> None:
        for answer in asked(path, line.replace(b"\n", b"")):
            assert answer.get("error", {}).get("code") != INTERNAL_ERROR, (line[:100], answer)

    await asyncio.to_thread(ask)
    await all_is_well(town)
