"""What is searched for each family: its own space in conf/space/, changed by an experiment and by the user.

A space is written as a sweep is, and an interval of numbers may stand where a sweep has a list. It is checked before
anything is fitted. Needs no torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.options import is_file, option, options
from harness.runs.settings import RunSettings, check_top_level, typed
from harness.runs.sweep import OF_SWEEPS, Interval, Setting, command_settings, group_of, settings_in, settings_of
from harness.runs.tuning.settings import TuneSettings

Space = Mapping[str, Sequence[str] | Interval]
"""The keys that are searched, with their values as they are written in overrides."""

_SEARCHED = ("model", "tokenizer", "training")
_OF_EVALS = ("decoding", "evals", "seed")
_MEASURE = ("training.validation_bytes", "training.num_validations", "training.continue_from")


@dataclass(frozen=True)
class Family:
    """A family that is tuned: what is the same in all of its trials, and what is searched."""

    name: str
    overrides: Sequence[str]
    """What is the same in all trials, the pick of the family first."""
    space: Space

    @property
    def first(self) -> dict[str, str]:
        """The first value of each key."""
        return {key: ends(values)[0] for key, values in self.space.items()}

    def config(self, draw: Mapping[str, str], seed: int | None = None) -> dict[str, Any]:
        """The configuration of one trial. draw: a value for each key of the space. seed: another than the run's."""
        config = compose([*self.overrides, *(f"{key}={value}" for key, value in draw.items())])
        return config if seed is None else {**config, "seed": seed}

    def trial(self, draw: Mapping[str, str], seed: int | None = None) -> RunSettings:
        """The settings of one trial. UserError where the values don't go together."""
        return typed(self.config(draw, seed))


def families(overrides: Sequence[str]) -> tuple[TuneSettings, list[Family]]:
    """The families that a command line asks to tune, and how. UserError where an option of a space doesn't exist, or
    one of its values is not allowed."""
    written = {override.partition("=")[0] for override in overrides}
    _refuse_settings_of_sweeps(written)  # before Hydra looks for what it can't find
    settings = settings_of(overrides)
    _refuse_settings_of_sweeps({setting.key for setting in settings})
    tune = command_settings("tune", TuneSettings, settings)
    # an experiment may sweep what only evals depend on, as in the main job
    shared = [
        setting
        for setting in settings
        if group_of(setting.key) != "tune"
        and (setting.key in written or group_of(setting.key) not in _OF_EVALS or not _is_searched(setting.values))
    ]
    models = _models(shared)
    owners = {setting.owner for setting in shared} - {""}
    if unused := sorted(owners - set(models)):
        raise UserError(
            f"settings of {', '.join(unused)} apply to no family that is tuned ({', '.join(models)}). Add it, or leave "
            "them out."
        )
    return tune, [_family(pick, [setting for setting in shared if setting.key != "model"]) for pick in models]


def _refuse_settings_of_sweeps(keys: Set[str]) -> None:
    if of_sweeps := sorted(key for key in keys if key.startswith("hydra") or group_of(key) in OF_SWEEPS):
        raise UserError(
            f"{', '.join(of_sweeps)} can't be set here: `bakeoff tune` makes its trials in this process, one after "
            "another. Leave it out."
        )


def _is_searched(values: Sequence[str] | Interval) -> bool:
    return isinstance(values, Interval) or len(values) > 1


def _models(settings: Sequence[Setting]) -> list[str]:
    """The picks of the families: 'model=lstm'."""
    named = {setting.key: setting.values for setting in settings}
    if "model" in named:
        return [f"model={value}" for value in ends(named["model"])]
    experiment = [f"experiment={value}" for value in ends(named.get("experiment", []))]
    return [f"model={compose(experiment)['names']['model']}"]


def _family(pick: str, settings: Sequence[Setting]) -> Family:
    """The family of a pick, checked."""
    name = pick.partition("=")[2].strip("'\"")
    of_file = settings_in(option("space", name).content) if name in options("space") else []
    own = [setting for setting in settings if setting.owner in ("", pick)]
    own.sort(key=lambda setting: setting.owner)  # what is the family's alone counts last
    values = {setting.key: setting.values for setting in [*of_file, *own]}
    space = {key: value for key, value in values.items() if _is_searched(value)}
    fixed = [
        f"{key}={value[0]}" for key, value in values.items() if key not in space and not isinstance(value, Interval)
    ]
    family = Family(Path(name).stem if is_file(name) else name, [pick, *fixed], space)
    _check(family)
    return family


def _check(family: Family) -> None:
    """UserError where an option of the space doesn't exist for the family or can't be searched, or a value is not
    allowed there by itself, with the first values of the other options."""
    config = family.config(family.first)
    for key, values in family.space.items():
        if group_of(key) not in _SEARCHED or key in _MEASURE:
            raise UserError(
                f"{key} can't be searched: all trials have the same text, the same budget and the same validation, and "
                f"no evals. Give it one value. Searched are options of {', '.join(_SEARCHED)}."
            )
        if isinstance(values, Interval):
            values.check(key)
    check_top_level(config)
    typed(config)
    for key, values in family.space.items():
        for value in ends(values)[1:]:
            if key == group_of(key) or "@" in key:  # a pick
                family.trial({**family.first, key: value})
            else:
                typed(changed(config, key, value))


def ends(values: Sequence[str] | Interval) -> Sequence[str]:
    """What is checked of a space's values: all of a list, both ends of an interval."""
    return [f"{values.low:g}", f"{values.high:g}"] if isinstance(values, Interval) else values


def at_the_edge(family: Family, draw: Mapping[str, str]) -> dict[str, str]:
    """The keys whose number lies at an end of what was searched, though the option allows more beyond it: for each
    'the lowest' or 'the highest'. A number within a twentieth of an interval from its end counts as at the end."""
    edges = {}
    config = family.config(draw)
    for key, values in family.space.items():
        numbers = _numbers(ends(values))
        if numbers is None:
            continue
        low, high = numbers[0], numbers[-1]
        is_logarithmic = isinstance(values, Interval) and values.is_logarithmic
        scale = math.log if is_logarithmic else float
        margin = 0.05 * (scale(high) - scale(low)) if isinstance(values, Interval) else 0.0
        step = low / 2 if is_logarithmic else numbers[1] - low
        for end, beyond, name in ((low, low - step, "the lowest"), (high, high + step, "the highest")):
            if abs(scale(float(draw[key])) - scale(end)) <= margin and _is_allowed(config, key, beyond):
                edges[key] = name
    return edges


def _numbers(values: Sequence[str]) -> list[float] | None:
    """The values in order, if they are two numbers or more."""
    try:
        numbers = sorted({float(value) for value in values})
    except ValueError:
        return None
    return numbers if len(numbers) > 1 and math.isfinite(numbers[-1]) else None


def _is_allowed(config: Mapping[str, Any], key: str, number: float) -> bool:
    try:
        typed(changed(config, key, f"{number:g}"))
    except UserError:
        return False
    return True


def changed(config: Mapping[str, Any], key: str, value: str) -> dict[str, Any]:
    """A composed configuration with one value replaced."""
    from harness.config.hydra_compose import value_of

    new = copy.deepcopy(dict(config))
    *path, last = key.lstrip("+").split(".")
    node = new
    for part in path:
        node = node[part]
    node[last] = value_of(f"{key}={value}")
    return new
