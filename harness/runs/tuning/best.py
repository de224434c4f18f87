"""The best settings of a family as an experiment file, which `bakeoff run experiment=` takes. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.common.files import write_bytes
from harness.common.numerals import number
from harness.common.plurals import many
from harness.config.options import LISTS
from harness.config.overrides import readable
from harness.runs.tuning.trials import Tuned

_NOT_SETTINGS = ("results_dir", "device", "experiment_name")


def write_best(path: Path, tuned: Tuned, experiment_name: str) -> None:
    """Write an experiment file with the settings of the best trial: every pick and value that is not the default.

    experiment_name: the folder that its runs are filed under.
    """
    assert tuned.best is not None
    family, draw = tuned.family, tuned.best.settings
    value = number(tuned.best.validation_bits_per_byte, "bits/byte")
    about = f"The best of {many(len(tuned.trials), 'trial')} of {family.name}: {value} validation bits per byte."
    from harness.config.hydra_compose import composed

    config, picks = composed(readable([*family.overrides, *(f"{key}={value}" for key, value in draw.items())]))
    chosen, by_default = _named(picks), _named(composed([])[1])
    picked = {key: names for key, names in chosen.items() if by_default.get(key) != names}
    of_their_own = _named(composed([f"{key}={_text(names)}" for key, names in picked.items() if "@" not in key])[1])
    picked = {key: names for key, names in picked.items() if "@" not in key or of_their_own.get(key) != names}
    base, _ = composed([f"{key}={_text(names)}" for key, names in picked.items()])
    changed = {key: value for key, value in _differences(config, base).items() if key not in _NOT_SETTINGS}
    content = {
        "defaults": [{f"override /{key}": names} for key, names in picked.items()],
        **changed,
        "experiment_name": experiment_name,
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    write_bytes(path, f"# @package _global_\n# {about}\n{text}".encode())


def _named(picks: Sequence[Any]) -> dict[str, str | list[str]]:
    """The names of picks, by the key that picks them: 'model', 'model@model.members.first'."""
    by_key: dict[str, list[str]] = {}
    for pick in picks:
        if pick.group != "experiment":
            is_nested = pick.group not in LISTS and pick.place != pick.group
            by_key.setdefault(f"{pick.group}@{pick.place}" if is_nested else pick.group, []).append(pick.name)
    return {key: names[0] if len(names) == 1 and key not in LISTS else names for key, names in by_key.items()}


def _text(names: str | list[str]) -> str:
    return names if isinstance(names, str) else f"[{','.join(names)}]"


def _differences(config: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a configuration that differ from those of another with the same keys."""
    changed: dict[str, Any] = {}
    for key, value in config.items():
        other = base.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if inner := _differences(value, other):
                changed[key] = inner
        elif value != other:
            changed[key] = value
    return changed
