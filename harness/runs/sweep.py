"""Sweeps: one command line for many runs, in Hydra's grammar.

Only this module and `harness.config.hydra_compose` use Hydra. Every run's configuration is composed and checked before
the first run starts.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.common.errors import UserError, closest
from harness.config.compose import compose, explain
from harness.config.options import GROUPS, LISTS, YAML, check_target, is_file, option, options
from harness.config.overrides import readable
from harness.config.plugins import SUFFIX
from harness.config.settings import build
from harness.config.unused import refuse_unused
from harness.runs.settings import RunSettings, check_top_level, refuse_solved_width, typed

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_MOST_RUNS = 10_000
OF_SWEEPS = ("sweep", "launcher")
"""The groups of settings of a whole sweep, which are part of no run."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep."""

    overrides: Sequence[str]
    settings: RunSettings


@dataclass(frozen=True)
class Sweep:
    """The runs that a command line asks for."""

    overrides: Sequence[str]
    """The user's overrides, quoted where Hydra's grammar needs it."""
    jobs: Sequence[Job]
    """Every combination of the lists that are swept, in the order in which Hydra runs them."""


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_logarithmic: bool
    """Whether the logarithm is drawn evenly."""
    is_whole: bool
    """Whether only whole numbers are meant."""

    def check(self, key: str) -> None:
        """UserError where it holds no numbers to draw from."""
        if self.low >= self.high or (self.is_logarithmic and self.low <= 0):
            raise UserError(_no_interval(f"{key} from {self.low:g} to {self.high:g}", key))


def _no_interval(asked: str, key: str) -> str:
    return (
        f"{asked} is no interval of numbers. Write the lower end first, as {key}=interval(0,0.5); or "
        f"{key}=tag(log,interval(1e-4,1e-2)), above 0, to draw the logarithm evenly; or {key}=int(interval(1,4)) for "
        "whole numbers."
    )


@dataclass(frozen=True)
class Setting:
    """A key that is set, with the values that it may take."""

    owner: str
    """The pick whose runs it applies to, as 'model=ngram'; '' for all."""
    key: str
    values: Sequence[str] | Interval
    """As they are written in overrides; one where it isn't swept."""


def settings_of(overrides: Sequence[str]) -> list[Setting]:
    """What the overrides set, before they are expanded: first the sweep of a picked experiment, then the user's. Of two
    of one key, the last one counts. UserError where a list is empty."""
    parsed = _parsed(readable(overrides, sweeps=True))[1]
    files = _files(parsed)
    settings = [_setting(override, files) for override in parsed]
    return list({(setting.owner, setting.key): setting for setting in settings}.values())


def settings_in(written: Mapping[str, object]) -> list[Setting]:
    """What the keys of a YAML file set, whose values are written as in overrides: '1,2,4', 'interval(0,1)'."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from harness.config.hydra_compose import REFUSALS

    try:
        parsed = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in written.items()])
    except REFUSALS as error:
        raise UserError(" ".join(str(error).split())) from None
    return [_setting(override, {}) for override in parsed]


def _setting(override: Override, files: Mapping[str, str]) -> Setting:
    from hydra.core.override_parser.types import IntervalSweep

    owner, key = _owner(override.get_key_element(), files)
    value = override.value()
    if not isinstance(value, IntervalSweep):
        return Setting(owner, key, _values(override))
    low, high, tags = value.start, value.end, {tag.lower() for tag in value.tags}
    assert low is not None
    assert high is not None
    if tags - {"log"}:
        raise UserError(_no_interval(str(override.input_line), key))
    return Setting(owner, key, Interval(low, high, "log" in tags, isinstance(low, int) and isinstance(high, int)))


def sweep(overrides: Sequence[str]) -> Sweep:
    """The sweep that the overrides ask for. UserError where one of its jobs is misconfigured.

    A comma list makes a sweep (model=ngram,lstm seed=0,1). An experiment may add lists under `hydra.sweeper.params`,
    and pick another hydra/launcher or hydra/sweeper. model.ngram.order=5 sets model.order for the runs with
    model=ngram, and model.ngram.post=[sft] picks post=[sft] for them. post.sft.replay=0.2 goes to the runs whose post=
    has sft, where some have.
    """
    overrides = readable(overrides, sweeps=True)
    composed = []
    for own in expand(overrides):
        config = compose(own)
        check_top_level(config)  # what is swept most, as seeds, is told before more is imported
        composed.append((own, config))
    refuse_unused(overrides, (config for _, config in composed))
    jobs = [Job(own, typed(config)) for own, config in composed]
    refuse_solved_width(overrides, [job.settings for job in jobs])
    _refuse_other_launchers(overrides)
    return Sweep(overrides, jobs)


def of_command(overrides: Sequence[str]) -> list[Setting]:
    """What is set of the command itself, as sweep.workers; see `command_settings`."""
    return [each for each in settings_of(overrides) if group_of(each.key) in OF_SWEEPS]


def _refuse_other_launchers(overrides: Sequence[str]) -> None:
    """UserError where Hydra's own plugins are asked to start or to pick the runs."""
    choices = _parsed(overrides)[0].hydra.runtime.choices
    for kind, instead in (
        ("launcher", "sweep.workers=4 (processes on this machine) or launcher=slurm"),
        ("sweeper", "comma lists, or `bakeoff tune` to search"),
    ):
        if (name := choices[f"hydra/{kind}"]) != "basic":
            raise UserError(
                f"hydra/{kind}={name} is not used here: bakeoff starts the runs of a sweep itself, so that it survives "
                f"when a process or a machine is lost. Leave it out, and use {instead}."
            )


T = TypeVar("T")


def command_settings(group: str, kind: type[T], settings: Sequence[Setting], default: str = "default") -> T:
    """The settings of a command itself, which are part of no run: tune.trials, sweep.workers, launcher=slurm.

    default: the option of the group where none is picked. UserError where an option doesn't exist, or has several
    values.
    """
    from harness.config.hydra_compose import value_of

    own = [setting for setting in settings if group_of(setting.key) == group]
    for setting in own:
        if isinstance(setting.values, Interval) or len(setting.values) > 1:
            raise UserError(f"{setting.key} has several values, but a command has one. Give one.")
    names = {setting.key: setting.values[0] for setting in own if not isinstance(setting.values, Interval)}
    picked = option(group, names.pop(group, default))
    check_target(picked, picked.content)
    content = dict(picked.content)
    for key, value in names.items():
        name = key.partition(".")[2]
        allowed = [f"{group}.{each}" for each in content if not each.startswith("_")]
        if key not in allowed:
            near = closest(key, allowed)
            raise UserError(f"{key} is not an option.{near} Allowed: {', '.join(allowed) or 'none'}.")
        content[name] = value_of(f"{name}={value}")
    return build(content, kind, group)


def group_of(key: str) -> str:
    """The group of a setting's key: 'model' of model.order, +model@model.members.third and so on."""
    return key.lstrip("+~").partition(".")[0].partition("@")[0]


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job of a sweep over lists and ranges, in the order in which Hydra runs them.

    Of two overrides of one key the last one counts. UserError where model.ngram.order=5 applies to no job, or a list is
    empty.
    """
    choices: dict[str, list[str]] = {}
    of_owners: dict[str, dict[str, list[str]]] = {}
    parsed = _parsed(overrides)[1]
    files = _files(parsed)
    num_of_experiment = len(parsed) - len(overrides)
    asked_for: set[str] = set()
    for place, override in enumerate(parsed):
        key = override.get_key_element()
        owner, written_key = _owner(key, files)
        if place >= num_of_experiment:
            asked_for.add(owner)
            if not owner:  # what the user sets for all runs counts, whatever the experiment sets for some
                for settings in of_owners.values():
                    settings.pop(written_key, None)
        written = [f"{written_key}={value}" for value in _values(override)]
        (of_owners.setdefault(owner, {}) if owner else choices)[written_key] = written
    of_runs = [
        written for key, written in choices.items() if not key.startswith("hydra") and group_of(key) not in OF_SWEEPS
    ]
    if math.prod(map(len, of_runs)) > _MOST_RUNS:
        longest = max(of_runs, key=len)[0].partition("=")[0]
        raise UserError(
            f"this sweep asks for more than {_MOST_RUNS:,} runs. Give fewer values ({longest} has most), or make "
            "several sweeps."
        )
    shared = list(itertools.product(*of_runs))
    for owner, settings in of_owners.items():
        if owner in asked_for and not any(owner in job for job in shared):
            raise UserError(
                f"{', '.join(settings)} applies to no run, because no run has {owner}. Add {owner} to the sweep, or "
                "leave the setting out."
            )
    jobs = []
    for job in shared:
        owned = [written for owner, settings in of_owners.items() if owner in job for written in settings.values()]
        jobs += [[*job, *more] for more in itertools.product(*owned)]
    return _without_options_of_others(jobs)


def _without_options_of_others(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """The jobs, each without options of what only others pick from lists: with post=[],[sft], post.sft.replay=0.2 sets
    nothing of the first. Jobs that become the same are one. What no job picks stays, to be refused."""
    lists = {override: _picks(override) for override in {each for job in jobs for each in job}}
    picked_by_some = {pick for picks in lists.values() for pick in picks or ()}
    kept = {}
    for job in jobs:
        own = {pick for override in job for pick in lists[override] or ()}
        groups = {override.partition("=")[0] for override in job if lists[override] is not None}
        of_others = {pick for pick in picked_by_some - own if group_of(pick) in groups}
        left = [override for override in job if ".".join(override.lstrip("+~").split(".", 2)[:2]) not in of_others]
        kept[tuple(left)] = left
    return list(kept.values())


def _picks(override: str) -> list[str] | None:
    """What an override picks from a list, by how the settings of each begin: ['post.sft'] for post=[sft]. None where
    it picks from no list."""
    from harness.config.hydra_compose import value_of

    group, _, value = override.partition("=")
    if group not in LISTS or not value.startswith("["):
        return None
    return [f"{group}.{Path(name).stem if is_file(name) else name}" for name in map(str, value_of(override))]


def _owner(key: str, files: Mapping[str, str]) -> tuple[str, str]:
    """The pick whose runs a setting applies to, and the key that sets it there: ('model=ngram', 'model.order') for
    model.ngram.order, ('model=ngram', 'post') for model.ngram.post. ('', the key) where it applies to all runs.

    files: as `_files` gives them.
    """
    group, _, rest = key.partition(".")
    name, dot, inner = rest.partition(".")
    if not dot or group not in GROUPS or group in LISTS:
        return "", key
    pick = files.get(f"{group}.{name}") or (f"{group}={name}" if name in options(group) else "")
    if not pick:
        return "", key
    return pick, inner if group_of(inner) in LISTS else f"{group}.{inner}"


def _files(parsed: Sequence[Override]) -> dict[str, str]:
    """The picks of files in a sweep, by how their settings begin: {'model.my_model': 'model=./my_model.py'}."""
    from harness.config.hydra_compose import value_of

    files = {}
    for override in parsed:
        group = override.get_key_element()
        for value in _values(override) if group in GROUPS else ():
            name = value_of(f"{group}={value}")
            if isinstance(name, str) and is_file(name):
                files[f"{group}.{Path(name).stem}"] = f"{group}={value}"
    return files


def _values(override: Override) -> list[str]:
    """The values that an override gives its key, as they are written; no more than a sweep may have. UserError where
    they are none, or no list."""
    if not override.is_sweep_override():
        return [str(override.get_value_element_as_str())]
    if not override.is_discrete_sweep():
        key = override.get_key_element()
        raise UserError(
            f"{override.input_line} is not a list of values. Write one, as in {key}=1,2,3 or {key}=range(1,4)."
        )
    values = list(itertools.islice(override.sweep_string_iterator(), _MOST_RUNS + 1))
    if not values:
        raise UserError(f"{override.input_line} has no values, so there is nothing to run. Give it at least one.")
    return values


def _parsed(overrides: Sequence[str]) -> tuple[Any, Sequence[Override]]:
    """The configuration of the whole sweep, and its overrides: an experiment's first, then the user's."""
    names_files = any(suffix in override for override in overrides for suffix in (SUFFIX, YAML))
    return (_read if names_files else _read_before)(tuple(overrides))  # a file may have changed since


def _read(overrides: tuple[str, ...]) -> tuple[Any, Sequence[Override]]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    from harness.config.hydra_compose import REFUSALS, loader

    try:
        with loader() as configurations:
            # picks, and Hydra's own settings; the others are checked in each run
            of_hydra = [
                override
                for override in overrides
                if override.partition("=")[0].split("@")[0] in GROUPS or override.startswith("hydra")
            ]
            whole = configurations.load_configuration("config", of_hydra, run_mode=RunMode.MULTIRUN)
            named = [f"{key}={value}" for key, value in (whole.hydra.sweeper.get("params") or {}).items()]
            return whole, OverridesParser.create(configurations).parse_overrides([*named, *overrides])
    except (*REFUSALS, ValueError) as error:  # Hydra's ValueError: an option that isn't a word, as model=3
        raise UserError(explain(str(error), list(overrides))) from None


_read_before = functools.cache(_read)
"""The same, remembered: a sweep's command asks for it several times."""
