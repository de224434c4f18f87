"""Checks shared by the options of evals, training and others."""

from __future__ import annotations

LARGEST = 2**63 - 1
"""The largest whole number that an option may have: tables of results hold no larger one."""


def check_option(options: object, name: str, possible: bool, allowed: str) -> None:
    """ValueError with the option's name and value, unless it is `possible`."""
    if not possible:
        raise ValueError(f"{name}={getattr(options, name)!r} is not allowed: it must be {allowed}")


def check_least(options: object, **least: float) -> None:
    """ValueError where a named option is below its least allowed value: `check_least(self, seed=0)`."""
    for name, number in least.items():
        check_option(options, name, getattr(options, name) >= number, f"{number} or more")


def check_most(options: object, **most: int) -> None:
    """ValueError where a named option is above its greatest allowed value: `check_most(self, num_beams=10_000)`."""
    for name, number in most.items():
        check_option(options, name, getattr(options, name) <= number, f"{number:,} or less")
