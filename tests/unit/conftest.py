"""Fixtures: a daemon in memory, ``steward`` run in this process, and two cores that talk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from steward.cli import main
from tests.ends import Clock, End
from tests.fake_daemon import FakeDaemon


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Steward = Callable[..., Ran]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def steward(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Steward:
    """Run a command line; its exit status, and what it printed."""
    monkeypatch.setenv("STEWARD_STATE_DIR", str(tmp_path))

    def run(*argv: str) -> Ran:
        with pytest.raises(SystemExit) as end:
            main(argv)
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Ran(end.value.code, out, err)

    return run


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def s(clock: Clock) -> End:
    """The sender."""
    return End("S", clock)


@pytest.fixture
def r(clock: Clock) -> End:
    """The receiver."""
    return End("R", clock)
