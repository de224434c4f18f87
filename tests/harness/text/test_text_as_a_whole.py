"""Every option of data=, tokenizer= and format= spells out its dataclass: each field, its default, and a comment above
it."""

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

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.corpus import DataSource
from harness.text.data.mixture import Mixture
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import TokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, chat_format
from tests.conftest import ROOT
from tests.harness.text.formats import CHATML

FILES = [path for group in ("data", "tokenizer") for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]
FORMATS = sorted((ROOT / "conf" / "format").glob("*.yaml"))


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
    not_fields = {"sources", "weights"} if cls is Mixture else set()
    values = {key: value for key, value in content.items() if key not in ("_target_", "defaults", *not_fields)}
    if "format" in values:  # the run's, which is human_assistant if nothing else is picked
        assert values["format"] == "${format}"
        values["format"] = HUMAN_ASSISTANT
    defaults = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in dataclasses.fields(cls)
        if field.name not in not_fields
    }
    assert values == defaults


@pytest.mark.parametrize("file", FORMATS, ids=lambda file: file.stem)
def test_a_format_spells_out_every_field(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    fields = [field.name for field in dataclasses.fields(settings_class(content))]
    assert list(content) == ["_target_", *fields]
    assert content["name"] == file.stem


@pytest.mark.parametrize("file", [*FILES, *FORMATS], ids=lambda file: f"{file.parent.name}={file.stem}")
def test_an_option_has_a_comment_above_every_field(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    for above, line in itertools.pairwise(lines):
        if line[0] not in "# " and not line.startswith(("_target_", "defaults")):
            assert above.startswith("# "), line


def test_the_mixture_composes_its_sources() -> None:
    data = typed(compose(["data=mixture"])).data
    assert isinstance(data, Mixture)
    assert data.sources.keys() == data.weights.keys() == {"shakespeare", "chat", "arithmetic"}


@pytest.mark.parametrize("data", ["chat", "chatterbot", "arithmetic", "mixture", "text"])
def test_one_choice_of_format_reaches_the_data_and_the_tokenizer(data: str) -> None:
    more = {"text": ["data.transcripts=true", "data.paths=a.txt"], "arithmetic": ["data.style=chat"]}
    settings = typed(compose(["format=chatml", f"data={data}", *more.get(data, [])]))
    assert chat_format(settings.data.formats) == CHATML
    assert isinstance(settings.tokenizer, CharTokenizerSettings)
    assert settings.tokenizer.format == CHATML


def test_a_source_of_a_mixture_may_have_a_format_of_its_own() -> None:
    sums = "data.sources.arithmetic.style=chat"
    settings = typed(compose(["data=mixture", sums, "+format@data.sources.chat.format=chatml"]))
    assert [form.name for form in settings.data.formats] == ["play", "chatml", "human_assistant"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["format=chatm"], "format=chatm is not known. Did you mean 'chatml'"),
        (["format.betwen=x"], "format.betwen is not an option.*Did you mean 'between'"),
        (["format.between=':'"], "^format.between=':' must not be empty, and must share no character"),
        (["format=play", "tokenizer.speaker_tokens=true"], "speaker_tokens=true needs labels.*anyone may speak"),
        (["format.labels_in_text=drop"], "must be one of escape, refuse"),
        (
            [
                "data.sources.arithmetic.style=chat",
                "+format@data.sources.chat.format=human_assistant",
                "data.sources.chat.format.before_text=''",
            ],
            "two sources have different formats with the same name 'human_assistant'",
        ),
    ],
)
def test_a_wrong_format_is_refused_where_it_was_set(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        typed(compose(overrides))


def test_labels_and_what_stands_between_turns_are_set_without_writing_python() -> None:
    overrides = [
        "format.speakers.Human=Q",
        "format.speakers.Assistant=A",
        "~format.speakers.System",
        "format.between='\n'",
    ]
    form = chat_format(typed(compose(["data=chatterbot", *overrides])).data.formats)
    assert form.render(Transcript((Turn(HUMAN, "hi"), Turn(ASSISTANT, "ho")))) == "Q: hi\nA: ho"


def test_texts_can_be_read_without_torch() -> None:
    modules = [f"harness.text.{path.stem}" for path in (ROOT / "harness" / "text").glob("[a-z]*.py")]
    heavy = ("torch", "pandas", "pyarrow", "tokenizers", "yaml", "hydra")
    script = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
