"""The runner's requests: whatever a line says, it is answered, and the runner goes on."""

from __future__ import annotations

import pytest

from node.runner import Refusal, checked_command


def test_no_deadline_is_too_large() -> None:
    assert checked_command({"argv": ["true"], "deadline": 10**400}) == (["true"], {}, 1e9)


@pytest.mark.parametrize("deadline", [-1, float("nan"), True, "5", -(10**400)])
def test_a_deadline_that_is_none_is_refused(deadline: object) -> None:
    with pytest.raises(Refusal, match="deadline"):
        checked_command({"argv": ["true"], "deadline": deadline})
