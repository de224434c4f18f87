"""The rim: what a user picked in conf/ and on the command line becomes typed settings.

Hydra puts the picked options together (`harness.config.hydra_compose`); below here travel frozen dataclasses. An
option's `_target_` names a settings dataclass, and the option spells out its fields with their defaults
(`harness.config.options`). A key that the picked options don't spell out, or a value of another type than the dataclass
asks for, is a `UserError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.common.errors import UserError, closest
from harness.config import plugins
from harness.config.options import GROUPS, conf_dir, files_of, foreign_targets, option, relocated, unknown
from harness.config.settings import TARGET, targets


def compose(overrides: Iterable[str]) -> dict[str, Any]:
    """The configuration of one run from command-line overrides, resolved to plain values, with every key checked.

    The picked options lie under the key 'names', the plugin files among them under 'plugins' (a path a module).
    Imports none of the heavy libraries, but for what plugin files import.
    """
    from harness.config.hydra_compose import REFUSALS, composed

    overrides = list(overrides)
    try:
        full, picks = composed(overrides)
    except (*REFUSALS, ValueError) as error:  # Hydra's own, for an option that is no word, as model=3
        raise UserError(explain(str(error), overrides)) from None
    own = yaml.safe_load((conf_dir() / "config.yaml").read_text(encoding="utf-8"))
    allowed: dict[str, Any] = {name: value for name, value in own.items() if name not in ("defaults", "hydra")}
    names: dict[str, list[str]] = {}
    for pick in picks:
        found = option(pick.group, pick.name)
        if pick.group == "experiment":
            full["experiment_name"] = full["experiment_name"] or pick.name
            continue
        spelled_out = {key: value for key, value in found.content.items() if key != "defaults"}
        _place(allowed, pick.place.split("."), spelled_out)
        if pick.place == pick.group:
            names.setdefault(pick.group, []).append(found.short_name)
    for node in (full, allowed):
        node.setdefault("evals", {})  # none at all may be picked
    _check_keys(full, allowed, "")
    full["experiment_name"] = full["experiment_name"] or "default"
    full["names"] = {group: "+".join(chosen) for group, chosen in names.items()}
    full["plugins"] = files_of(full)
    return full


_PICKED = tuple(group for group in GROUPS if group != "experiment")


def from_saved(path: Path, parts: Sequence[str] = _PICKED, renew: bool = False) -> dict[str, Any]:
    """The composed configuration in a run's config.yaml.

    parts: the groups that are going to be built. UserError where the file is missing or broken, or where one of these
    asks for a class that neither an installed option nor a plugin file named by the user brings: nothing is imported on
    a saved file's word. renew: a plugin file that was changed since takes the place of what it was.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}). Name a run's folder, or a run id that `bakeoff "
            "list runs` shows."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(config, dict) or not {*_PICKED, "seed", "names"} <= config.keys():
        raise UserError(
            f"{path} is not the config.yaml of a run. Name a run's folder, or a run id that `bakeoff list runs` shows."
        )
    config = dict(relocated(config))
    if renew:
        config = {key: _renewed(value) for key, value in config.items()}
        asked = {target.rpartition(".")[0] for target in targets(config)}
        kept = {module: where for module, where in (config.get("plugins") or {}).items() if module in asked}
        config["plugins"] = kept | files_of(config)
    refuse_foreign({part: config[part] for part in parts}, path, config.get("plugins") or {})
    return config


def refuse_foreign(node: Any, path: Path, files: Mapping[str, str]) -> None:
    """UserError where plain values from a saved file ask for what must not be imported on its word.

    path: the file. files: where the plugin files that it knows of were.
    """
    foreign = foreign_targets(node)
    if not foreign:
        return
    of_files = sorted({target for target in foreign if plugins.is_of_a_file(target)})
    if not of_files:
        raise UserError(
            f"{path} asks for {', '.join(foreign)}, which no installed option names. Install the plugin that brings it."
        )
    target = of_files[0]
    name = f"{plugins.stem_of(target)}{plugins.SUFFIX}"
    if any(one.path.name == name for one in plugins.loaded_files()):
        raise UserError(
            f"{path} was made with another {name} than the one that you named: its text has changed since. Name the "
            "file as it was, or make a new run with it as it is."
        )
    where = files.get(target.rpartition(".")[0], name)
    raise UserError(
        f"{path} was made with the plugin file {name}, which is not imported unless you name it: add "
        f"--plugin {where} (look at it first if it isn't yours)."
    )


def _renewed(node: Any) -> Any:
    """Plain values in which targets of plugin files are those of the files of that name which the user named now."""
    if isinstance(node, list):
        return [_renewed(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    renewed = {key: _renewed(value) for key, value in node.items()}
    target = str(renewed.get(TARGET, ""))
    if plugins.is_of_a_file(target):
        for plugin in plugins.loaded_files():
            if plugin.path.stem == plugins.stem_of(target):
                renewed[TARGET] = f"{plugin.module}.{target.rpartition('.')[2]}"
    return renewed


def explain(message: str, overrides: list[str]) -> str:
    """Hydra's message, led by what was asked and followed by what is allowed."""
    from harness.config.hydra_compose import composed

    first = message.split("Config search path")[0].strip()
    missing = re.search(r"(?:Could not find|Could not load) '([\w/]+)/([^'/]+)'", message)
    if missing and missing[1] in GROUPS:
        return unknown(missing[1], missing[2])
    unset = re.search(r"Missing mandatory value.*full_key: (\S+)", message, flags=re.DOTALL)
    if unset:
        return f"{unset[1]} has no default. Set it: {unset[1]}=..."
    wrong = re.search(r"Could not override '([^']+)'", message)
    if wrong:
        picks = [_one_of(part) for part in overrides if _picks(part) and wrong[1] not in part]
        reference, made = composed(picks)
        if "@" in wrong[1]:
            there = sorted(f"{pick.group}@{pick.place}" for pick in made if "." in pick.place and pick.group != "evals")
            return (
                f"{wrong[1]} is not there to be picked anew.{closest(wrong[1], there)} There is: "
                f"{', '.join(there) or 'nothing of the kind'}. With a + in front it is added."
            )
        return _unknown_key(wrong[1], reference)
    asked = f"In {' '.join(overrides)}: " if overrides else ""
    return f"{asked}{' '.join(first.split())}"


def _picks(override: str) -> bool:
    """Whether an override picks an option of a group: 'model=lstm', '+model@model.members.third=gru'."""
    return override.lstrip("+").partition("=")[0].partition("@")[0] in GROUPS


def _one_of(override: str) -> str:
    """A pick as it is, of a sweep over several the first: 'model=lstm,gru' becomes 'model=lstm'."""
    group, _, choice = override.partition("=")
    return override if choice.startswith("[") else f"{group}={choice.partition(',')[0]}"


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


def _place(into: dict[str, Any], path: Sequence[str], content: Mapping[str, Any]) -> None:
    """Put an option's keys where it is nested in another, as a member of a mixture."""
    for name in path:
        if not isinstance(into.get(name), dict):  # nothing there yet, or what takes another place's value
            into[name] = {}
        into = into[name]
    _merge(into, content)


def _merge(into: dict[str, Any], content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


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
