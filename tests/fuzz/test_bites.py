"""Bugs that are planted are found, made small and kept; the file fails again while the bug is
there, and passes once it has gone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from node import intake_reading, runner, runner_requests
from node.api.messages import MessageApi
from node.intake_parser import Element, Garbage, parse
from node.methods import Event
from node.outcomes import Hello, told
from node.presence import Roster
from steward import fields
from steward.errors import FrameError
from steward.frames import Frame, Notice
from steward.handoff.receipts import Receipts
from steward.mailbox import Incoming
from steward.subscriber import Subscribers
from steward.supervisor import Process
from tests.fuzz.campaign import Failed, replay, run
from tests.fuzz.inputs import load
from tests.fuzz.targets import TARGETS

Bug = Callable[[], Any]
"""Makes what plants it while it is entered."""


def a_field_that_need_not_be_there() -> Any:
    real = Subscribers._letter

    def letter(self: Subscribers, arrived: Incoming) -> Frame | Notice:
        found = real(self, arrived)
        json.loads(arrived.payload)["sig"][0:0]
        if isinstance(found, Frame):
            json.loads(arrived.payload)["body"]["instance"]
        return found

    return mock.patch.object(Subscribers, "_letter", letter)


def a_table_that_is_never_empty() -> Any:
    real = Roster.heard

    def heard(self: Roster, tables: Any, event: Event, now: Any) -> None:
        next(iter(told(event.body, Hello).labels))
        real(self, tables, event, now)

    return mock.patch.object(Roster, "heard", heard)


def a_reason_that_is_never_empty() -> Any:
    real = Receipts._judge

    def judge(self: Receipts, *given: Any) -> Any:
        wake = real(self, *given)
        receipt, tx = given[2], given[4]
        if tx is not None and wake:
            [verdict.reason[0] for verdict in receipt.verdicts.values()]
        return wake

    return mock.patch.object(Receipts, "_judge", judge)


def a_refusal_that_nobody_hears_of() -> Any:
    real = Subscribers._take

    async def take(self: Subscribers, process: Process, arrived: Incoming) -> None:
        try:
            self._letter(arrived)
        except FrameError as error:
            if "wire version" in error.text:
                return
        await real(self, process, arrived)

    return mock.patch.object(Subscribers, "_take", take)


def a_parameter_that_is_taken_for_granted() -> Any:
    real = MessageApi._message

    async def show(self: MessageApi, params: dict[str, Any], caller: Any) -> object:
        params["id"]
        return await real(self, params, caller)

    return mock.patch.object(MessageApi, "_message", show)


def data_of_any_type() -> Any:
    return mock.patch.object(fields, "data", tuple)


def garbage_that_vanishes() -> Any:
    def only_elements(*given: Any, **more: Any) -> Iterator[Element | Garbage]:
        return (item for item in parse(*given, **more) if isinstance(item, Element))

    return mock.patch.object(intake_reading, "parse", only_elements)


def a_table_that_may_be_none() -> Any:
    return mock.patch.object(
        sys.modules["steward.config.load"], "_object", lambda value, where: value
    )


def a_number_too_large() -> Any:
    real = runner_requests.checked_command

    def checked(request: dict[str, Any]) -> Any:
        float(request.get("deadline") or 0)
        return real(request)

    return mock.patch.object(runner, "checked_command", checked)


BUGS: list[tuple[str, int, Bug]] = [
    ("wire", 2000, a_field_that_need_not_be_there),
    ("wire", 8000, a_table_that_is_never_empty),
    ("wire", 3000, a_refusal_that_nobody_hears_of),
    ("control", 2000, a_parameter_that_is_taken_for_granted),
    ("inmsg", 2000, data_of_any_type),
    ("inmsg", 2000, garbage_that_vanishes),
    ("config", 2000, a_table_that_may_be_none),
    ("lines", 20_000, a_number_too_large),
]


@pytest.mark.parametrize(("name", "inputs", "bug"), BUGS, ids=[bug.__name__ for *_, bug in BUGS])
async def test_a_planted_bug_is_found(name: str, inputs: int, bug: Bug, tmp_path: Path) -> None:
    target = TARGETS[name]()
    with bug():
        with pytest.raises(Failed, match="seed 1") as failed:
            await run(target, inputs, 1, tmp_path)
        found, small = load(failed.value.path)
        assert (found, small) == (name, failed.value.inputs)
        assert len(small) <= 8
        with pytest.raises(Exception, match=r"."):
            await replay(target, small)
    await replay(target, small)


async def test_a_bug_that_takes_a_dialogue_is_found(tmp_path: Path) -> None:
    """A question has to be answered, and a frame be receipted, before it shows."""
    with a_reason_that_is_never_empty(), pytest.raises(Failed, match="IndexError"):
        await run(TARGETS["wire"](), 8000, 1, tmp_path)
