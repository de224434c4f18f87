"""What the options of evals, trainings and the like have in common."""

from __future__ import annotations


def check_least(options: object, **least: float) -> None:
    """ValueError unless each option that is named is its least allowed value or more: `check_least(self, seed=0)`."""
    for name, number in least.items():
        value = getattr(options, name)
        if value < number:
            raise ValueError(f"{name}={value} is not allowed: it must be {number} or more")
