"""Sweeps: one command line that stands for many runs, expanded and launched by Hydra.

With `harness.config`, the only module that knows Hydra. Every job's configuration is checked before the first one
starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from unittest import mock

from harness.config import compose, conf_dir, explain
from harness.errors import UserError


def launch(overrides: Sequence[str], job: Callable[[list[str]], None]) -> None:
    """Run `job(overrides of one run)` for every combination that the overrides ask for, under Hydra's launcher.

    A comma list sweeps (model=ngram,lstm seed=0,1); an experiment may name more under `hydra.sweeper.params`. Launchers
    are picked with hydra/launcher=. Raises UserError before anything runs where one of the jobs is misconfigured.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    check(overrides)

    def task(_: DictConfig) -> None:
        job(list(HydraConfig.get().overrides.task))

    main = hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(task)
    try:
        with (
            mock.patch.object(sys, "argv", ["bakeoff", "--multirun", *overrides]),
            mock.patch.dict(os.environ, HYDRA_FULL_ERROR="1"),
        ):
            main()
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(str(error)) from None


def check(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job that a sweep stands for, each composed and checked. Raises UserError."""
    jobs = expand(overrides)
    for job in jobs:
        compose(job)
    return jobs


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job of a sweep over lists and ranges, in the order in which Hydra runs them."""
    from hydra import initialize_config_dir
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf.errors import OmegaConfBaseException

    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            whole = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
            named = [f"{key}={value}" for key, value in (whole.hydra.sweeper.get("params") or {}).items()]
            parsed = OverridesParser.create(loader).parse_overrides([*named, *overrides])
            [jobs] = BasicSweeper.split_arguments(parsed, None)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(str(error), list(overrides))) from None
    finally:
        GlobalHydra.instance().hydra = outer
    return [[part for part in job if not part.startswith("hydra")] for job in jobs]
