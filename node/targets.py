"""PURE: which nodes a list of targets means: names, globs, labels and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from steward.subjects import node_name

Known = Mapping[str, Mapping[str, str] | None]
"""The labels of every node that is known, by name; None: it was sent to, but never heard of."""


def resolve(
    targets: Sequence[str],
    known: Known,
    groups: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """``nodes`` in the order of the targets, each once; ``unseen``: the
    literal names that nothing was ever heard of; ``nothing``: patterns that matched no node.
    Raises InvalidMessage for a name that can't be one."""
    nodes: dict[str, None] = {}
    unseen: list[str] = []
    nothing: list[str] = []
    for target in targets:
        if is_literal(target):
            name = node_name(target)
            nodes[name] = None
            if known.get(name) is None:
                unseen.append(name)
            continue
        matched = _matched(target, known, groups)
        nodes |= dict.fromkeys(matched)
        if not matched:
            nothing.append(target)
    return {"nodes": list(nodes), "unseen": unseen, "nothing": nothing}


def is_literal(target: str) -> bool:
    """Whether it is a name, and no pattern, label or group."""
    return not (target.startswith("@") or "=" in target or any(c in target for c in "*?["))


def _matched(target: str, known: Known, groups: Mapping[str, Sequence[str]]) -> list[str]:
    if target.startswith("@"):
        members = groups.get(target[1:], ())
        return list(dict.fromkeys(name for m in members for name in _selected(m, known)))
    return _selected(target, known)


def _selected(pattern: str, known: Known) -> list[str]:
    """What a name, a glob or a label means; a group's members are such."""
    if is_literal(pattern):
        return [pattern]
    if "=" in pattern:
        key, _, value = pattern.partition("=")
        labels = {n: own[key] for n, own in known.items() if own and key in own}
        return sorted(n for n, label in labels.items() if fnmatchcase(label, value))
    return sorted(n for n in known if fnmatchcase(n, pattern))
