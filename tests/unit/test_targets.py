"""Which nodes a target means."""

import pytest

from node.targets import resolve
from steward.errors import InvalidMessage

KNOWN = {
    "central": {},
    "ship1": {"env": "prod"},
    "ship2": {"env": "test"},
    "ship3": None,
    "shore": {},
}
GROUPS = {"north": ("ship1", "sho*", "env=test"), "none": ()}


def test_names_globs_labels_and_groups_each_once_in_their_order() -> None:
    answer = resolve(["ship2", "ship*", "env=prod", "@north"], KNOWN, GROUPS)
    assert answer == {"nodes": ["ship2", "ship1", "ship3", "shore"], "unseen": [], "nothing": []}


def test_a_name_that_was_sent_to_but_never_heard_of_is_still_unseen() -> None:
    assert resolve(["ship3"], KNOWN, GROUPS)["unseen"] == ["ship3"]


def test_a_label_of_any_value_means_those_that_have_it() -> None:
    assert resolve(["env=*"], KNOWN, GROUPS)["nodes"] == ["ship1", "ship2"]


def test_a_name_never_seen_is_taken_and_said() -> None:
    assert resolve(["ship9"], KNOWN, GROUPS) == {
        "nodes": ["ship9"],
        "unseen": ["ship9"],
        "nothing": [],
    }


def test_what_matches_nothing_is_said() -> None:
    targets = ["boat*", "env=live", "@none", "@nobody"]
    assert resolve(targets, KNOWN, GROUPS)["nothing"] == targets


def test_a_name_that_cannot_be_one_is_an_error() -> None:
    with pytest.raises(InvalidMessage, match="not a node name"):
        resolve(["ship 1"], KNOWN, GROUPS)
