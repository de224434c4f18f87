"""The rim: what a user picked in conf/ and on the command line becomes typed settings.

Hydra and OmegaConf are known to this module and to `harness.sweep` alone; below them travel frozen dataclasses. conf/
holds one YAML an option; its `_target_` names a settings dataclass and the file spells out every field with its
default. A key that the picked options don't spell out, or a value of another type than the dataclass asks for, is a
`UserError`.
"""

from __future__ import annotations

import copy
import functools
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UserError, closest
from harness.settings import TARGET, build, checked, targets

if typing.TYPE_CHECKING:
    from harness.budget import Budget
    from harness.decoding import DecodingStrategy
    from harness.evaluation import Eval
    from harness.text.corpus import DataSource
    from harness.text.tokenizer import TokenizerSettings
    from harness.tracking import Tracking
    from harness.training import Training
    from models.language_model import ModelConfig

GROUPS = ("model", "tokenizer", "data", "training", "budget", "decoding", "evals", "tracking", "experiment")
"""The folders of conf/ that a user picks from."""
TAKEN_NAMES = ("fits", "scores", "wandb", "reference")
"""Folders of results_dir that hold no experiment."""


@dataclass(frozen=True)
class RunSettings:
    """Everything that one run is made of, typed."""

    model: ModelConfig
    tokenizer: TokenizerSettings
    data: DataSource
    training: Training
    budget: Budget
    decoding: DecodingStrategy
    evals: Mapping[str, Eval]
    tracking: Tracking
    seed: int
    device: str
    results_dir: Path
    experiment_name: str
    names: Mapping[str, str]
    """The option picked in each group, as {'model': 'lstm'}."""
    resolved: Mapping[str, Any]
    """The whole configuration as plain values; what config.yaml holds."""


def conf_dir() -> Path:
    """conf/ beside the checkout's packages, or its copy inside an installed wheel."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise UserError(f"bakeoff's configuration folder is missing beside {package}. Install bakeoff again.")


def options(group: str) -> list[str]:
    """The names that `group=` accepts."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def compose(overrides: Iterable[str]) -> dict[str, Any]:
    """The configuration of one run from command-line overrides, resolved to plain values, with every key checked.

    Imports none of the heavy libraries. The picked options lie under the key 'names'.
    """
    full, choices = _compose(tuple(overrides))
    picked = {group: str(choices[group]) for group in GROUPS if choices.get(group) is not None}
    experiment = picked.pop("experiment", None)
    own = yaml.safe_load((conf_dir() / "config.yaml").read_text(encoding="utf-8"))
    allowed: dict[str, Any] = {name: value for name, value in own.items() if name not in ("defaults", "hydra")}
    allowed |= {group: _spelled_out(group, choice) for group, choice in picked.items()}
    # Hydra does not report the choices of a group that takes a list
    allowed["evals"] = {name: _spelled_out("evals", name) for name in full.get("evals") or {}}
    for nested, choice in choices.items():
        group, at, place = str(nested).partition("@")
        if at and group in GROUPS:
            _place(allowed, place.split("."), _spelled_out(group, str(choice)))
    _check_keys(full, allowed, "")
    if full["experiment_name"] is None:
        full["experiment_name"] = experiment or "default"
    full["names"] = picked
    return full


def typed(config: Mapping[str, Any]) -> RunSettings:
    """Typed settings from a composed configuration."""
    from harness.budget import Budget
    from harness.decoding import DecodingStrategy
    from harness.evaluation import Eval
    from harness.text.corpus import DataSource
    from harness.text.tokenizer import TokenizerSettings
    from harness.tracking import Tracking
    from harness.training import Training
    from models.language_model import ModelConfig

    seed = checked(config["seed"], int, "seed")
    if seed < 0:
        raise UserError(f"seed={seed} is negative. A seed is a whole number from 0 up.")
    device = checked(config["device"], str, "device")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise UserError(f"device={device!r} is not known. Allowed: auto, cpu, cuda, cuda:N, mps.")
    experiment_name = checked(config["experiment_name"], str, "experiment_name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", experiment_name) or experiment_name in TAKEN_NAMES:
        raise UserError(
            f"experiment_name={experiment_name!r} cannot name a folder of results. "
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit "
            f"({', '.join(TAKEN_NAMES)} are taken)."
        )
    evals = {name: build(node, Eval, f"evals.{name}") for name, node in (config.get("evals") or {}).items()}  # type: ignore[type-abstract]
    return RunSettings(
        model=build(config["model"], ModelConfig, "model"),  # type: ignore[type-abstract]
        tokenizer=build(config["tokenizer"], TokenizerSettings, "tokenizer"),  # type: ignore[type-abstract]
        data=build(config["data"], DataSource, "data"),  # type: ignore[type-abstract]
        training=build(config["training"], Training, "training"),
        budget=build(config["budget"], Budget, "budget"),
        decoding=build(config["decoding"], DecodingStrategy, "decoding"),
        evals=evals,
        tracking=build(config["tracking"], Tracking, "tracking"),
        seed=seed,
        device=device,
        results_dir=Path(checked(config["results_dir"], str, "results_dir")).expanduser(),
        experiment_name=experiment_name,
        names=config["names"],
        resolved=config,
    )


def known_targets() -> dict[str, str]:
    """Every `_target_` that conf/ names, each with the group it stands in: what a saved configuration may ask for."""
    found = {}
    for group in GROUPS:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            for target in targets(yaml.safe_load(path.read_text(encoding="utf-8"))):
                found[target] = group
    return found


def from_saved(path: Path) -> dict[str, Any]:
    """The composed configuration in a run's config.yaml. UserError where it is missing, broken, or asks for a class
    that no option in conf/ names (nothing else is imported on a file's word)."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}). Name a run's folder, or a run id that `bakeoff "
            "list runs` shows."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(config, dict) or not {*GROUPS, "seed", "names"} - {"experiment"} <= config.keys():
        raise UserError(
            f"{path} is not the config.yaml of a run. Name a run's folder, or a run id that `bakeoff list runs` shows."
        )
    foreign = sorted(set(targets(config)) - known_targets().keys())
    if foreign:
        raise UserError(
            f"{path} asks for {', '.join(foreign)}, which no option in {conf_dir()} names. Install the "
            "plugin that brings it."
        )
    return config


def _compose(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The resolved configuration and the choices behind it; the caller may change them."""
    return copy.deepcopy(_composed(overrides))


@functools.cache
def _composed(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    # Hydra allows one at a time, and a sweep's own is there while its jobs are composed
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = hydra_compose("config", overrides=list(overrides), return_hydra_config=True)
            choices = OmegaConf.to_container(composed.hydra.runtime.choices)
            own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
            plain = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(str(error), list(overrides))) from None
    finally:
        GlobalHydra.instance().hydra = outer
    assert isinstance(plain, dict)
    assert isinstance(choices, dict)
    return typing.cast(dict[str, Any], plain), typing.cast(dict[str, Any], choices)


def explain(message: str, overrides: list[str]) -> str:
    """Hydra's message, led by what was asked and followed by what is allowed."""
    first = message.split("Config search path")[0].strip()
    missing = re.search(r"(?:Could not find|Could not load) '([\w/]+)/([^'/]+)'", message)
    if missing and missing[1] in GROUPS:
        group, name = missing[1], missing[2]
        allowed = options(group)
        return f"{group}={name} is not known.{closest(name, allowed)} Allowed: {', '.join(allowed)}."
    unknown = re.search(r"Could not override '([^']+)'", message)
    if unknown:
        picks = [part for part in overrides if _picks(part) and unknown[1] not in part]
        reference, choices = _compose(tuple(picks))
        if "@" in unknown[1]:
            there = sorted(str(name) for name in choices if "@" in str(name))
            return (
                f"{unknown[1]} is not there to be picked anew.{closest(unknown[1], there)} There is: "
                f"{', '.join(there) or 'nothing of the kind'}. With a + in front it is added."
            )
        return _unknown_key(unknown[1], reference)
    asked = f"In {' '.join(overrides)}: " if overrides else ""
    return f"{asked}{' '.join(first.split())}"


def _picks(override: str) -> bool:
    """Whether an override picks an option of a group: 'model=lstm', '+model@model.members.third=gru'."""
    return override.lstrip("+").partition("=")[0].partition("@")[0] in GROUPS


def _unknown_key(key: str, reference: Mapping[str, Any]) -> str:
    parts = key.lstrip("+~").split(".")
    node: Any = reference
    for depth, part in enumerate(parts):
        if not isinstance(node, Mapping):
            return f"{key} is not an option: {'.'.join(parts[:depth])} has no options of its own."
        if part not in node:
            allowed = sorted(
                {str(name) for name in node if name not in (TARGET, "names")} | (set(GROUPS) if depth == 0 else set())
            )
            inside = f" of {'.'.join(parts[:depth])}" if depth else ""
            return (
                f"{key} is not an option: there is no {part!r}{inside}.{closest(part, allowed)} Allowed: "
                f"{', '.join(allowed)}."
            )
        node = node[part]
    return f"{key} is an option only under another choice of its group. Look it up with `bakeoff list`."


def _spelled_out(group: str, choice: str) -> dict[str, Any]:
    """The keys that an option's file spells out itself, with their defaults."""
    path = conf_dir() / group / f"{choice}.yaml"
    if not path.is_file():
        raise UserError(explain(f"Could not find '{group}/{choice}'", [f"{group}={choice}"]))
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: value for name, value in content.items() if name != "defaults"}


def _place(into: dict[str, Any], path: Sequence[str], content: Mapping[str, Any]) -> None:
    """Put an option's keys where it is nested in another, as a member of a mixture."""
    *outer, last = path
    for name in outer:
        into = into.setdefault(name, {})
    into[last] = content


def _check_keys(full: Mapping[str, Any], bare: Mapping[str, Any], place: str) -> None:
    """Every key of the composed configuration must be one that the picked options spell out."""
    for key, value in full.items():
        here = f"{place}{key}"
        if key not in bare:
            allowed = sorted(str(name) for name in bare if name != TARGET)
            inside = f" of {place.rstrip('.')}" if place else ""
            raise UserError(
                f"{here} is not an option: there is no {key!r}{inside}.{closest(str(key), allowed)} "
                f"Allowed: {', '.join(allowed)}. "
                "Mend it in the experiment file or on the command line."
            )
        if isinstance(value, Mapping) and isinstance(bare[key], Mapping):
            _check_keys(value, bare[key], f"{here}.")
