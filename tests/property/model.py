"""Hypothesis does to the handoff between real databases whatever it thinks of.

Many histories: ``python -m tests.property.model --examples N [--first-seed S]``.
"""

from __future__ import annotations

import argparse
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.model_machine import HandoffModel

STEPS = 60


def run(
    examples: int,
    model: type[HandoffModel] = HandoffModel,
    *,
    first_seed: int = 0,
    shrinks: bool = True,
) -> None:
    """Raises what the first failing history breaks, with its steps.

    A seed has ten histories: later ones hypothesis makes from earlier ones, with little new."""
    for number in range(first_seed, first_seed + -(-examples // 10)):
        phases = [Phase.generate, Phase.shrink] if shrinks else [Phase.generate]
        run_state_machine_as_test(
            seed(number)(model),
            settings=settings(
                max_examples=10,
                stateful_step_count=STEPS,
                suppress_health_check=list(HealthCheck),
                phases=phases,
                database=None,
                deadline=None,
            ),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.perf_counter()
    run(asked.examples, first_seed=asked.first_seed)
    seconds = time.perf_counter() - began
    print(f"{asked.examples} histories of up to {STEPS} steps, {seconds:.0f} s")
    for what, count in HandoffModel.seen.most_common():
        print(f"{count:9,} {what}")


if __name__ == "__main__":
    main()
