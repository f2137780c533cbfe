"""Each rule of DESIGN.md section 2 switched off as a deliberate bug, for the simulator to catch.

The product has no flags for this: a mutant overrides methods of the core, of the scheduler or of
the simulated store when a node boots. Where a random world shows one in a hundred runs or less, a
directed test does it: no probe (``tests/unit/test_another_store.py``), a gap ignored for ever and
nothing known after a renewal (``test_renewal.py``), a shortened frame believed whole
(``test_shortened_frames.py``), no look at the expiry on recovery (``test_schedule.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.property import mutated_execution as execution
from tests.property import mutated_receiver as receiver
from tests.property import mutated_sender as sender
from tests.property import profiles
from tests.property.profiles import Profile
from tests.property.sim_node import SimNode
from tests.property.world import Parts


class Mutant(NamedTuple):
    """A rule, off; where it shows; and within how many seeds it has to."""

    rule: str
    parts: Parts
    profile: Profile
    seeds: int = 300


def change(fn: Callable[[SimNode], None]) -> Parts:
    return Parts(change=fn)


MUTANTS: dict[str, Mutant] = {
    "no duplicate detection": Mutant("4", change(receiver.no_duplicate_detection), profiles.PLAIN),
    "a time window instead of last": Mutant(
        "4", change(receiver.window_instead_of_last), profiles.PLAIN
    ),
    "start before started is committed": Mutant(
        "section 3", Parts(executor=execution.StartBeforeCommit), profiles.RACE
    ),
    "re-run after a crash": Mutant(
        "section 3", Parts(executor=execution.RunAgainAfterCrash), profiles.PLAIN
    ),
    "no expiry check at start": Mutant(
        "11", Parts(executor=execution.NoExpiryAtStart), profiles.PLAIN
    ),
    "raw expiry on a skewed clock": Mutant("11", change(sender.raw_expiry), profiles.PLAIN),
    "receipt before commit": Mutant("4", Parts(node=receiver.ReceiptBeforeCommit), profiles.PLAIN),
    "bound only when receipted": Mutant("2", change(sender.bound_when_receipted), profiles.WIPED),
    "tombstone final before its receipt": Mutant(
        "7", change(sender.tombstone_is_final), profiles.PLAIN
    ),
    "verdicts not repeated": Mutant("5", change(receiver.verdicts_not_repeated), profiles.PLAIN),
    "any receipt judged": Mutant("5", change(sender.any_receipt_is_judged), profiles.RACE),
    "only the newest tx judged": Mutant(
        "5", change(sender.only_the_newest_is_judged), profiles.SLOW
    ),
    "voided although started": Mutant("4", change(receiver.voided_although_started), profiles.RACE),
    "base moved before settling": Mutant(
        "5", change(sender.base_moved_before_settling), profiles.PLAIN
    ),
    "instance adopted from a hello": Mutant(
        "9", change(sender.adopted_from_a_hello), profiles.WIPED
    ),
    "no new seq for a new instance": Mutant(
        "9", change(sender.no_seq_for_the_new_instance), profiles.WIPED
    ),
    "cancel lost when it crosses the receipt": Mutant(
        "7", change(sender.cancel_lost_when_it_crosses), profiles.PLAIN
    ),
    "out-of-order start": Mutant(
        "section 3",
        Parts(executor=execution.AnyOrder, plan=execution.plan_any_order),
        profiles.PLAIN,
    ),
    "one frame per node instead of per stream": Mutant(
        "2", change(sender.one_frame_per_node), profiles.PLAIN
    ),
    "an event of a lost store ends never": Mutant(
        "9", change(sender.lost_events_end_never), profiles.WIPED
    ),
}
