"""The options of each group, with their keys and their source.

An option is a YAML file in conf/<group>, ours or an installed plugin's, or one anywhere that the user names by its path
(format=./mine.yaml); or a Python file that the user names (see harness/config/plugins.py). The keys of a Python file
are those in the YAML file of the same name beside it. Without one, they are the fields of the one class in it that fits
the group, with their defaults.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from harness.common.errors import UserError, closest
from harness.common.files import expanded
from harness.common.reading import read_bytes
from harness.config import plugins
from harness.config.identity import plain
from harness.config.settings import TARGET, targets
from harness.config.yaml_text import plain_values

GROUPS = (
    "model", "tokenizer", "data", "format", "training", "budget", "post", "rewards", "ratings", "preference",
    "decoding", "evals", "tracking", "experiment",
)  # fmt: skip
"""The folders of conf/ that a user picks from."""
LISTS = ("post", "rewards", "evals")
"""The groups of which several options are picked, or none, each with its settings under its own name."""
OWN = "bakeoff"
"""The source of bakeoff's own options."""
MISSING = "???"
"""The value of an option that has no default."""
YAML = ".yaml"
_SAVED = frozenset({"models.settings.adapted.AdaptedConfig", "models.settings.tilted.TiltedConfig"})
"""Classes of ours that saved fits name, and no option: what post-training makes."""
_OF_FILES = {
    "model": "a model",
    "tokenizer": "a tokenizer",
    "data": "a data set",
    "rewards": "a reward",
    "decoding": "a decoding strategy",
    "evals": "an eval",
}
"""The groups that take a Python file, and what it holds."""


@dataclass(frozen=True)
class Option:
    """One option of a group."""

    group: str
    name: str
    """As it is picked: 'ngram', or './my_model.py'."""
    source: str
    """'bakeoff', a distribution with its version, or the path of a file."""
    content: Mapping[str, Any]
    """Its keys, with their defaults."""
    about: str
    """One line that says what it is."""

    @property
    def short_name(self) -> str:
        """The name to file results under, and the key in a group of LISTS: 'my_model' for './my_model.py'."""
        return Path(self.name).stem if is_file(self.name) else self.name

    @property
    def package(self) -> str:
        """The part of the configuration that it fills when it is picked."""
        if self.group in LISTS:
            return f"{self.group}.{self.short_name}"
        return "_global_" if self.group == "experiment" else self.group


@functools.cache
def conf_dir() -> Path:
    """conf/ beside the checkout's packages, or its copy inside an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise UserError(f"bakeoff's configuration folder is missing beside {package}. Install bakeoff again.")


def options(group: str) -> list[str]:
    """The names that `group=` accepts, besides files."""
    return sorted(_paths(group))


def top_level() -> dict[str, Any]:
    """The settings that are in no group, with their defaults."""
    content, _ = _read(conf_dir() / "config.yaml")
    return {name: value for name, value in content.items() if name not in ("defaults", "hydra")}


def is_file(name: str) -> bool:
    """Whether an option is picked by the path of a Python or YAML file."""
    return name.endswith((plugins.SUFFIX, YAML))


def quoted(text: str) -> str:
    """A text as an override's value: as it is where it is a plain word or path, else in quotes."""
    words = ("null", "true", "false", "nan", "inf")
    if re.fullmatch(r"(\.{0,2}/|[A-Za-z_])[\w./-]*", text, flags=re.ASCII) and text.lower() not in words:
        return text
    # in quotes, backslashes count only before the quote that ends the text and before ${, which is an interpolation
    escaped = re.sub(r"(\\*)('|\Z)", lambda match: 2 * match[1] + match[2].replace("'", "\\'"), text)
    escaped = re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + "\\${", escaped)
    return f"'{escaped}'"


def option(group: str, name: str) -> Option:
    """An option by name or by its file's path. UserError where there is none, or where its file can't be used."""
    if name.endswith(YAML):
        path = expanded(name)
        content, about = _read(path.absolute(), f"{group}={name}: ")
        if group == "experiment":
            _check_experiment(path, content)
        return Option(group, name, str(path), content, about)
    if is_file(name) and group in _OF_FILES:
        return _file_option(group, name)
    paths = _paths(group)
    if name not in paths:
        raise UserError(unknown(group, name))
    source, path = paths[name]
    return Option(group, name, source, *_read(path))


def unknown(group: str, name: str) -> str:
    """The message for an option that doesn't exist."""
    allowed = options(group)
    suffixes = (plugins.SUFFIX, YAML) if group in _OF_FILES else (YAML,)
    other = f"; or a file of yours, as {' or '.join(f'{group}=./my_{group}{suffix}' for suffix in suffixes)}"
    elsewhere = [_how_to_pick(owner, name) for owner in _OF_FILES if owner != group and name in options(owner)]
    files = [f"./{name}{suffix}" for suffix in suffixes if Path(f"{name}{suffix}").is_file()]
    if files:
        near = f" Did you mean {files[0]!r}?"
    elif group == "data" and Path(name).exists():
        near = f" For the text of that {'folder' if Path(name).is_dir() else 'file'}: data=text {_texts(name)}."
    else:
        near = f" It is {'; or '.join(elsewhere)}." if elsewhere else closest(name, allowed)
    return f"{group}={name} is not known.{near} Allowed: {', '.join(allowed)}{other}."


def _texts(name: str) -> str:
    """The option that names a file, or the text files of a folder, as a shell reads it."""
    path = f"{name}/**/*.txt" if Path(name).is_dir() else name
    return shlex.quote(f"data.paths=[{quoted(path)}]")


def _how_to_pick(group: str, name: str) -> str:
    """As 'a model: pick it with model=lstm, check it with `bakeoff check model lstm`'."""
    pick = f"'evals=[{quoted(name)}]'" if group == "evals" else f"{group}={quoted(name)}"
    return f"{_OF_FILES[group]}: pick it with {pick}, check it with `bakeoff check {group.removesuffix('s')} {name}`"


def check_target(picked: Option, node: Any) -> None:
    """UserError where the values of an option lack the line that names their class. node: its part of the
    configuration."""
    if not isinstance(node, Mapping) or TARGET in node:
        return
    file = Path(picked.name).with_suffix(YAML) if is_file(picked.name) else picked.source
    likely = _likely_targets(picked)
    raise UserError(
        f"{picked.group}={picked.name}: {file} has no line {TARGET}, which says what its values are for. Add "
        f"{'this line' if len(likely) == 1 else 'one of these lines'} at its top level:"
        + "".join(f"\n{TARGET}: {target}" for target in likely)
    )


def _likely_targets(picked: Option) -> list[str]:
    """What the missing `_target_` of an option's file may be: the classes in the Python file of the same name, else
    those of the options of the group with nearly the same keys."""
    if picked.name.endswith(plugins.SUFFIX) and picked.group != "decoding":
        path = Path(picked.name)
        return [f"{path.stem}.{cls.__name__}" for cls in _classes(plugins.module_of(path), _kinds(picked.group))]
    contents = [option(picked.group, name).content for name in options(picked.group)]
    num_other = [len(content.keys() ^ {TARGET, *picked.content}) for content in contents]
    alike = [content for content, number in zip(contents, num_other, strict=True) if number == min(num_other)]
    return list(dict.fromkeys(str(content[TARGET]) for content in alike))


def known_targets() -> dict[str, str]:
    """Every `_target_` that an installed option names, and the option's group."""
    return {target: group for target, (group, _) in _known_targets().items()}


@functools.cache
def name_of_class(group: str, target: str) -> str:
    """The installed option of a group that names this class; the class's own name where none does."""
    classes = {option(group, name).content.get(TARGET): name for name in options(group)}
    return classes.get(target, target.rpartition(".")[2])


def _known_targets() -> dict[str, tuple[str, str]]:
    """The group and the source of every `_target_` that an installed option names."""
    return {
        target: (group, source)
        for group in GROUPS
        for source, path in _paths(group).values()
        for target in _targets_in(path, path.stat().st_mtime_ns)
    }


@functools.cache
def _targets_in(path: Path, changed_at: int) -> tuple[str, ...]:
    """Every `_target_` in a YAML file. changed_at: when the file was changed last; a changed file is read again."""
    return tuple(targets(_read(path)[0]))


def relocated(node: Any) -> Any:
    """Plain values from a saved file, in which classes that have moved since are named by their present module.

    A class has moved where no installed option names its target, and options of the same source name exactly one class
    of the same name. All other targets stay as they are.
    """
    known = _known_targets()

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        values = {key: renamed(item) for key, item in value.items()}
        target = str(values.get(TARGET, ""))
        if target and target not in known:
            module, _, name = target.rpartition(".")
            source = _source_of(module)
            namesakes = {other for other, (_, of) in known.items() if of == source and other.endswith(f".{name}")}
            if len(namesakes) == 1:
                values[TARGET] = namesakes.pop()
        return values

    return renamed(node)


def _source_of(module: str) -> str | None:
    """The source whose package a module is in; None where no installed source has that package."""
    top = module.partition(".")[0]
    if top in plugins.OWN_PACKAGES:
        return OWN
    return next((package.name for package in plugins.packages() if package.module.partition(".")[0] == top), None)


def foreign_targets(node: Any) -> list[str]:
    """The targets in plain values that are in neither an installed option nor a file that the user named. They must not
    be imported only because a saved file names them."""
    loaded = tuple(f"{plugin.module}." for plugin in plugins.loaded_files())
    known = known_targets().keys() | _SAVED
    return sorted({target for target in targets(node) if target not in known and not target.startswith(loaded)})


def files_of(node: Any) -> dict[str, str]:
    """The plugin files with classes that plain values name: each module's path."""
    modules = {target.rpartition(".")[0] for target in targets(node)}
    return {plugin.module: str(plugin.path) for plugin in plugins.loaded_files() if plugin.module in modules}


def _paths(group: str) -> dict[str, tuple[str, Path]]:
    """Each option's source and YAML file. UserError where two sources bring the same name."""
    paths: dict[str, tuple[str, Path]] = {}
    folders = [(OWN, conf_dir()), *((package.name, package.conf) for package in plugins.packages())]
    for source, folder in folders:
        for path in sorted((folder / group).glob("*.yaml")):
            if path.stem in paths:
                raise UserError(
                    f"{group}={path.stem} is in both {paths[path.stem][0]} and {source}. Uninstall one of them."
                )
            paths[path.stem] = (source, path)
    return paths


def _read(path: Path, asked: str = "") -> tuple[dict[str, Any], str]:
    """The keys that a YAML file spells out, and the sentence that describes it: the first one of its comments. asked:
    how the user named it, for messages."""
    try:
        text = read_bytes(path).decode("utf-8")
        content = plain_values(text)
    except OSError as error:
        raise UserError(f"{asked}{path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{asked}{path} is not valid YAML: {error}") from None
    if not isinstance(content, dict) or not content:
        raise UserError(
            f"{asked}{path} holds no keys with values. Begin with a copy of the YAML file of another option."
        )
    return content, _first_sentence(text)


def comments(group: str, name: str) -> dict[str, str]:
    """What the comments in an option's YAML file say, by the dotted name of the key that they stand above. UserError
    where there is no such option."""
    option(group, name)
    _, path = _paths(group)[name]
    said: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    comment = ""
    for line in read_bytes(path).decode("utf-8").splitlines():
        indent, bare = len(line) - len(line.lstrip()), line.strip()
        if bare.startswith("# "):
            comment = f"{comment} {bare.removeprefix('# ')}".strip()
            continue
        key, colon, _ = bare.partition(":")
        if colon and not bare.startswith("-"):
            above = [(depth, other) for depth, other in above if depth < indent] + [(indent, key)]
            if comment and key != TARGET:
                said[".".join(other for _, other in above)] = comment
        comment = ""
    return said


def _check_experiment(path: Path, content: Mapping[str, Any]) -> None:
    """UserError where an experiment picks an option among its values, or in its defaults without 'override'."""
    picks = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    for item in content.get("defaults") or ():
        picks |= {key.lstrip("/"): value for key, value in item.items()} if isinstance(item, Mapping) else {}
    if wrong := [group for group in GROUPS if group in picks]:
        lines = "".join(
            f"\n  - override /{group}: {yaml.safe_dump(picks[group], default_flow_style=True).split(chr(10))[0]}"
            for group in wrong
        )
        raise UserError(f"{path} picks {', '.join(wrong)} in a way that isn't read. Write under defaults:{lines}")


def _first_sentence(yaml_text: str) -> str:
    """The first line of comment in a YAML file, with the lines that its sentence goes on in."""
    lines = [line for line in yaml_text.splitlines() if not line.startswith("# @package")]
    comments = itertools.takewhile(
        lambda line: line.startswith("# "), itertools.dropwhile(lambda line: not line.startswith("# "), lines)
    )
    sentence = ""
    for line in comments:
        sentence = f"{sentence} {line.removeprefix('# ')}".strip()
        if sentence.endswith((".", "?", "!")):
            break
    return sentence


def _file_option(group: str, name: str) -> Option:
    plugin = plugins.read_file(Path(name))
    if plugin.error is not None:
        raise plugin.error
    module = plugins.import_module(plugin.module)
    if not _classes(module, _kinds(group)):
        for other in _OF_FILES:
            if classes := _classes(module, _kinds(other)):
                raise UserError(
                    f"{group}={name}: {plugin.path} does not hold {_OF_FILES[group]}. Its {classes[0].__name__} is "
                    f"{_how_to_pick(other, name)}."
                )
    beside = plugin.path.with_suffix(".yaml")
    if beside.is_file():
        content, about = _read(beside)
        return Option(group, name, str(plugin.path), _renamed(content, plugin), about)
    about = (inspect.getdoc(module) or "").partition("\n")[0]
    return Option(group, name, str(plugin.path), _spelled_out(module, group), about)


def _renamed(node: Any, plugin: plugins.FilePlugin) -> Any:
    """A YAML file's content, in which a target 'my_eval.MyEval' beside my_eval.py is a class of that file."""
    if isinstance(node, list):
        return [_renamed(item, plugin) for item in node]
    if not isinstance(node, Mapping):
        return node
    prefix = f"{plugin.path.stem}."
    renamed = {key: _renamed(value, plugin) for key, value in node.items()}
    if str(renamed.get(TARGET, "")).startswith(prefix):
        renamed[TARGET] = f"{plugin.module}.{renamed[TARGET].removeprefix(prefix)}"
    return renamed


def _spelled_out(module: ModuleType, group: str) -> dict[str, Any]:
    """The content of a YAML file for a module's classes."""
    if group == "decoding":
        return _strategy(module)
    [kind] = _kinds(group)
    classes = _classes(module, (kind,))
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes)
        raise UserError(
            f"{module.__file__} holds {names or f'no {kind.__name__}'}, but must hold exactly one {kind.__name__} to "
            f"be picked by {group}=: one dataclass (@dataclass(frozen=True)) derived from {kind.__module__}."
            f"{kind.__name__}, with every abstract method written. Classes whose name begins with _ don't count. "
            "`bakeoff new` writes a file to begin with."
        )
    return _fields(classes[0])


def _kinds(group: str) -> tuple[type, ...]:
    """The base classes of what a file for a group holds."""
    if group == "model":
        from models.language_model import ModelConfig

        return (ModelConfig,)
    if group == "tokenizer":
        from harness.text.tokenizers.tokenizer import TokenizerSettings

        return (TokenizerSettings,)
    if group == "data":
        from harness.text.data.corpus import DataSource

        return (DataSource,)
    if group == "rewards":
        from harness.completion.reward import Reward

        return (Reward,)
    if group == "decoding":
        from harness.completion.decoding.transform import Chooser, Transform
        from harness.completion.engine import Search

        return (Transform, Chooser, Search)
    from harness.evaluation.eval import Eval

    return (Eval,)


def _strategy(module: ModuleType) -> dict[str, Any]:
    """A decoding strategy of a module's transforms in their order, its chooser (else a draw) and its search (else one
    token at a time)."""
    from harness.completion.decoding.choosers import Draw
    from harness.completion.engine import DecodingStrategy, OneByOne

    transforms, choosers, searches = (_classes(module, (kind,)) for kind in _kinds("decoding"))
    if not (transforms or choosers or searches) or len(choosers) > 1 or len(searches) > 1:
        names = ", ".join(cls.__name__ for cls in (*transforms, *choosers, *searches))
        raise UserError(
            f"{module.__file__} holds {names or 'none'}, but must hold transforms, at most one chooser and at most one "
            "search to be picked by decoding=: dataclasses (@dataclass(frozen=True)) derived from Transform or "
            "Chooser of harness.completion.decoding.transform or Search of harness.completion.engine, with every "
            "abstract method written."
        )
    return {
        TARGET: f"{DecodingStrategy.__module__}.{DecodingStrategy.__qualname__}",
        "transforms": {_snake_case(transform.__name__): _fields(transform) for transform in transforms},
        "chooser": _fields(choosers[0] if choosers else Draw),
        "search": _fields(searches[0] if searches else OneByOne),
        "at_context_limit": DecodingStrategy.at_context_limit,
    }


def _classes(module: ModuleType, kinds: tuple[type, ...]) -> list[type]:
    """The settings classes of these kinds that a module defines, in their order."""
    return [
        member
        for name, member in vars(module).items()
        if isinstance(member, type)
        and issubclass(member, kinds)
        and member.__module__ == module.__name__
        and not name.startswith("_")
        and dataclasses.is_dataclass(member)
        and not inspect.isabstract(member)
    ]


def _fields(settings: type) -> dict[str, Any]:
    """A settings class and its fields' defaults as plain values."""
    assert dataclasses.is_dataclass(settings)
    values = {}
    for field in dataclasses.fields(settings):
        if field.default_factory is not dataclasses.MISSING:
            values[field.name] = plain(field.default_factory())
        elif field.default is not dataclasses.MISSING:
            values[field.name] = plain(field.default)
        else:
            values[field.name] = MISSING
    return {TARGET: f"{settings.__module__}.{settings.__qualname__}", **values}


def _snake_case(name: str) -> str:
    """'TopP' -> 'top_p'."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
