"""Options of sweeps and launchers: what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from harness.workers.settings import Slurm, SweepSettings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers=0"),
        ({"workers": 5000}, "1 to 1,024, or null"),
        ({"retries": -1}, "retries=-1 is not allowed: it must be 0 or more"),
    ],
)
def test_impossible_sweeps_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SweepSettings(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"tasks": 0},
        {"cpus_per_task": 0},
        {"time": "1 hour"},
        {"memory": "4G; reboot"},
        {"partition": "two words"},
        {"options": ("--gres=gpu:1 --exclusive",)},
        {"options": ("gres",)},
        {"options": ("--comment=$(reboot)",)},
    ],
)
def test_what_slurm_would_read_otherwise_is_refused(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(ValueError, match=f"^{name}="):
        Slurm(**options)


def test_a_worker_gets_the_sweep_s_options_as_flags() -> None:
    assert SweepSettings().flags == ["--retries=0"]
    assert SweepSettings(fail_fast=True, retries=2).flags == ["--retries=2", "--fail-fast"]
