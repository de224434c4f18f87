"""Plugins: code from outside bakeoff, found by name.

There are two kinds. An installed distribution names a package under the entry-point group `bakeoff.plugins`; the
package has a folder conf/ like ours. Or a user gives the path of a Python file instead of an option's name, as in
`evals=[my_eval.py]`. Nothing else is imported: no file that happens to be there, and none because a saved run names it.

A file becomes a module whose name holds the hash of its source, as `bakeoff_file.my_eval_3fa9c1d2e4b5`. Python's own
`sys.modules` is the list of the files that were loaded. What is addressed by content (fits, answers, scores, runs)
holds the hash of a plugin's source (`source_sha256`): it changes with the source, and not with the file's path.

A plugin's source is its own text, the modules beside it (or in its package) that it imports, directly or not, and the
files that these declare: `READS = ["words.txt"]`, a list of texts at the top of a module, each a path from the module's
folder.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from harness.common.errors import PluginError, UserError
from harness.common.files import expanded
from harness.common.reading import read_bytes

ENTRY_POINTS = "bakeoff.plugins"
SUFFIX = ".py"
READS = "READS"
"""The name under which a module declares the files that it reads."""
_FILES = "bakeoff_file"
OWN_PACKAGES = ("harness", "models", "evals", "rewards")
_HASH_LENGTH = 12


@dataclass(frozen=True)
class Package:
    """An installed distribution that brings options."""

    name: str
    """The distribution's name and version: 'bakeoff-demo 0.1'."""
    module: str
    """The package that its entry point names."""
    folder: Path
    """The folder of that package."""

    @property
    def conf(self) -> Path:
        """Its folder of options, with a folder for each group."""
        return self.folder / "conf"


@functools.cache
def packages() -> tuple[Package, ...]:
    """Every installed plugin package, by module; none is imported. UserError where one is broken."""
    by_module = {}
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        name = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.name
        spec = importlib.util.find_spec(entry.value)
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        package = Package(name, entry.value, Path(folders[0] if folders else "."))
        if not folders or not package.conf.is_dir():
            raise UserError(
                f"the plugin {name} names {entry.value!r} under {ENTRY_POINTS!r}, but there is no package of that name "
                "with a folder conf/ in it. Install the plugin again, or uninstall it."
            )
        by_module[entry.value] = package
    return tuple(by_module[module] for module in sorted(by_module))


@functools.cache
def source_sha256(module: str) -> str | None:
    """The hash of a plugin's source: its text, the modules of its own that it imports, and the files that they declare.
    None for bakeoff's own modules. UserError where a declared file can't be read."""
    if (plugin := _loaded(module)) is not None:
        return plugin.sha256
    for package in packages():
        if (path := _path_of(module, package.folder, package.module)) is not None:
            return _digest(_source(module, path, path.read_bytes(), package.folder, package.module))
    return None


def _digest(source: Mapping[str, bytes]) -> str:
    """The hash of a plugin's source."""
    digest = hashlib.sha256()
    for name, content in sorted(source.items()):
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _source(name: str, path: Path, content: bytes, folder: Path, package: str) -> dict[str, bytes]:
    """The content of a module, of all modules of its package that it imports, directly or not, and of the files that
    these declare.

    folder: the package's. package: its name; "" for a plugin file, whose own name is "" too: the modules beside it then
    count as of one package. UserError where a declared file can't be read.
    """
    source: dict[str, bytes] = {}
    pending = [(name, path, content)]
    while pending:
        name, path, content = pending.pop()
        if name in source:
            continue
        source[name] = content
        for declared in _declared(content, path):
            try:
                source[f"{name}:{declared}"] = read_bytes(path.parent / declared)
            except OSError as error:
                raise UserError(
                    f"{path} declares that it reads {declared!r} ({READS}), which can't be read from {path.parent} "
                    f"({error.strerror}). Put the file there, or mend {READS}."
                ) from None
        outer = name.rpartition(".")[0]
        parent = name if path.name == f"__init__{SUFFIX}" else outer
        for imported in {outer, *_imported(content, parent)} - source.keys():
            if (imported_path := _path_of(imported, folder, package)) is not None:
                pending.append((imported, imported_path, imported_path.read_bytes()))
    return source


def _path_of(name: str, folder: Path, package: str) -> Path | None:
    """The file of a package's module; where package is "", of a module in the folder. None where there is none."""
    if package and not f"{name}.".startswith(f"{package}."):
        return None
    if not package and name.partition(".")[0] in {"", *OWN_PACKAGES}:
        return None
    inside = name.removeprefix(package).strip(".").replace(".", "/")
    paths = (folder / inside / f"__init__{SUFFIX}", folder / f"{inside}{SUFFIX}")
    return next((path for path in paths if path.is_file()), None)


def _declared(content: bytes, path: Path) -> list[str]:
    """The files that a module says it reads; none where it can't be parsed. UserError where it says so in another way
    than as a list of texts."""
    try:
        statements = ast.parse(content).body
    except (SyntaxError, ValueError):
        return []
    declared: list[str] = []
    for statement in statements:
        named = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if not any(isinstance(name, ast.Name) and name.id == READS for name in named):
            continue
        try:
            paths = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        except (ValueError, TypeError):
            paths = None
        if not isinstance(paths, list | tuple) or not all(isinstance(item, str) for item in paths):
            raise UserError(
                f"{path}:{statement.lineno}: {READS} must be a list of paths written out, as "
                f'{READS} = ["words.txt"]: it is read before the module is run.'
            )
        declared += paths
    return declared


def _imported(source: bytes, package: str) -> Iterator[str]:
    """The modules that a module in a package may import; none where it can't be parsed. package: "" for none."""
    with contextlib.suppress(SyntaxError, ValueError, ImportError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


@dataclass(frozen=True)
class FilePlugin:
    """A Python file that a user named."""

    path: Path
    sha256: str
    """Of its source."""
    error: PluginError | None
    """Why it can't be imported; None where it was."""

    @property
    def module(self) -> str:
        """The name of its module."""
        return f"{_FILES}.{self.path.stem}_{self.sha256[:_HASH_LENGTH]}"


def read_file(path: Path) -> FilePlugin:
    """Import a Python file that the user named; once, unless it changes.

    A file that fails is returned with its `error`. UserError where there is no such file, or none that it declares.
    """
    path = Path(os.path.abspath(expanded(path)))
    if path.suffix != SUFFIX or not path.stem.isidentifier():
        raise UserError(
            f"{path.name} can't be a plugin file: it must be a Python file ({SUFFIX}) whose name is made of letters, "
            "digits and '_'. Rename it."
        )
    if "_global_" in path.stem:
        raise UserError(
            f"{path.name} can't be a plugin file: '_global_' in a name stands for the whole configuration. Rename it."
        )
    try:
        content = read_bytes(path)
    except OSError as error:
        raise UserError(
            f"the plugin file {path} can't be read ({error.strerror}). Give its path from the current folder "
            f"({Path.cwd()}), or its absolute path."
        ) from None
    plugin = FilePlugin(path, _digest(_source("", path, content, path.parent, "")), None)
    return _loaded(plugin.module) or _execute(plugin, content)


def load(names: Iterable[str]) -> None:
    """Import the files that a user named. PluginError where one fails."""
    for name in names:
        if (failure := read_file(Path(name)).error) is not None:
            raise failure


def module_of(path: Path) -> ModuleType:
    """The module of a file that the user named. PluginError where it fails."""
    return import_module(read_file(path).module)


def loaded_files() -> tuple[FilePlugin, ...]:
    """The files that were named in this process."""
    plugins = [_loaded(name) for name in list(sys.modules) if is_of_a_file(name)]
    return tuple(plugin for plugin in plugins if plugin is not None)


def _loaded(module: str) -> FilePlugin | None:
    """The plugin file that a loaded module was made of; None for any other module."""
    spec = sys.modules[module].__spec__ if is_of_a_file(module) and module in sys.modules else None
    plugin: FilePlugin | None = spec.loader_state if spec is not None else None
    return plugin


def is_of_a_file(target: str) -> bool:
    """Whether a `_target_` is a class of a plugin file, loaded or not."""
    return target.startswith(f"{_FILES}.")


def stem_of(target: str) -> str:
    """The name of the plugin file of a `_target_`, without its suffix."""
    return target.split(".")[1][: -_HASH_LENGTH - 1]


def import_module(name: str) -> ModuleType:
    """A module by name. PluginError where its own code fails; UserError where a class of a plugin lacks methods;
    ImportError where there is no module of that name."""
    if (plugin := _loaded(name)) is not None and plugin.error is not None:
        raise plugin.error
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise
        raise PluginError(f"{name} can't be imported", error) from error
    if plugin is not None or any(f"{name}.".startswith(f"{package.module}.") for package in packages()):
        _refuse_abstract(module)
    return module


def _refuse_abstract(module: ModuleType) -> None:
    """UserError where a public class of a plugin lacks methods that bakeoff's base class asks for, and no other
    class in the module adds them."""
    classes = [
        member
        for name, member in vars(module).items()
        if isinstance(member, type) and member.__module__ == module.__name__ and not name.startswith("_")
    ]
    for cls in classes:
        bases = [base for base in cls.__mro__ if base.__module__.partition(".")[0] in OWN_PACKAGES]
        missing = sorted(
            name for name in getattr(cls, "__abstractmethods__", ()) if any(name in vars(base) for base in bases)
        )
        if missing and not any(other is not cls and issubclass(other, cls) for other in classes):
            raise UserError(
                f"{module.__file__}: {cls.__name__} lacks {', '.join(missing)}, which every {bases[0].__name__} must "
                f"have. Write {'it' if len(missing) == 1 else 'them'}; or begin the name with '_' where {cls.__name__} "
                "is only a base of other classes."
            )


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs the very bytes that were hashed, and leaves no bytecode beside the user's file."""

    def __init__(self, name: str, path: Path, content: bytes) -> None:
        super().__init__(name, str(path))
        self._content = content

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._content, self.path)


def _execute(plugin: FilePlugin, content: bytes) -> FilePlugin:
    """Make a module of a file's content. One whose code fails stays in `sys.modules`, with the error."""
    loader = _Loader(plugin.module, plugin.path, content)
    spec = importlib.util.spec_from_file_location(plugin.module, plugin.path, loader=loader)
    assert spec is not None
    spec.loader_state = plugin
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin.module] = module  # dataclasses look their own module up
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        plugin = dataclasses.replace(plugin, error=PluginError(f"{plugin.path} can't be imported", error))
        spec.loader_state = plugin
    except BaseException:
        del sys.modules[plugin.module]
        raise
    return plugin
