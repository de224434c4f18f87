"""The house holds: who may import whom, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAMILY_MODULES = {path.stem for path in (ROOT / "conf" / "model").glob("*.yaml")}
EVAL_MODULES = {path.stem for path in (ROOT / "conf" / "evals").glob("*.yaml")}
TORCH_FREE = (
    "errors",
    "record",
    "statistics",
    "resampling",
    "runs",
    "display",
    "config",
    "sweep",
    "main",
    "commands/__init__",
    "commands/runs",
    "commands/fits",
    "commands/plugins",
    "environment",
    "tracking",
    "plugins",
    "options",
    "settings",
)


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    """Every module that a file imports; with top_level_only those that load with it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if top_level_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            skipped.update(ast.walk(node))
        if top_level_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_models_know_token_ids_and_nothing_else() -> None:
    allowed = {"torch", "numpy", "numba", "safetensors", "models"}
    optional = {"hf_library.py": {"transformers"}}
    for path in files("models"):
        foreign = {name.split(".")[0] for name in imports(path)} - allowed - optional.get(path.name, set())
        unknown = {
            name for name in foreign if name not in __import__("sys").stdlib_module_names and name != "__future__"
        }
        assert not unknown, f"{path} imports {unknown}"


@pytest.mark.parametrize(("folder", "members"), [("models", FAMILY_MODULES), ("evals", EVAL_MODULES)])
def test_families_and_evals_never_import_one_another(folder: str, members: set[str]) -> None:
    for path in files(folder):
        if path.stem in members:
            others = {f"{folder}.{member}" for member in members - {path.stem}}
            assert not others & set(imports(path)), f"{path} imports another of its kind"


def test_the_harness_names_no_family_and_no_eval() -> None:
    named = {f"models.{name}" for name in FAMILY_MODULES} | {f"evals.{name}" for name in EVAL_MODULES} | {"evals"}
    for path in files("harness"):
        assert not named & set(imports(path)), f"{path} names a family or an eval"


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("hydra", {"harness/composition.py", "harness/sweep.py"}),
        ("omegaconf", {"harness/composition.py", "harness/sweep.py"}),
        ("wandb", {"harness/wandb_mirror.py"}),
        ("transformers", {"models/hf_library.py"}),
        ("lm_eval", {"harness/lm_eval/"}),
    ],
)
def test_each_outside_tool_is_known_to_one_or_two_modules_or_a_folder(library: str, places: set[str]) -> None:
    found = {
        path.relative_to(ROOT)
        for folder in ("harness", "models", "evals")
        for path in files(folder)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert {path.as_posix() if path.as_posix() in places else f"{path.parent.as_posix()}/" for path in found} == places


def test_what_must_start_fast_or_run_without_torch_imports_none_of_it() -> None:
    heavy = {"torch", "pandas", "wandb", "matplotlib", "sklearn", "scipy", "transformers", "lm_eval"}
    light = [ROOT / "harness" / f"{name}.py" for name in TORCH_FREE]
    for path in light:
        loaded = {name.split(".")[0] for name in imports(path, top_level_only=True)}
        allowed = {"statistics": {"scipy"}, "resampling": {"scipy"}}.get(path.stem, set())
        assert not loaded & (heavy - allowed), f"{path} loads {loaded & heavy} at its start"
    for path in files("harness/report"):
        assert "torch" not in {name.split(".")[0] for name in imports(path)}


def test_an_optional_library_is_imported_only_when_it_is_asked_for() -> None:
    for folder in ("harness", "models", "evals"):
        for path in files(folder):
            assert "models.hf_library" not in imports(path, top_level_only=True), path


def test_nothing_is_unpickled_or_evaluated() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
    for folder in ("harness", "models", "evals"):
        for path in files(folder):
            assert not forbidden & {name.split(".")[0] for name in imports(path)}, path
            tree = ast.parse(path.read_text(encoding="utf-8"))
            called = {
                node.func.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert not called & {"eval", "exec", "compile"}, path


def test_conf_holds_no_python() -> None:
    assert not list((ROOT / "conf").rglob("*.py"))
