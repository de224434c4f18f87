"""How a sweep is worked on: options of the commands `run -m`, `compare` and `work`, which are part of no run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.common.options import check_least, check_option


@dataclass(frozen=True)
class SweepSettings:
    """How many processes work on a sweep, and what they do about failures."""

    workers: int | None = None
    """Processes at once. None: one for each core, or for each graphics card."""
    fail_fast: bool = False
    """Whether everything stops when a run fails."""
    retries: int = 0
    """How often a run that failed is tried again at once."""

    @property
    def flags(self) -> list[str]:
        """The words with which `bakeoff work` gets them."""
        return [f"--retries={self.retries}", *(["--fail-fast"] if self.fail_fast else [])]

    def __post_init__(self) -> None:
        check_option(self, "workers", self.workers is None or 1 <= self.workers <= 1024, "1 to 1,024, or null")
        check_least(self, retries=0)


class Launcher:
    """Where the workers of a sweep run."""


@dataclass(frozen=True)
class Local(Launcher):
    """On this machine."""


@dataclass(frozen=True)
class Slurm(Launcher):
    """As an array job of Slurm."""

    tasks: int | None = None
    """Tasks of the array. None: one for each run, at most 16."""
    cpus_per_task: int = 2
    time: str = "04:00:00"
    memory: str | None = None
    partition: str | None = None
    options: tuple[str, ...] = ()
    """More options of sbatch."""
    only_write: bool = False
    """Whether the script is only written, and not submitted."""

    def __post_init__(self) -> None:
        check_option(self, "tasks", self.tasks is None or self.tasks >= 1, "1 or more, or null")
        check_least(self, cpus_per_task=1)
        for name in ("time", "memory", "partition"):
            value = getattr(self, name)
            check_option(self, name, value is None or bool(re.fullmatch(r"[\w:.,-]+", value)), "as Slurm writes it")
        check_option(
            self,
            "options",
            all(re.fullmatch(r"--[\w-]+(=[\w:.,@%/+-]*)?", option) for option in self.options),
            'options of sbatch, as ["--gres=gpu:1"]',
        )
