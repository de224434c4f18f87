"""Tests mirror the source, so that a module's tests are easy to find.

A module of harness/, models/, evals/ or rewards/ is tested in tests/<its path>/test_<its name>.py. Excepted are
`__init__.py` and modules that define no function: constants and plain records have nothing to run. The other way
round, a test file is named after a module beside it in the source, or tests a whole folder: test_<folder>_as_a_whole.py
in the folder's tests or beside them. A proof over many modules is named after what it proves.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("harness", "models", "evals", "rewards")
WHOLE = "_as_a_whole"
PROOFS = (Path("harness/statistics/test_coverage.py"), Path("evals/test_floors.py"))


def defines_a_function(module: Path) -> bool:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(tree))


def is_to_be_tested(module: Path) -> bool:
    return module.name != "__init__.py" and defines_a_function(module)


def is_about_something(test: Path, root: Path) -> bool:
    """Whether a test file, relative to tests/, is about a module or a folder of the source."""
    if test in PROOFS:
        return True
    name = test.stem.removeprefix("test_")
    if not name.endswith(WHOLE):
        return (root / test.parent / f"{name}.py").is_file()
    folder = name.removesuffix(WHOLE)
    return (root / test.parent / folder).is_dir() or (test.parent.name == folder and (root / test.parent).is_dir())


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = []
    for module in filter(is_to_be_tested, modules()):
        relative = module.relative_to(ROOT)
        test = Path("tests") / relative.parent / f"test_{relative.name}"
        if not (ROOT / test).is_file():
            missing.append(str(test))
    assert not missing, "These are missing:\n" + "\n".join(missing)


def test_every_test_file_is_about_a_module_or_a_folder() -> None:
    tests = [path.relative_to(ROOT / "tests") for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    strays = [str(test) for test in tests if test.parts[0] in PACKAGES and not is_about_something(test, ROOT)]
    assert not strays, "These are about no module or folder:\n" + "\n".join(strays)


@pytest.mark.parametrize(
    ("source", "is_tested"),
    [
        ('"""Doc."""\nA = 1\n', False),
        ("@dataclass\nclass A:\n    x: int = 1\n", False),
        ("def f():\n    return 1\n", True),
        ("class A:\n    def f(self):\n        return 1\n", True),
    ],
)
def test_only_what_can_be_run_is_to_be_tested(tmp_path: Path, source: str, is_tested: bool) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert is_to_be_tested(module) == is_tested


def test_a_test_file_is_about_its_module_or_about_its_folder(tmp_path: Path) -> None:
    (tmp_path / "models" / "ngrams").mkdir(parents=True)
    (tmp_path / "models" / "ngrams" / "trie.py").touch()
    expected = {
        "models/ngrams/test_trie.py": True,
        "models/ngrams/test_tree.py": False,
        "models/test_trie.py": False,
        "models/ngrams/test_ngrams_as_a_whole.py": True,
        "models/test_ngrams_as_a_whole.py": True,
        "models/test_words_as_a_whole.py": False,
        "models/test_ngrams.py": False,
    }
    assert {test: is_about_something(Path(test), tmp_path) for test in expected} == expected
