"""The runner's requests: whatever a line says, it is answered, and the runner goes on."""

from __future__ import annotations

import pytest

from node.runner_requests import Refusal, checked_command, checked_stdin


def test_no_deadline_is_too_large() -> None:
    assert checked_command({"argv": ["true"], "deadline": 10**400}) == (["true"], {}, 1e9)


@pytest.mark.parametrize("deadline", [-1, float("nan"), True, "5", -(10**400)])
def test_a_deadline_that_is_none_is_refused(deadline: object) -> None:
    with pytest.raises(Refusal, match="deadline"):
        checked_command({"argv": ["true"], "deadline": deadline})


def test_what_a_command_reads_comes_in_base64() -> None:
    assert checked_stdin({"stdin": "AP8K"}) == b"\x00\xff\n"
    assert checked_stdin({}) == b""


@pytest.mark.parametrize("stdin", ["A", "AP8K!", "AP8K\n", 5, None, ["AP8K"], "ä"])
def test_what_is_no_base64_is_refused(stdin: object) -> None:
    with pytest.raises(Refusal, match="stdin"):
        checked_stdin({"stdin": stdin})
