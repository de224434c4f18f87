"""From the options picked in conf/ and on the command line to one checked configuration.

Hydra combines the picked options (`harness.config.hydra_compose`). An option's `_target_` names a frozen settings
dataclass, and the option lists the dataclass's fields with their defaults (`harness.config.options`). A key that no
picked option has, or a value of another type than the field's, is a `UserError`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.common.errors import UserError, closest
from harness.common.reading import read_bytes
from harness.config import plugins
from harness.config.options import (
    GROUPS,
    LISTS,
    check_target,
    files_of,
    foreign_targets,
    option,
    options,
    relocated,
    top_level,
    unknown,
)
from harness.config.overrides import readable, refuse_sweeps
from harness.config.settings import TARGET, targets
from harness.config.suggestions import anywhere, nearby, stands_in
from harness.config.yaml_text import plain_values

if TYPE_CHECKING:
    from harness.config.hydra_compose import Pick


def compose(overrides: Iterable[str]) -> dict[str, Any]:
    """The configuration of one run from command-line overrides, resolved to plain values, with every key checked.

    The names of the picked options are under the key 'names', plugin files under 'plugins' (each module's path).
    Imports no heavy library, unless a plugin file does.
    """
    from harness.config.hydra_compose import REFUSALS, composed

    overrides = readable(list(overrides))
    refuse_sweeps(overrides)
    for override in overrides:
        _refuse_of_command(*override.lstrip("+~").split("=", maxsplit=1))
    _check_picks(overrides)
    try:
        full, picks = composed(overrides)
    except (*REFUSALS, ValueError) as error:  # Hydra's own, for an option that is no word, as model=3
        raise UserError(explain(str(error), overrides)) from None
    _check_empty(overrides, full)
    allowed = top_level()
    names: dict[str, list[str]] = {}
    _check_chain(picks)
    for pick in picks:
        picked = option(pick.group, pick.name)
        if pick.group == "experiment":
            if full["experiment_name"] is None:
                full["experiment_name"] = picked.short_name
            continue
        spelled_out = {key: value for key, value in picked.content.items() if key != "defaults"}
        _place(allowed, pick.place.split("."), spelled_out)
        if pick.place == pick.group:
            names.setdefault(pick.group, []).append(picked.short_name)
    for node in (full, allowed):
        for group in LISTS:
            node.setdefault(group, {})  # none at all may be picked
    _check_keys(full, allowed, "", picks)
    for pick in picks:
        if pick.group != "experiment":
            check_target(option(pick.group, pick.name), _at(full, pick.place))
    _check_whole(full)
    if full["experiment_name"] is None:
        full["experiment_name"] = "default"
    full["names"] = {group: "+".join(chosen) for group, chosen in names.items()}
    full["plugins"] = files_of(full)
    return full


_PICKED = tuple(group for group in GROUPS if group != "experiment")


def from_saved(path: Path, parts: Sequence[str] = _PICKED, renew: bool = False) -> dict[str, Any]:
    """The composed configuration in a run's config.yaml.

    parts: the groups that will be built. UserError where the file is missing or broken, or where one of these groups
    names a class of neither an installed option nor a plugin file that the user named: nothing is imported only because
    a saved file names it. renew: use a plugin file as it is now where it has changed since.
    """
    try:
        config = plain_values(read_bytes(path).decode("utf-8"))
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
        modules = {target.rpartition(".")[0] for target in targets(config)}
        kept = {module: path for module, path in (config.get("plugins") or {}).items() if module in modules}
        config["plugins"] = kept | files_of(config)
    refuse_foreign({part: config[part] for part in parts}, path, config.get("plugins") or {})
    return config


def refuse_foreign(node: Any, path: Path, files: Mapping[str, str]) -> None:
    """UserError where a saved file names a class that must not be imported only because of that.

    node: its plain values. path: the file. files: the paths of its plugin files when it was saved.
    """
    foreign = foreign_targets(node)
    if not foreign:
        return
    of_files = sorted({target for target in foreign if plugins.is_of_a_file(target)})
    if not of_files:
        raise UserError(
            f"{path} asks for {', '.join(foreign)}, which no installed option names. Install the plugin that brings it."
        )
    modules = sorted({target.rpartition(".")[0] for target in of_files})
    names = {module: f"{plugins.stem_of(module)}{plugins.SUFFIX}" for module in modules}
    named = {plugin.path.name for plugin in plugins.loaded_files()}
    if changed := [name for name in names.values() if name in named]:
        raise UserError(
            f"{path} was made with another {' and another '.join(changed)} than the one that you named: its text has "
            "changed since. Name the old file, or make a new run with the file as it is now."
        )
    flags = " ".join(f"--plugin {shlex.quote(files.get(module, name))}" for module, name in names.items())
    what, it = ("plugin file", "it") if len(names) == 1 else ("plugin files", "them")
    raise UserError(
        f"{path} was made with the {what} {', '.join(names.values())}, and bakeoff imports only what you name: add "
        f"{flags} (look at {it} first if you did not write {it})."
    )


def _renewed(node: Any) -> Any:
    """Plain values in which targets in plugin files name the file of the same name that the user named now."""
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
    """Hydra's message in a user's words: what was asked for, and what is allowed."""
    from harness.config.hydra_compose import REFUSALS, composed

    first = message.split("Config search path")[0].strip()
    in_file = re.match(r"In '(\w+)/(.+?)': ", first)
    if in_file:
        request = f"In {in_file[1]}={in_file[2]}: "
        first = first.removeprefix(in_file[0])
    else:
        request = f"In {' '.join(overrides)}: " if overrides else ""
    missing = re.search(r"(?:Could not find|Could not load) '(\w+)/(.+)'", message)
    if missing and missing[1] in GROUPS:
        return unknown(missing[1], missing[2])
    unset = re.search(r"Missing mandatory value.*full_key: (\S+)", message, flags=re.DOTALL)
    if unset:
        return f"{unset[1]} has no default. Set it: {unset[1]}=..."
    unresolved = re.search(r"Interpolation key '([^']+)' not found.*full_key: (\S+)", message, flags=re.DOTALL)
    if unresolved:
        return (
            f"{unresolved[2]} takes its value from another setting, ${{{unresolved[1]}}}, but there is no "
            f"{unresolved[1]}. Correct it in the file or on the command line, or write the value itself. (A text with "
            "${ has a backslash before the $.)"
        )
    plugin = re.search(r"Could not find 'hydra/(\w+)/(.+?)'\s+Available options in '\S+':\s+(.*)", first, re.DOTALL)
    if plugin:
        there_is = plugin[3].split()
        return (
            f"hydra/{plugin[1]}={plugin[2]} is not known.{closest(plugin[2], there_is)} Installed: "
            f"{', '.join(there_is)}. Others come with packages for Hydra, as hydra-joblib-launcher."
        )
    kept = re.search(r"Could not delete from config\. The value of '([^']+)' is (.*) and not (.*)\.$", first)
    if kept:
        return (
            f"~{kept[1]}={kept[3]} leaves {kept[1]} out only where it is {kept[3]}, but it is {kept[2]}. To set it: "
            f"{kept[1]}={kept[3]}. To leave it out: ~{kept[1]}."
        )
    if not first:  # how it refuses a text as "${a"
        return (
            f"{request}a reference to another setting can't be read. It is written ${{model.order}}, with both braces. "
            "(A text with ${ has a backslash before the $.)"
        )
    unfilled = re.search(r"raised while resolving interpolation: (.*?)\s+full_key: (\S+)", message, flags=re.DOTALL)
    if unfilled:
        return f"{request}{unfilled[2]} can't be filled in: {unfilled[1]}. Correct it, or write the value itself."
    wrong = re.search(r"(?:Could not override '|Error merging override )([^'\s=]+)", message)
    if wrong:
        overrides_without = [_one_of(part) for part in overrides if _picks(part) and wrong[1] not in part]
        try:
            reference, picks = composed(overrides_without)
        except REFUSALS:  # what is wrong is in a file
            return f"{request}{' '.join(first.split())}"
        if "@" in wrong[1]:
            nested = sorted(
                f"{pick.group}@{pick.place}" for pick in picks if "." in pick.place and pick.group not in LISTS
            )
            return (
                f"{wrong[1]} is not there to be replaced.{closest(wrong[1], nested)} There is: "
                f"{', '.join(nested) or 'nothing of the kind'}. With a + in front it is added."
            )
        values = {override.partition("=")[0]: override.partition("=")[2] for override in overrides}
        return _unknown_key(wrong[1], values.get(wrong[1], "..."), reference, picks)
    return f"{request}{' '.join(first.split())}"


def _picks(override: str) -> bool:
    """Whether an override picks an option of a group: 'model=lstm', '+model@model.members.third=gru'."""
    return override.lstrip("+").partition("=")[0].partition("@")[0] in GROUPS


def _one_of(override: str) -> str:
    """A pick; of a sweep over several options, the first: 'model=lstm,gru' becomes 'model=lstm'."""
    group, _, choice = override.partition("=")
    return override if choice.startswith("[") else f"{group}={choice.partition(',')[0]}"


def _unknown_key(key: str, value: str, reference: Mapping[str, Any], picks: Sequence[Pick]) -> str:
    parts = key.split(".")
    node: Any = reference
    for depth, part in enumerate(parts):
        if not isinstance(node, Mapping):
            return f"{key} is not an option: {'.'.join(parts[:depth])} has no options of its own."
        if part not in node:
            allowed = sorted(
                {str(name) for name in node if name not in (TARGET, "names")} | (set(GROUPS) if depth == 0 else set())
            )
            inside = f" of {'.'.join(parts[:depth])}" if depth else ""
            near = _suggestion(key, value, part, allowed, picks)
            return (
                f"{key} is not an option: there is no {part!r}{inside}.{near} Allowed: {', '.join(allowed) or 'none'}."
                f"{stands_in(key, picks)}"
            )
        node = node[part]
    if isinstance(node, Mapping) and value.startswith(("{", "[")):
        names = [str(name) for name in node if name != TARGET]
        advice = f"Set one of those: {', '.join(names)} ({key}.{names[0]}=...)" if names else "Here it has none"
        return f"{key}={value} can't be set: {key} has parts of its own. {advice}."
    if isinstance(node, Sequence) and value.startswith("{"):
        return f"{key}={value} can't be set: {key} is a list. Write it as {key}=[first,second]."
    return f"{key} is an option only under another choice of its group. Look it up with `bakeoff list`."


def _suggestion(key: str, value: Any, part: str, allowed: Sequence[str], picks: Sequence[Pick]) -> str:
    """What may have been meant by a key, whose part is none of those allowed."""
    if key == part:  # of no group: more likely the name of an option alone than a group misspelled
        return anywhere(key, value, picks) or closest(part, allowed)
    return nearby(key, value, picks) or closest(part, allowed) or anywhere(key, value, picks)


_OF_COMMANDS = {
    "sweep": ("a whole sweep", ("run -m", "compare")),
    "launcher": ("a whole sweep", ("run -m", "compare")),
    "tune": ("a search", ("tune",)),
}
"""The settings that are part of no run: what they belong to, and the commands that take them."""


def _refuse_of_command(key: str, value: Any = "...") -> None:
    """UserError for a setting that is part of no run."""
    group = key.partition(".")[0]
    if group in _OF_COMMANDS:
        whole, commands = _OF_COMMANDS[group]
        lines = " or ".join(f"`bakeoff {command} ... {key}={value}`" for command in commands)
        raise UserError(f"{key} is a setting of {whole}, not of a run. Leave it out here. It is for {lines}.")


def _check_picks(overrides: Sequence[str]) -> None:
    """UserError where a group is set to something that names no option, as model=null or budget=5."""
    from harness.config.hydra_compose import REFUSALS, value_of

    for override in overrides:
        group = override.partition("=")[0].lstrip("+~").partition("@")[0]
        if group not in GROUPS:
            continue
        if override.startswith("~"):
            raise UserError(f"{override} leaves nothing in its place. {_allowed(group)}")
        try:
            value = value_of(override)
        except REFUSALS:
            continue
        names = value if isinstance(value, list) else [value]
        if (group == "experiment" and value is None) or all(name and isinstance(name, str) for name in names):
            continue
        raise UserError(f"{override} names no option. {_allowed(group)}")


def _check_empty(overrides: Sequence[str], full: Mapping[str, Any]) -> None:
    """UserError where an empty mapping is set in the place of one with keys: Hydra adds to a mapping, so all would
    stay."""
    from harness.config.hydra_compose import value_of

    for override in overrides:
        key, _, value = override.partition("=")
        if not value.startswith("{") or value_of(override) != {}:
            continue
        node = _at(full, key)
        if isinstance(node, Mapping) and (names := [str(name) for name in node if name != TARGET]):
            without = " ".join(f"~{key}.{name}" for name in names)
            raise UserError(
                f"{override} changes nothing: what is in braces is added to what is there ({', '.join(names)}). To "
                f"leave out one or all: {without}."
            )


def _at(full: Mapping[str, Any], key: str) -> Any:
    """What is under a dotted key; None where there is nothing."""
    node: Any = full
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _allowed(group: str) -> str:
    none = {"tracking": " For no tracking: tracking=none."} | {of: f" For none: {of}=[]." for of in LISTS}
    return f"Allowed: {', '.join(f'{group}={name}' for name in options(group))}.{none.get(group, '')}"


def _check_chain(picks: Sequence[Pick]) -> None:
    """UserError where of two options for one place, the first has values for another class than the second names."""
    for i, later in enumerate(picks):
        for earlier in picks[:i]:
            if (earlier.group, earlier.place) != (later.group, later.place) or later.group == "experiment":
                continue
            first, second = option(earlier.group, earlier.name), option(later.group, later.name)
            targets_of_both = {part.content[TARGET] for part in (first, second) if TARGET in part.content}
            if len(targets_of_both) > 1:
                raise UserError(_several_for_one([pick for pick in picks if pick[::2] == later[::2]]))
            for key, node in first.content.items():
                other = second.content.get(key)
                if not (isinstance(node, Mapping) and isinstance(other, Mapping) and TARGET in node):
                    continue
                if node[TARGET] != other.get(TARGET) and not node.keys() <= other.keys():
                    names = [str(part[TARGET]).rpartition(".")[2] for part in (node, other)]
                    raise UserError(
                        f"{later.group}=[{first.short_name},{second.short_name}]: these don't go together. The {key} "
                        f"of {first.short_name} is {names[0]}, that of {second.short_name} is {names[1]}, and the last "
                        f"one counts. Put {first.short_name} last, or leave one of them out."
                    )


def _several_for_one(picks: Sequence[Pick]) -> str:
    """The message for several options, not all of one kind, in the place of one."""
    group, _, place = picks[0]
    key = group if place == group else f"{group}@{place}"
    names = ",".join(pick.name for pick in picks)
    together = {"model": " To combine models: model=mixture.", "data": " To mix data sets: data=mixture."}
    return (
        f"{key}=[{names}] picks {len(picks)} for one run, which takes one.{together.get(group, '')} For a run with "
        f"each, leave the brackets out: bakeoff run -m {key}={names}, or bakeoff compare {key}={names}."
    )


def _check_whole(full: Mapping[str, Any]) -> None:
    """UserError where a part of the configuration is missing, or is no part: ~tracking, '+model={}'."""
    for key in _PICKED:
        if key not in full:
            raise UserError(f"{key} is missing. {_allowed(key)}")
    for key, default in top_level().items():
        if key not in full:
            raise UserError(f"{key} is missing. Set it, as {key}={default}.")
    for group in _PICKED:
        if not isinstance(full[group], Mapping) or not (TARGET in full[group] or group in LISTS):
            raise UserError(f"{group}={full[group]!r} is no option. {_allowed(group)}")


def _place(into: dict[str, Any], path: Sequence[str], content: Mapping[str, Any]) -> None:
    """Add the keys of an option that is nested in another, as a member of a mixture."""
    for name in path:
        if not isinstance(into.get(name), dict):  # missing, or an interpolation of another value
            into[name] = {}
        into = into[name]
    _merge(into, content)


def _merge(into: dict[str, Any], content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def _check_keys(full: Mapping[str, Any], bare: Mapping[str, Any], place: str, picks: Sequence[Pick]) -> None:
    """UserError for a key of the composed configuration that no picked option has."""
    for key, value in full.items():
        here = f"{place}{key}"
        if key not in bare:
            _refuse_of_command(here)
            allowed = sorted(str(name) for name in bare if name != TARGET)
            inside = f" of {place.rstrip('.')}" if place else ""
            near = _suggestion(here, value, str(key), allowed, picks)
            raise UserError(
                f"{here} is not an option: there is no {key!r}{inside}.{near} "
                f"Allowed: {', '.join(allowed) or 'none'}.{stands_in(here, picks)}"
            )
        if isinstance(value, Mapping) and isinstance(bare[key], Mapping):
            _check_keys(value, bare[key], f"{here}.", picks)
