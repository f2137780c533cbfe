"""All targets, and how many inputs of a run each one gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.fuzz.broker import OverABroker
from tests.fuzz.config import Config
from tests.fuzz.control import Control
from tests.fuzz.inmsg import Inmsg
from tests.fuzz.inputs import Target
from tests.fuzz.lines import Lines
from tests.fuzz.wire import OnTheWire

TARGETS: Final[Mapping[str, Callable[[], Target]]] = {
    "config": Config, "lines": Lines, "inmsg": Inmsg, "control": Control, "wire": OnTheWire,
    "broker": OverABroker,
}  # fmt: skip


def shares(names: Sequence[str], inputs: int) -> dict[str, int]:
    """Inputs by target; together at least as many as asked for."""
    weights = {name: TARGETS[name]().share for name in names}
    return {
        name: -int(-inputs * weight // sum(weights.values())) for name, weight in weights.items()
    }
