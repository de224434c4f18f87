"""Checks shared by the options of evals, training and others."""

from __future__ import annotations


def check_least(options: object, **least: float) -> None:
    """ValueError where a named option is below its least allowed value: `check_least(self, seed=0)`."""
    for name, number in least.items():
        value = getattr(options, name)
        if value < number:
            raise ValueError(f"{name}={value} is not allowed: it must be {number} or more")
