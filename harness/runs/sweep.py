"""Sweeps: one command line that stands for many runs, in Hydra's grammar and under any of its launchers.

With `harness.config.hydra_compose`, the only module that knows Hydra. Every job's configuration is checked before the
first one starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from harness.common.errors import UserError
from harness.config.compose import compose, explain
from harness.config.options import conf_dir
from harness.runs.settings import typed


def launch(overrides: Sequence[str], job: Callable[[list[str]], None]) -> None:
    """Run `job(overrides of one run)` for every combination that the overrides ask for.

    A comma list sweeps (model=ngram,lstm seed=0,1); an experiment may name more under `hydra.sweeper.params`. One after
    another in this process, unless hydra/launcher= or hydra/sweeper= picks another way, which is then Hydra's to go.
    Raises UserError before anything runs where one of the jobs is misconfigured.
    """
    jobs = check(overrides)
    for own in jobs:
        typed(compose(own))
    if runs_here(overrides):
        for own in jobs:
            job(own)
        return
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from harness.config.hydra_compose import REFUSALS, register

    def task(_: DictConfig) -> None:
        job(list(HydraConfig.get().overrides.task))

    register()
    main = hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(task)
    arguments = ["bakeoff", "--multirun", *overrides]
    try:
        with mock.patch.object(sys, "argv", arguments), mock.patch.dict(os.environ, HYDRA_FULL_ERROR="1"):
            main()
    except REFUSALS as error:
        raise UserError(str(error)) from None


def check(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job that a sweep stands for, each composed and checked. Raises UserError."""
    jobs = expand(overrides)
    for job in jobs:
        compose(job)
    return jobs


def runs_here(overrides: Sequence[str]) -> bool:
    """Whether the jobs run in this process, one after another: neither launcher nor sweeper is another than Hydra's
    basic one, on the command line or in an experiment file."""
    whole, _ = _parsed(overrides)
    choices = whole.hydra.runtime.choices
    return bool(choices["hydra/launcher"] == choices["hydra/sweeper"] == "basic")


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job of a sweep over lists and ranges, in the order in which Hydra runs them."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.errors import HydraException

    try:
        [jobs] = BasicSweeper.split_arguments(_parsed(overrides)[1], None)
    except HydraException as error:
        raise UserError(explain(str(error), list(overrides))) from None
    return [[part for part in job if not part.startswith("hydra")] for job in jobs]


def _parsed(overrides: Sequence[str]) -> tuple[Any, Any]:
    """The configuration of the sweep as a whole, and its overrides, those that an experiment names first."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    from harness.config.hydra_compose import REFUSALS, loader

    try:
        with loader() as found:
            whole = found.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
            named = [f"{key}={value}" for key, value in (whole.hydra.sweeper.get("params") or {}).items()]
            return whole, OverridesParser.create(found).parse_overrides([*named, *overrides])
    except REFUSALS as error:
        raise UserError(explain(str(error), list(overrides))) from None
