"""The names of what is compared: systems and decoding strategies.

Runs that differ only in seed and decoding are one *system*: they have the same model, tokenizer, data, training,
budget, and options of each eval. A system has the name of its model's option. Where several systems share a name, the
settings in which they differ are added. Runs that ask different evals can be one system: an eval's options are compared
only between runs in which it measured something. A setting that several parts of a run share, such as the format of
data and tokenizer, is named once.

Names are short. Of long values, what they have in common at their beginning is left out. A picked option of many
differing settings, such as a format, is its name and the first letters of a hash: 'format=mine-3f2a1c'. The hash is
that of the option's settings alone, so a run that is added changes no other's. What stages of post-training reward is
such an option, and its name says which rewards: 'rewards=hands_back_in_time+length'.

A plugin whose text changed is another system, named by which text it is: 'tiny_gru=edit 2'.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from harness.common.dotted import flat
from harness.config.identity import SOURCE, WITHOUT_EFFECT
from harness.config.plugins import is_of_a_file, stem_of
from harness.config.settings import TARGET
from harness.runs.record import MISSED_BY, RunRecord

if TYPE_CHECKING:
    from harness.runs.index import Configured

    Recorded = RunRecord | Configured

DERIVED = frozenset(
    {
        "tokenizer.vocab_size",
        "tokenizer.fingerprint",
        "data.fingerprint",
        "data.train_bytes",
        "data.validation_bytes",
        "data.test_bytes",
        "data.test_problems_seen_in_training",
        *(f"budget.{name}" for name in MISSED_BY),
    }
)
"""Values of a record that follow from its settings, and aren't settings themselves."""
_LONGEST_VALUE = 24  # characters
_MOST_SETTINGS = 3  # of a picked option, before a hash stands for them


def settings_of(records: Sequence[Recorded], whole: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The settings of each record's system, and of its decoding.

    A fit that they name counts without its seed: runs that continue from three seeds of one fit are one system. Where
    two runs of the same seed would then be the same, fits are named by their ids.
    whole: the records may be of several experiments. The experiment is a setting where two of them have the same
    settings and are not of the same fit or text.
    """
    systems, decodings = _by_recipe(records)
    if not whole:
        return systems, decodings
    unlike = _unlike(systems, decodings, records)
    named = [
        {**settings, "experiment": record.experiment} if repr(settings) in unlike else settings
        for settings, record in zip(systems, records, strict=True)
    ]
    return named, decodings


def _unlike(
    systems: Sequence[dict[str, Any]], decodings: Sequence[dict[str, Any]], records: Sequence[Recorded]
) -> set[str]:
    """The systems, as text, whose runs used different texts, or of one seed and decoding are not of the same fit."""
    texts: dict[str, set[object]] = {}
    fits: dict[tuple[str, str, int], set[tuple[str, str]]] = {}
    for settings, decoding, record in zip(systems, decodings, records, strict=True):
        texts.setdefault(repr(settings), set()).add(record.data.get("fingerprint"))
        of_run = fits.setdefault((repr(settings), repr(decoding), record.seed), set())
        of_run.add((record.fit_id, record.decoding_id))
    by_text = {system for system, fingerprints in texts.items() if len(fingerprints) > 1}
    return by_text | {system for (system, _, _), of_run in fits.items() if len(of_run) > 1}


def _by_recipe(records: Sequence[Recorded]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The settings of each record's system, and of its decoding, with the fits that they name as `settings_of` says."""
    systems = _with_edits([_system_settings(record) for record in records], records)
    decodings = _with_edits([flat({"decoding": record.decoding}) for record in records], records)
    by_recipe = [
        [_renamed(settings, record.recipes) for settings, record in zip(all_settings, records, strict=True)]
        for all_settings in (systems, decodings)
    ]
    fits: dict[str, str] = {}
    for system, decoding, record in zip(*by_recipe, records, strict=True):
        names = repr(sorted(record.recipes))
        if fits.setdefault(repr((system, decoding, record.seed)), names) != names:
            return systems, decodings
    return by_recipe[0], by_recipe[1]


def _renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The settings, with names replaced where a new name is known."""
    return {key: names.get(value, value) if isinstance(value, str) else value for key, value in settings.items()}


def _system_settings(record: Recorded) -> dict[str, Any]:
    """All settings that can change a result, except seed and decoding. An eval that measured nothing has no result."""
    settings = {
        "model": record.model,
        "tokenizer": record.tokenizer,
        "data": record.data,
        "training": record.training,
        "post": _with_named_rewards(record.post),
        "budget": record.budget,
        "evals": {name: options for name, options in record.evals.items() if name in record.measured},
    }
    dotted = flat({"model": {"name": record.family}} | settings)
    return {key: value for key, value in dotted.items() if key not in DERIVED and not key.endswith(WITHOUT_EFFECT)}


def _with_named_rewards(post: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of post-training, with a name for what they reward. What all reward alike is said once."""
    rewards = {
        stage: {"name": "+".join(sorted(options["rewards"])), **options["rewards"]}
        for stage, options in post.items()
        if isinstance(options, Mapping) and options.get("rewards")
    }
    if len({json.dumps(each, sort_keys=True, default=str) for each in rewards.values()}) == 1:
        stages = {
            stage: {key: value for key, value in options.items() if key != "rewards"} if stage in rewards else options
            for stage, options in post.items()
        }
        return {**stages, "rewards": next(iter(rewards.values()))}
    return {
        stage: {**options, "rewards": rewards[stage]} if stage in rewards else options
        for stage, options in post.items()
    }


def _with_edits(all_settings: Sequence[Mapping[str, Any]], records: Sequence[Recorded]) -> list[dict[str, Any]]:
    """The settings with classes of plugin files by name, and without hashes of sources. Where runs used several texts
    of a plugin, each has a setting that says which: 'edit 2' is the second one by when runs of it finished."""
    apart = [_plugins_apart(settings) for settings in all_settings]
    texts: dict[str, list[str]] = {}
    by_time = sorted(zip(records, apart, strict=True), key=lambda run: (run[0].finished_at, run[0].run_id))
    for _, (_, sources) in by_time:
        for key, source in sources.items():
            if source not in texts.setdefault(key, []):
                texts[key].append(source)
    return [
        settings
        | {key: f"edit {texts[key].index(source) + 1}" for key, source in sources.items() if len(texts[key]) > 1}
        for settings, sources in apart
    ]


def _plugins_apart(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings with classes of plugin files by name, without hashes; and what stands for the source of each plugin,
    under the key of a setting."""
    named: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, value in settings.items():
        parts = key.split(".")
        place = parts[: 2 if parts[0] in ("data", "tokenizer", "post", "evals") else 1]
        if parts[-1] == TARGET and is_of_a_file(str(value)):
            module, _, named[key] = str(value).rpartition(".")
            sources[".".join([*place, "edit", stem_of(value)])] = module
        elif parts[-1] == SOURCE:  # of an eval
            sources.setdefault(".".join([*place, "edit", place[1]]), str(value))
        else:
            named[key] = value
    return named, sources


def labels(all_settings: Sequence[Mapping[str, Any]], name_key: str) -> list[str]:
    """One label for each: its name, then the settings in which items of that name differ ('NAME, order=3'). A setting
    with the same name replaces the name: 'temperature=0.3'."""
    names = [str(settings.get(name_key)) for settings in all_settings]
    texts = []
    for name, differing in zip(names, differences(all_settings, name_key), strict=True):
        first = next((part for part in differing if part.startswith(f"{name}=")), name)
        texts.append(", ".join([first, *(part for part in differing if part != first)]))
    return texts


def differences(all_settings: Sequence[Mapping[str, Any]], name_key: str) -> list[list[str]]:
    """For each, the settings in which items of its name differ, as 'order=3'."""
    by_name: dict[str, list[int]] = {}
    for place, settings in enumerate(all_settings):
        by_name.setdefault(str(settings.get(name_key)), []).append(place)
    parts: list[list[str]] = [[] for _ in all_settings]
    for places in by_name.values():
        of_name = _hashed([all_settings[place] for place in places], name_key)
        for short, keys in _differing(of_name).items():
            values = {
                place: _plain(concerned[0], settings.get(concerned[0]))
                for place, settings in zip(places, of_name, strict=True)
                if (concerned := [key for key in keys if _concerns(key, settings)])
            }
            is_name = any(key.endswith(".name") for key in keys)  # it was chosen to be read
            shortened = {value: value for value in values.values()} if is_name else _shortened(set(values.values()))
            for place, value in values.items():
                parts[place].append(f"{short}={shortened[value]}")
    return parts


def _hashed(all_settings: Sequence[Mapping[str, Any]], name_key: str) -> list[Mapping[str, Any]]:
    """The settings, with a hash in place of those of each picked option of which more than a few differ: first of the
    options inside it. name_key: the option whose settings all stay."""
    names = {key for settings in all_settings for key in settings if key.endswith(".name")} - {name_key}
    groups = sorted((name.removesuffix("name") for name in names), key=len, reverse=True)  # inner ones first
    hashed = list(all_settings)
    for group in groups:
        for part in (inner for inner in groups if inner.startswith(group)):
            if len(_grouped(_options(group, hashed), hashed)) > _MOST_SETTINGS:
                hashed = _with_hash(part, hashed, all_settings)
    return hashed


def _options(group: str, all_settings: Sequence[Mapping[str, Any]]) -> set[str]:
    """The settings of a picked option, without its name. group: where it stands, as 'data.'."""
    return {key for settings in all_settings for key in settings if key.startswith(group)} - {f"{group}name"}


def _with_hash(
    group: str, all_settings: Sequence[Mapping[str, Any]], originals: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The settings with a hash in place of those of a picked option, if some differ. It is part of the option's name
    where that name isn't enough. originals: the settings before other options were hashed."""
    name, options = f"{group}name", _options(group, all_settings)
    if not _grouped(options, all_settings):
        return list(all_settings)
    texts = [_text(group, settings) for settings in originals]
    texts_of: dict[str, set[str]] = {}
    for settings, text in zip(all_settings, texts, strict=True):
        texts_of.setdefault(str(settings.get(name)), set()).add(text)
    return [
        {key: value for key, value in settings.items() if key not in options}
        | ({name: f"{own}-{_hash(text)}"} if len(texts_of[own := str(settings.get(name))]) > 1 else {})
        for settings, text in zip(all_settings, texts, strict=True)
    ]


def _text(group: str, settings: Mapping[str, Any]) -> str:
    """All settings of a picked option, the same wherever it stands. group: its place, as 'data.'."""
    own = {key.removeprefix(group): value for key, value in settings.items() if key.startswith(group)}
    return json.dumps(own, sort_keys=True, default=str)


def _shortened(values: Set[str]) -> dict[str, str]:
    """A short text for each of several values, which tells it from the others."""
    if all(len(value) <= _LONGEST_VALUE for value in values):
        return {value: value for value in values}
    common = sum(1 for _ in itertools.takewhile(lambda chars: len(set(chars)) == 1, zip(*values, strict=False)))
    if common and all(len(value) - common < _LONGEST_VALUE for value in values):
        return {value: f"…{value[common:]}" for value in values}
    return {
        value: value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE // 2]}…{_hash(value)}"
        for value in values
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def differences_in_experiments(records: Sequence[Recorded]) -> list[tuple[str, ...]]:
    """For each record, what tells it from others of its experiment: its model's options where others of its family have
    other ones, its decoding's likewise, and whatever else differs in the experiment."""
    places: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        places.setdefault(record.experiment, []).append(place)
    texts: dict[int, tuple[str, ...]] = {}
    for members in places.values():
        systems, strategies = settings_of([records[place] for place in members], whole=False)
        models = [_part(settings, of_model=True) for settings in systems]
        others = [_part(settings, of_model=False) for settings in systems]
        named = (differences(models, "model.name"), differences(strategies, "decoding.name"), differences(others, ""))
        texts |= {place: tuple(itertools.chain(*parts)) for place, *parts in zip(members, *named, strict=True)}
    return [texts[place] for place in range(len(records))]


def _part(settings: Mapping[str, Any], of_model: bool) -> dict[str, Any]:
    """The settings of the model, or all others."""
    return {key: value for key, value in settings.items() if key.startswith("model.") == of_model}


def _differing(all_settings: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The keys with several values, by short name where it is unique; keys of one short name and always the same value
    together. A key that follows from another picked option (the options of another data set) is left out."""
    groups = _grouped({key for settings in all_settings for key in settings}, all_settings)
    shorts = Counter(_short(group[0]) for group in groups)
    return {(_short(group[0]) if shorts[_short(group[0])] == 1 else group[0]): group for group in groups}


def _grouped(keys: Set[str], all_settings: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Those of the keys with several values: keys of one short name and always the same value together. A key that
    follows from another picked option is left out."""
    differing = [key for key in sorted(keys) if _differ(key, all_settings)]
    picked = [key for key in differing if key.endswith((".name", f".{TARGET}"))]
    groups: list[list[str]] = []
    for key in differing:
        if any(_follows(key, name, all_settings) for name in picked):
            continue
        alike = (group for group in groups if _short(group[0]) == _short(key) and _equal(group[0], key, all_settings))
        group = next(alike, None)
        if group is None:
            groups.append([key])
        else:
            group.append(key)
    return groups


def _equal(first: str, second: str, all_settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two keys have the same value wherever both are."""
    both = [settings for settings in all_settings if first in settings and second in settings]
    return bool(both) and all(settings[first] == settings[second] for settings in both)


def _follows(key: str, name: str, all_settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key has one value for each option of its group. name: the key of that option, as 'data.name'."""
    if key == name or not key.startswith(name[: name.rindex(".") + 1]):
        return False
    pairs = {(json.dumps(s.get(name), default=str), json.dumps(s.get(key), default=str)) for s in all_settings}
    return len(pairs) == len({picked for picked, _ in pairs})


def _differ(key: str, all_settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a setting has several values among the runs that it concerns."""
    first = all_settings[0].get(key)
    if all(settings.get(key) == first for settings in all_settings):  # most settings
        return False
    concerned = [settings for settings in all_settings if _concerns(key, settings)]
    return len({json.dumps(settings.get(key), default=str) for settings in concerned}) > 1


def _concerns(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting concerns a run: an eval's options concern runs that ask it, those of a model, a data set, a
    tokenizer or a stage runs that use it, the experiment runs that it tells apart."""
    is_of_a_part = key.startswith(("model.", "data.config.", "tokenizer.config.", "post.")) and key != "post.name"
    if is_of_a_part or key == "experiment":
        return key in settings
    return not key.startswith("evals.") or any(other.startswith(_eval_prefix(key)) for other in settings)


def _eval_prefix(key: str) -> str:
    """'evals.NAME.option' -> 'evals.NAME.'."""
    return ".".join(key.split(".")[:2]) + "."


def _short(key: str) -> str:
    """'model.order' -> 'order', but 'tokenizer.name' -> 'tokenizer'."""
    parts = key.split(".")
    return parts[-2] if parts[-1] in {"name", TARGET} and len(parts) > 1 else parts[-1]


def _plain(key: str, value: Any) -> str:
    if key.endswith(TARGET):
        module, _, cls = str(value).rpartition(".")
        option = module.rpartition(".")[2]  # what a user picks: 'head' for 'harness.preferences.head.Head'
        return option if option.replace("_", "") == cls.lower() else cls
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        for size, letter in ((1_000_000, "M"), (1_000, "k")):
            if value and value % size == 0:
                return f"{value // size}{letter}"
    return "none" if value is None else str(value)
