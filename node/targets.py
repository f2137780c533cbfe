"""PURE: which nodes a list of targets means: names, globs, labels and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from steward.subjects import node_name


def resolve(
    targets: Sequence[str],
    known: Mapping[str, Mapping[str, str]],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """``known``: labels by node. ``nodes`` in the order of the targets, each once; ``unseen``: the
    literal names that nothing was ever heard of; ``nothing``: patterns that matched no node.
    Raises InvalidMessage for a name that can't be one."""
    nodes: dict[str, None] = {}
    unseen: list[str] = []
    nothing: list[str] = []
    for target in targets:
        if _is_literal(target):
            name = node_name(target)
            nodes[name] = None
            if name not in known:
                unseen.append(name)
            continue
        matched = _matched(target, known, groups)
        nodes |= dict.fromkeys(matched)
        if not matched:
            nothing.append(target)
    return {"nodes": list(nodes), "unseen": unseen, "nothing": nothing}


def _is_literal(target: str) -> bool:
    return not (target.startswith("@") or "=" in target or any(c in target for c in "*?["))


def _matched(
    target: str, known: Mapping[str, Mapping[str, str]], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    if target.startswith("@"):
        members = groups.get(target[1:], ())
        return [n for n in dict.fromkeys(x for m in members for x in _members(m, known))]
    if "=" in target:
        key, _, value = target.partition("=")
        return sorted(n for n, labels in known.items() if fnmatchcase(labels.get(key, ""), value))
    return sorted(n for n in known if fnmatchcase(n, target))


def _members(member: str, known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A group lists names and globs."""
    return [member] if _is_literal(member) else sorted(n for n in known if fnmatchcase(n, member))
