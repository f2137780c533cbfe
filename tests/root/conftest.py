"""A privileged runner for each test."""

from collections.abc import Iterator

import pytest

from tests.root.privileged import Privileged, privileged_runner


@pytest.fixture
def unit() -> Iterator[Privileged]:
    with privileged_runner() as it:
        yield it
