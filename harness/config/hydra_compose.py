"""Composes a configuration with Hydra: the picked options and overrides become plain values.

Only this module and `harness.runs.sweep` know Hydra and OmegaConf. Hydra searches bakeoff's conf/, then the conf/ of
every installed plugin package. Options of Python files come from `harness.config.options`.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from harness.config.options import GROUPS, LISTS, YAML, conf_dir, is_file, option
from harness.config.plugins import SUFFIX, packages

if typing.TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath

REFUSALS = (HydraException, OmegaConfBaseException)
"""What is raised where the overrides can't be composed."""


class Pick(NamedTuple):
    """An option that was picked: its group, its name, and the part of the configuration that it fills."""

    group: str
    name: str
    place: str


def parses(override: str) -> bool:
    """Whether Hydra's grammar can read an override."""
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True


def value_of(override: str) -> Any:
    """The value that an override sets."""
    return OverridesParser.create().parse_override(override).value()


def is_sweep(override: str) -> bool:
    """Whether an override has several values, of which each is for a run of its own."""
    try:
        return OverridesParser.create().parse_override(override).is_sweep_override()
    except HydraException:
        return False


def composed(overrides: Sequence[str]) -> tuple[dict[str, Any], list[Pick]]:
    """The resolved configuration and the picked options, in order; the caller may change them."""
    picked = [override for override in overrides if not _sets_a_value(override)]
    # what is added or removed must be done in the order in which it is written, so Hydra does all of it
    if any(override.startswith(("+", "~")) for override in picked):
        picked = list(overrides)
    names_files = any(suffix in override for override in picked for suffix in (SUFFIX, YAML))
    make = _configuration if names_files else _configuration_before  # a file may have changed since
    configuration, picks = make(tuple(picked))
    configuration = copy.deepcopy(configuration)
    try:
        for override in OverridesParser.create().parse_overrides([each for each in overrides if each not in picked]):
            OmegaConf.update(configuration, override.key_or_group, override.value(), merge=True)
    except OmegaConfBaseException:
        _configuration(tuple(overrides))  # Hydra's own message says more
        raise
    plain = OmegaConf.to_container(configuration, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return typing.cast(dict[str, Any], plain), list(picks)


def _sets_a_value(override: str) -> bool:
    """Whether an override sets a key that is there: it picks nothing, and adds and removes no key."""
    key = override.partition("=")[0]
    return "@" not in key and key not in GROUPS and not key.startswith(("+", "~", "hydra"))


def _configuration(overrides: tuple[str, ...]) -> tuple[DictConfig, list[Pick]]:
    """Hydra's configuration, with its references to other values, and the picked options. Takes some 20 ms."""
    with loader() as configurations:
        configuration = configurations.load_configuration("config", list(overrides), RunMode.RUN, from_shell=False)
    with open_dict(configuration):
        del configuration["hydra"]
    paths = [(str(default.config_path).partition("/"), str(default.package)) for default in configurations.picked]
    return configuration, [
        Pick(group, name, place) for (group, slash, name), place in paths if slash and group in GROUPS
    ]


_configuration_before = functools.cache(_configuration)
"""The same, remembered: the runs of a sweep have few picks and many values."""


class _Repository(ConfigRepository):
    """The files of configurations, of which each is read once: a process composes many runs of the same options."""

    _read: typing.ClassVar[dict[tuple[str, str], ConfigResult]] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or source.scheme() == _PluginFiles.scheme():  # the user's own files may change
            return super().load_config(config_path)
        file = (source.full_path(), config_path)
        if file not in self._read:
            loaded = super().load_config(config_path)
            assert loaded is not None
            self._read[file] = loaded
        return dataclasses.replace(self._read[file], config=copy.deepcopy(self._read[file].config))


class Loader(ConfigLoaderImpl):
    """Hydra's loader, which also tells what was picked: to have Hydra find that out again takes as long as to
    compose."""

    picked: Sequence[ResultDefault] = ()
    """The parts of the configuration that was loaded last, in order."""

    def __init__(self, search_path: ConfigSearchPath) -> None:
        super().__init__(search_path)
        self.repository = _Repository(search_path)

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        self.picked = defaults
        return super()._compose_config_from_defaults_list(defaults, repo)


@contextmanager
def loader() -> Iterator[Loader]:
    """Hydra's loader of configurations, set up for ours."""
    register()
    # Hydra allows one at a time, and a sweep's own is there while its jobs are composed
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield Loader(GlobalHydra.instance().config_loader().get_search_path())
    finally:
        GlobalHydra.instance().hydra = outer


def register() -> None:
    """Tell Hydra of the two kinds of plugins; needed before it is set up."""
    for plugin in (_PluginFolders, _PluginFiles):
        Plugins.instance().register(plugin)


class _PluginFolders(SearchPathPlugin):
    """The folders that Hydra searches for options after our conf/."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        # first, so that an installed eval or reward needs no line '# @package evals.NAME'
        search_path.append("files", f"{_PluginFiles.scheme()}://")
        for package in packages():
            search_path.append(package.name, f"file://{package.conf}")


class _PluginFiles(ConfigSource):
    """The options of files that the user names, which Hydra requests as 'evals/../my_eval.py', and what installed
    packages bring for groups of LISTS."""

    @staticmethod
    def scheme() -> str:
        return "bakeoff"

    def load_config(self, config_path: str) -> ConfigResult:
        group, _, name = config_path.partition("/")
        of_file = option(group, name)
        content = OmegaConf.create(dict(of_file.content))
        return ConfigResult(self.provider, config_path, content, {"package": of_file.package})

    def is_config(self, config_path: str) -> bool:
        group, _, name = config_path.partition("/")
        is_installed = group in LISTS and any((each.conf / f"{config_path}.yaml").is_file() for each in packages())
        return is_file(name) or is_installed

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []
