"""Every option of data= and tokenizer= spells out its dataclass: each field, its default, and a comment above it."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.text.corpus import DataSource
from harness.text.mixture import Mixture
from harness.text.tokenizer import TokenizerSettings
from tests.conftest import ROOT

FILES = [*sorted((ROOT / "conf" / "data").glob("*.yaml")), *sorted((ROOT / "conf" / "tokenizer").glob("*.yaml"))]


def settings_class(content: dict[str, Any]) -> type[Any]:
    module, _, name = content["_target_"].rpartition(".")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_an_option_spells_out_every_field_with_its_default(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    cls = settings_class(content)
    assert issubclass(cls, DataSource if file.parent.name == "data" else TokenizerSettings)
    assert issubclass(cls, TokenizerSettings) or cls.name == file.stem
    # A mixture's sources are in the defaults list, and its dataclass has none by itself.
    own = {"sources", "weights"} if cls is Mixture else set()
    given = {key: value for key, value in content.items() if key not in ("_target_", "defaults", *own)}
    defaults = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in dataclasses.fields(cls)
        if field.name not in own
    }
    assert given == defaults


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_an_option_has_a_comment_above_every_field(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    for above, line in itertools.pairwise(lines):
        if line[0] not in "# " and not line.startswith(("_target_", "defaults")):
            assert above.startswith("# "), line


def test_the_mixture_composes_its_sources() -> None:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        node = OmegaConf.to_container(compose("data/mixture"), resolve=True)
    assert isinstance(node, dict)
    data = node["data"]
    assert data["sources"].keys() == data["weights"].keys() == {"shakespeare", "chat", "arithmetic"}
    sources = {
        name: settings_class(source)(**{key: value for key, value in source.items() if key != "_target_"})
        for name, source in data["sources"].items()
    }
    assert Mixture(**{key: value for key, value in data.items() if key not in ("_target_", "sources")}, sources=sources)


def test_texts_can_be_read_without_torch() -> None:
    modules = [f"harness.text.{path.stem}" for path in (ROOT / "harness" / "text").glob("[a-z]*.py")]
    heavy = ("torch", "pandas", "pyarrow", "tokenizers", "yaml", "hydra")
    script = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
