"""Mutation of JSON by its structure and of anything by its bytes; a function of the random source
that is handed in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.fuzz.values import (
    BROKEN,
    HUGE,
    HUGE_EVERY,
    NUMBERS,
    OTHERS,
    PIECES,
    STRINGS,
    WORDS,
    Raw,
    text,
)

Tree = Any
"""``Object``, list, or ``Raw``: bytes that are written as they are."""


class Object(list[tuple[bytes, Tree]]):
    """An object's keys and values in order: keys may repeat."""


def parse(document: bytes) -> Tree:
    """JSON, to be mutated."""
    return _tree(json.loads(document, object_pairs_hook=_Pairs))


class _Pairs(list[tuple[str, Any]]):
    pass


def _tree(value: Any) -> Tree:
    if isinstance(value, _Pairs):
        return Object((json.dumps(key).encode(), _tree(item)) for key, item in value)
    if isinstance(value, list):
        return [_tree(item) for item in value]
    return Raw(json.dumps(value).encode())


def written(tree: Tree) -> bytes:
    """The bytes of it."""
    if isinstance(tree, Raw):
        return bytes(tree)
    if isinstance(tree, Object):
        return b"{" + b",".join(key + b":" + written(item) for key, item in tree) + b"}"
    return b"[" + b",".join(map(written, tree)) + b"]"


def hostile(rng: Random, like: Tree = None) -> Raw:
    """A value that nobody should hand in here; mostly JSON, and often of the type of ``like``."""
    if rng.randrange(HUGE_EVERY) == 0:
        return Raw(rng.choice(HUGE)())
    luck = rng.random()
    if luck < 0.12:
        return rng.choice(BROKEN)
    if luck < 0.6 and isinstance(like, Raw):
        return rng.choice(STRINGS if like.startswith(b'"') else NUMBERS)
    return rng.choice(rng.choice((STRINGS, NUMBERS, OTHERS)))


def _inside(rng: Random, value: Raw, others: Sequence[Tree]) -> Raw:
    """A text that is JSON itself, changed by its structure; by its letters once it is none."""
    inner = json.loads(value).encode("utf-8", "surrogatepass")
    try:
        changed = structure(rng, parse(inner), others)
    except (ValueError, RecursionError):
        changed = spoil(rng, inner, (b"}",))
    return text(changed.decode("utf-8", "replace"))


def _spots(tree: Tree, found: list[tuple[Any, int]]) -> list[tuple[Any, int]]:
    """Every place that holds a value: (container, index)."""
    if not isinstance(tree, Raw):
        for n, item in enumerate(tree):
            found.append((tree, n))
            _spots(item[1] if isinstance(tree, Object) else item, found)
    return found


def _copy(tree: Tree) -> Tree:
    if isinstance(tree, Object):
        return Object((key, _copy(item)) for key, item in tree)
    return tree if isinstance(tree, Raw) else [_copy(item) for item in tree]


def structure(rng: Random, tree: Tree, others: Sequence[Tree]) -> bytes:
    """One to three changes to a copy of ``tree``; ``others``: what parts may come from."""
    tree = _copy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        spots = _spots(tree, [])
        if not spots:
            return bytes(hostile(rng))
        holder, n = rng.choice(spots)
        key, value = holder[n] if isinstance(holder, Object) else (b"", holder[n])
        how = rng.randrange(10)
        if isinstance(value, Raw) and value.startswith(b'"{') and rng.random() < 0.8:
            value = _inside(rng, value, others)
        elif how < 5:
            value = hostile(rng, value)
        elif how == 5:
            del holder[n]
            continue
        elif how == 6:
            holder.insert(rng.randrange(len(holder) + 1), holder[n])
            continue
        elif how == 7:
            other, m = rng.choice(spots)
            theirs = other[m][1] if isinstance(other, Object) else other[m]
            value = _copy(theirs)
        elif how == 8:
            borrowed = _spots(rng.choice(others), [])
            if borrowed:
                other, m = rng.choice(borrowed)
                value = _copy(other[m][1] if isinstance(other, Object) else other[m])
        elif rng.random() < 0.5:
            value = [value] if rng.random() < 0.5 else Object([(b'"x"', value)])
        else:
            key = text(rng.choice(WORDS)) if rng.random() < 0.8 else Raw(hostile(rng))
        holder[n] = (key, value) if isinstance(holder, Object) else value
    return written(tree)


def spoil(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to four changes to the bytes, whatever they mean."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(spoilt) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 64))
        how = rng.randrange(9)
        if how <= 1 and at < len(spoilt):
            spoilt[at] ^= 1 << rng.randrange(8)
        elif how == 2:
            spoilt[at:at] = rng.choice(PIECES)
        elif how == 3:
            spoilt[at:at] = rng.randbytes(length)
        elif how == 4:
            del spoilt[at : at + length]
        elif how == 5:
            del spoilt[at:]
        elif how == 6:
            spoilt[at:at] = spoilt[at : at + length] * rng.choice((1, 2, 30))
        elif how == 7:
            other = rng.choice(others)
            cut = rng.randrange(len(other) + 1)
            spoilt[at:] = other[cut:]
        else:
            spoilt += rng.choice(others)
    return bytes(spoilt)


class Corpus:
    """Valid documents, and mutations of them."""

    def __init__(self, documents: Sequence[bytes]) -> None:
        self.documents = documents
        self.trees = [parse(document) for document in documents]

    def mutated(self, rng: Random, *, intact: float = 0.03) -> bytes:
        """A spoilt one; ``intact``: the share that is left as it is."""
        n = rng.randrange(len(self.documents))
        luck = rng.random()
        if luck < intact:
            return self.documents[n]
        data = self.documents[n]
        if luck < 0.85:
            data = structure(rng, self.trees[n], self.trees)
        if luck > 0.8:
            data = spoil(rng, data, self.documents)
        return data
