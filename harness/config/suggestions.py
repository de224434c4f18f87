"""Where an option is that a user looked for in the wrong place: what a message suggests, as a line that works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.config.options import GROUPS, LISTS, Option, is_file, option, options
from harness.config.settings import TARGET

if TYPE_CHECKING:
    from harness.config.hydra_compose import Pick

Path = tuple[str, ...]
"""The keys that lead to an option within its group: ('transforms', 'top_p', 'p')."""


def nearby(key: str, value: str, picks: Sequence[Pick]) -> str:
    """Where else in its group an option of this name is: in what was picked, else in another option of the group.

    key: what is no option, as 'decoding.p'; value: what it was set to. '' where the group has none of the name.
    """
    around = [pick for pick in picks if pick.place and key.startswith(f"{pick.place}.")]
    if not around:
        return _of_a_list(key, value, picks)
    place = max((pick.place for pick in around), key=len)
    within = [pick for pick in picks if f"{pick.place}.".startswith(f"{place}.")]
    return _of_picks(sorted(within, key=_depth), key) or _of_others(
        [pick for pick in around if pick.place == place], tuple(key.removeprefix(f"{place}.").split(".")), value
    )


def anywhere(key: str, value: str, picks: Sequence[Pick]) -> str:
    """As `nearby`, but in all groups, for 'order' or 'training.tokens'."""
    picks = [pick for pick in picks if pick.group != "experiment"]
    picked = {group: [pick for pick in picks if pick.place == group] for group in GROUPS}
    suggestions = (_of_others(of_group, tuple(key.split(".")), value) for of_group in picked.values() if of_group)
    return _of_picks(sorted(picks, key=_depth), key) or next(filter(None, suggestions), "")


def stands_in(key: str, picks: Sequence[Pick]) -> str:
    """' It is set in my_experiment.yaml.' for a key that a picked experiment sets or sweeps, else ''."""
    for pick in picks:
        if pick.group != "experiment":
            continue
        content = option("experiment", pick.name).content
        swept = (content.get("hydra") or {}).get("sweeper", {}).get("params") or {}
        for path in (*_paths(content), *(tuple(each.split(".")) for each in swept)):
            written = ".".join(path)
            of_one_pick = f"{path[0]}.{'.'.join(path[2:])}"  # model.ngram.order sets model.order
            if f"{written}.".startswith(f"{key}.") or of_one_pick == key:
                return f" It is set in {pick.name if is_file(pick.name) else f'experiment={pick.name}'}."
    return ""


def _depth(pick: Pick) -> int:
    return pick.place.count(".")


def _of_picks(picks: Sequence[Pick], key: str) -> str:
    """The option of that name that comes first in what was picked."""
    for pick in picks:
        for path in _paths(option(pick.group, pick.name).content):
            there = ".".join((pick.place, *path))
            if path[-1] == key.rpartition(".")[2] and there != key:
                return f" Did you mean {there}?"
    return ""


def _of_others(picks: Sequence[Pick], written: Path, value: str) -> str:
    """What to write for an option that those in the place of these picks don't have, but others of the group."""
    group, place = picks[0].group, picks[0].place
    picked = [option(group, pick.name) for pick in picks]
    having: dict[str, Path] = {}
    for name in options(group):
        paths = [path for path in _paths(option(group, name).content) if path[-1] == written[-1]]
        if paths:
            having[name] = written if written in paths else paths[0]
    if not having:
        return ""
    having = {name: path for name, path in having.items() if name in written} or having
    having = {name: path for name, path in having.items() if path == written} or having
    name, path = next(iter(having.items()))
    inner = ".".join(path)
    pick = _with(picked, option(group, name)) if place == group else f"{group}@{place}={name}"
    in_a_sweep = f"; in a sweep, {group}.{name}.{inner}={value} is for its runs alone" if place == group else ""
    return (
        f" It is an option of {group}={', '.join(having)}, but {group}={'+'.join(each.name for each in picked)} is "
        f"picked. Write {pick} {place}.{inner}={value}{in_a_sweep}."
    )


def _with(picked: Sequence[Option], other: Option) -> str:
    """How the other option is picked; of strategies that pick tokens in the same way, after those that were picked."""
    if other.group != "decoding" or any(each.content.get("chooser") != other.content.get("chooser") for each in picked):
        return f"{other.group}={other.name}"
    return f"'{other.group}=[{','.join(each.name for each in (*picked, other))}]'"


def _of_a_list(key: str, value: str, picks: Sequence[Pick]) -> str:
    """What to write for an option of an eval, a reward or a stage that wasn't picked."""
    group, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if group not in LISTS or name not in options(group):
        return ""
    picked = [pick.name for pick in picks if pick.group == group]
    what = {"evals": "eval", "rewards": "reward", "post": "stage"}[group]
    return f" The {what} {name} isn't picked. Write '{group}=[{','.join([*picked, name])}]' {key}={value}."


def _paths(node: Mapping[str, Any]) -> Iterator[Path]:
    """The path of every value in nested mappings."""
    for key, value in node.items():
        if key in (TARGET, "defaults"):
            continue
        if isinstance(value, Mapping) and value:
            yield from ((str(key), *path) for path in _paths(value))
        else:
            yield (str(key),)
