"""The architecture: which modules may import which, read from the code. Imports inside functions and for type checkers
count too, unless a test says otherwise."""

from __future__ import annotations

import ast
import functools
import sys
from collections import defaultdict
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from harness.config.options import known_targets
from tests.conftest import ROOT

PACKAGES = ("harness", "models", "evals", "rewards")
HEAVY = {"torch", "pandas", "wandb", "matplotlib", "sklearn", "scipy", "transformers", "lm_eval", "numba"}


def name_of(path: Path) -> str:
    """A file's module: 'harness.common.visible'."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
OPTIONS = {target.rpartition(".")[0] for target, group in known_targets().items() if group == "model"}
FAMILIES = OPTIONS | {module.replace("models.settings.", "models.") for module in OPTIONS}
EVALS = {target.rpartition(".")[0] for target, group in known_targets().items() if group == "evals"}


@functools.cache
def imports(path: Path, only_at_start: bool = False) -> frozenset[str]:
    """Every module or name that a file imports; with only_at_start, only imports at the top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        deferred = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if only_at_start and (deferred or for_types):
            skipped.update(ast.walk(node))
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def module_in(imported: str) -> str | None:
    """The module of ours that an imported module or name is of; None for other people's."""
    while imported and imported not in MODULES:
        imported = imported.rpartition(".")[0]
    return imported or None


@functools.cache
def arrows(only_at_start: bool = False) -> dict[str, set[str]]:
    """For each of our modules, our modules that it imports."""
    return {
        name: {module for imported in imports(path, only_at_start) if (module := module_in(imported))} - {name}
        for name, path in MODULES.items()
    }


def room(module: str) -> str:
    """'harness.text' for anything in it; models and evals are one room each."""
    return ".".join(module.split(".")[:2]) if module.startswith("harness.") else module.split(".")[0]


def rooms() -> dict[str, set[str]]:
    """For each room, the rooms that it imports from."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, imported in arrows().items():
        found[room(module)] |= {room(other) for other in imported} - {room(module)}
    return found


def circle(graph: Mapping[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def loaded_with(module: str) -> set[str]:
    """Other people's packages that are loaded when a module is imported."""
    graph, outside, seen, left = arrows(only_at_start=True), set(), set(), [module]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            above = [name.rpartition(".")[0]] if "." in name else []
            left += [*graph[name], *above]
            outside |= {
                imported.split(".")[0]
                for imported in imports(MODULES[name], only_at_start=True)
                if not module_in(imported)
            }
    return outside


def test_no_files_import_one_another_in_a_circle() -> None:
    assert circle(arrows()) is None


def test_no_rooms_import_one_another_in_a_circle() -> None:
    assert circle(rooms()) is None


def test_the_harness_has_few_rooms_and_no_file_outside_of_them() -> None:
    folders = {path.name for path in (ROOT / "harness").iterdir() if (path / "__init__.py").is_file()}
    assert len(folders) <= 18
    assert [path.name for path in (ROOT / "harness").glob("*.py")] == ["__init__.py"]


def test_models_know_token_ids_and_nothing_else() -> None:
    allowed = {"torch", "numpy", "numba", "safetensors", "models", "__future__", *sys.stdlib_module_names}
    for name, path in MODULES.items():
        if room(name) == "models":
            foreign = {imported.split(".")[0] for imported in imports(path)} - allowed
            assert foreign <= ({"transformers"} if name == "models.hf_parts.library" else set()), (
                f"{path} imports {foreign}"
            )


@pytest.mark.parametrize("members", [FAMILIES, EVALS], ids=["families", "evals"])
def test_families_and_evals_never_import_one_another(members: set[str]) -> None:
    for name in members:
        others = {other for other in arrows()[name] & members if other.split(".")[-1] != name.split(".")[-1]}
        assert not others, f"{name} imports {others}"


def test_the_harness_names_no_family_and_no_eval() -> None:
    for name, imported in arrows().items():
        if room(name) not in ("models", "evals"):
            assert not imported & (FAMILIES | EVALS), f"{name} names a family or an eval"
            assert "evals" not in {room(other) for other in imported}, f"{name} imports from evals"


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("hydra", {"harness.config.hydra_compose", "harness.runs.sweep"}),
        ("omegaconf", {"harness.config.hydra_compose", "harness.runs.sweep"}),
        ("wandb", {"harness.runs.wandb_mirror"}),
        ("transformers", {"models.hf_parts.library", "harness.lm_eval.window"}),
        ("lm_eval", {"harness.lm_eval"}),
    ],
)
def test_each_outside_tool_is_known_to_one_or_two_modules_or_a_room(library: str, places: set[str]) -> None:
    for name, path in MODULES.items():
        if any(imported.split(".")[0] == library for imported in imports(path)):
            assert name in places or room(name) in places, f"{name} imports {library}"


def test_the_command_line_answers_before_anything_heavy_is_loaded() -> None:
    assert not loaded_with("harness.cli.main") & HEAVY


def test_the_options_of_families_and_evals_need_nothing_heavy() -> None:
    for name in OPTIONS | EVALS:
        assert not loaded_with(name) & HEAVY, name


def test_what_promises_to_need_no_torch_loads_none() -> None:
    promising = {
        name
        for name, path in MODULES.items()
        if "no torch" in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    }
    promising |= {name for name in MODULES if room(name) in ("harness.report", "harness.statistics", "harness.common")}
    assert len(promising) > 20
    for name in promising:
        assert not loaded_with(name) & {"torch", "hydra", "wandb"}, name


def test_an_optional_library_is_imported_only_when_it_is_asked_for() -> None:
    for name, imported in arrows(only_at_start=True).items():
        assert "models.hf_parts.library" not in imported, name


def test_nothing_is_unpickled_or_evaluated() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
    for path in MODULES.values():
        assert not forbidden & {name.split(".")[0] for name in imports(path)}, path
        called = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"eval", "exec", "compile"}, path


def test_conf_holds_no_python() -> None:
    assert not list((ROOT / "conf").rglob("*.py"))


# Each of these writes something other than a permanent file.
WRITERS = {
    "harness.workers.local_workers": "what a worker prints",
    "harness.common.files": "the door itself",
    "harness.common.environment": "a switch of the kernel's",
    "harness.cli.stopping": "standard streams",
    "harness.lm_eval.questions": "os.devnull",
}
BY_NAME = {"write_text", "write_bytes", "save_file", "savez", "savez_compressed", "copyfile", "copy2"}
BY_PATH = {"to_parquet", "to_csv", "to_json", "to_pickle", "to_feather", "to_html"}


def opens_to_write(call: ast.Call) -> bool:
    """Whether a call of `open(path, mode)` or `path.open(mode)` has a mode that writes."""
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes += call.args[0 if isinstance(call.func, ast.Attribute) else 1 :][:1]
    return any(isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+") for mode in modes)


def test_every_file_is_written_through_one_door() -> None:
    for name, path in MODULES.items():
        if room(name) in ("models", "evals") or name in WRITERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_method = isinstance(node.func, ast.Attribute)
            where = f"{path}:{node.lineno}: write through harness.common.files"
            assert not (called == "open" and opens_to_write(node)), where
            assert not (is_method and called in BY_NAME), where
            assert not (called in BY_PATH and node.args), where


PRINTERS = {
    "harness.common.terminal": "the door itself",
    "harness.common.progress": "a bar, its texts made visible",
    "harness.workers.display": "a table of runs, its texts made visible",
    "harness.cli.programs.completing": "a part of exported programs, which have nothing of ours",
    "harness.plugin_kit.elsewhere": "a digest, in a process of its own",
}


def test_everything_is_printed_through_one_door() -> None:
    for name, path in MODULES.items():
        if name in PRINTERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            prints = called in ("print", "Console", "rich.print") or called.endswith(("stdout.write", "stderr.write"))
            assert not prints, f"{path}:{node.lineno}: print through harness.common.terminal"
