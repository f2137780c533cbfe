"""What stays is not looked at again and again: the collector's full rounds are what a hand feels.

With ten thousand nodes there are half a million objects, and a full round over them takes a tenth
of a second, in the middle of a keystroke. Nearly all of them die by their count, without it.
"""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 10_000, 20, 20
"""New objects until the collector looks at them; rounds until at older ones, and until at all."""


def settle() -> None:
    """All that there is now is here to stay: libraries, style sheets, a roster."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    gc.freeze()
