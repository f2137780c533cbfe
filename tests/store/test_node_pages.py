"""The roster over the control socket, page by page, is the roster."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from node.api.nodes import NodeApi
from node.outcomes import Hello
from node.views import NodeViews
from steward.control.address import Caller
from steward.errors import UsageError
from steward.subjects import NodeName
from steward.tables import Tables
from tests.store.conftest import ME, SqliteLedger, at, message

NAMES = ["b1", "b10", "b2", "central", "d", "dreamt"]
SETTINGS = SimpleNamespace(node=ME, labels={}, hello_interval=15.0)


class Reads:
    """As much of a store as reading takes."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, unit: Callable[[Tables], object]) -> object:
        return unit(self._tables)


@pytest.fixture
def api(box: SqliteLedger) -> NodeApi:
    for name in ("d", "b2", "b1", "b10"):
        said = Hello(
            start="s", boot_id="b", machine_id="m", version="1", interval=15.0, uptime=1.0,
            clock=1.0,
        )  # fmt: skip
        box.tables.records.hello(NodeName(name), "store", "s", said, at(1))
    box.outbox.submit([message(to=NodeName("dreamt"))], 0, at(1), None)
    box.tables.end()
    views = NodeViews(MagicMock(settings=SETTINGS, now=lambda: at(2)))
    house: Any = MagicMock()
    store: Any = Reads(box.tables)
    return NodeApi(house, store, MagicMock(), views, MagicMock())


async def asked(api: NodeApi, **params: Any) -> Any:
    caller: Caller = MagicMock()
    return await api.handlers()["nodes"](params, caller)


@pytest.mark.parametrize("limit", range(1, 8))
async def test_pages_miss_nothing_and_repeat_nothing(api: NodeApi, limit: int) -> None:
    whole = (await asked(api))["nodes"]
    assert [node["name"] for node in whole] == NAMES
    found, after, pages = [], "", 0
    while after is not None:
        page = await asked(api, limit=limit, after=after)
        found += page["nodes"]
        after, pages = page["cursor"], pages + 1
    assert found == whole
    assert pages == -(-len(NAMES) // limit)


async def test_some_names_come_in_pages_too(api: NodeApi) -> None:
    page = await asked(api, names=["d", "nobody", "b2", "b1"], limit=2)
    assert [node["name"] for node in page["nodes"]] == ["b1", "b2"]
    page = await asked(api, names=["d", "nobody", "b2", "b1"], after=page["cursor"])
    assert ([node["name"] for node in page["nodes"]], page["cursor"]) == (["d"], None)
    assert (await asked(api, after="zzz"))["nodes"] == []


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_limit_that_is_none_is_refused(api: NodeApi, limit: int) -> None:
    with pytest.raises(UsageError):
        await asked(api, limit=limit)
