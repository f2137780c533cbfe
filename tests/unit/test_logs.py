"""Logs: one line an event, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from steward import logs

log = logging.getLogger("steward.bus")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)


def tell() -> None:
    log.info("took\nit", extra={"message_id": "0199", "node": "ship\x1b1"})
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        log.exception("failed")


def test_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    tell()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["event"] == "took\nit"
    assert (first["message_id"], first["node"], first["level"]) == ("0199", "ship\x1b1", "info")
    assert first["time"].endswith("Z")
    assert second["error"] == "ValueError: bad\nthing"
    assert "Traceback" in second["traceback"]


def test_a_line_for_people_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    logs.set_up(stream=stream)
    tell()
    first, second = stream.getvalue().splitlines()
    assert first.endswith("info    bus: took␊it (message 0199) node=ship␛1")
    assert "error   bus: failed: ValueError: bad␊thing at test_logs.py:" in second


def test_the_level_is_kept_to() -> None:
    stream = io.StringIO()
    logs.set_up("warning", stream)
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]
    with pytest.raises(ValueError, match="Unknown level"):
        logs.set_up("lowd", stream)
