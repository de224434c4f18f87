"""What settings are called by content: what names a fit."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields, replace

from harness.config.identity import WITHOUT_EFFECT, identity, plain
from harness.config.settings import build
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.budget import Budget
from harness.training.fits import FitSettings, fit_id
from harness.training.settings import Training
from models.settings.bigram import BigramConfig
from tests.conftest import ROOT
from tests.harness.config.example import HERE, Example, Inner


def test_identity_names_class_version_and_every_field() -> None:
    assert identity(Example(inner=Inner(2))) == {
        "class": "Example",
        "version": 3,
        "fields": {
            "count": 1,
            "share": None,
            "style": "plain",
            "names": [],
            "inner": {"class": "Inner", "version": 1, "fields": {"size": 2}},
            "parts": {},
        },
    }


def test_plain_values_are_built_into_the_same_settings() -> None:
    settings = Example(2, 0.5, "fancy", ["a"], Inner(4), {"b": Inner(5)})
    assert plain(settings)["inner"] == {"_target_": f"{HERE}.Inner", "size": 4}
    assert build(plain(settings), Example, "example") == settings


def test_a_class_that_is_moved_keeps_its_identity_and_its_fit() -> None:
    corpus = Corpus("c", (Document("a", "ab", "s", "a"),), (Document("b", "ba", "s", "b"),), ())

    def fit_settings() -> FitSettings:
        return FitSettings(BigramConfig(), ByteTokenizerSettings(), Training(), Budget(tokens=100), seed=0)

    before = fit_id(fit_settings(), corpus)
    homes = {cls: cls.__module__ for cls in (FitSettings, BigramConfig, ByteTokenizerSettings, Training, Budget)}
    try:
        for cls in homes:
            cls.__module__ = "somewhere.else"
        assert fit_id(fit_settings(), corpus) == before
    finally:
        for cls, home in homes.items():
            cls.__module__ = home
    assert fit_id(replace(fit_settings(), seed=1), corpus) != before


def test_settings_that_change_no_result_are_known_by_name() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "conf").rglob("*.yaml")]
    classes = {name for text in texts for name in re.findall(r"_target_: ([\w.]+)", text)}
    no_effect = {
        field.name
        for name in classes
        for field in fields(getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2]))
        if not field.metadata.get("changes_results", True)
    }
    # A bank's name says whose ratings they are.
    assert no_effect - {"name"} == {end.rpartition(".")[2] for end in WITHOUT_EFFECT}
