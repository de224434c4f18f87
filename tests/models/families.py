"""Every family that has a file in conf/model/, in a size that a test can fit quickly."""

from __future__ import annotations

import importlib
from typing import Any

import torch
import yaml

from harness.config.compose import compose
from harness.config.settings import build
from harness.text.data.conversations import Chatterbot
from harness.text.tokenizers.tokenizer import TokenizerSettings
from models.checking.trial import MARKOV as MARKOV
from models.checking.trial import Vocabulary
from models.checking.trial import fit as fit
from models.checking.trial import random_tokens as random_tokens
from models.language_model import ModelConfig
from models.settings.combined import CombinedConfig
from tests.conftest import ROOT
from tests.peers import peer, scratch, write_tokenizer

CONF = ROOT / "conf" / "model"
FAMILIES = sorted(path.stem for path in CONF.glob("*.yaml"))
"""Every family, at its default options."""
VARIANTS = ["hf:path=llama", "ngram:order=inf", "ngram:smoothing=jelinek_mercer"]
"""Families again, where an option makes another model of them."""
# Options that many families share, at a size for tests; a context so short that every text leaves it several times.
TINY: dict[str, Any] = {
    "num_layers": 2,
    "num_heads": 2,
    "d_model": 16,
    "context_length": 8,
    "stride": 3,
    "order": 4,
    "size": 12,
    "longest_match": 3,
    "dropout": 0.3,
    "training_length": 8,
}


def options(family: str) -> tuple[type[ModelConfig], dict[str, Any]]:
    """The config class and the options that a family's YAML file names, its members apart."""
    values = yaml.safe_load((CONF / f"{family}.yaml").read_text(encoding="utf-8"))
    module, name = values.pop("_target_").rsplit(".", 1)
    values.pop("defaults", None)
    return getattr(importlib.import_module(module), name), values


LEARNING = [family for family in FAMILIES if not options(family)[0].is_fitted]
"""The families that are fitted to text here."""


def tiny_config(family: str, vocabulary: Vocabulary | None = None, **changes: Any) -> ModelConfig:
    """A family, or one with other options, as 'ngram:order=inf'.

    A family that loads weights gets a peer model of the name that `path` gives, over this vocabulary (None: the
    random chain's).
    """
    vocabulary = vocabulary or MARKOV
    family, _, other = family.partition(":")
    changes |= dict([other.split("=")]) if other else {}
    config_class, values = options(family)
    tiny = {name: TINY.get(name, value) for name, value in values.items()} | changes
    if issubclass(config_class, CombinedConfig):
        tiny["members"] = {name: tiny_config(member, vocabulary) for name, member in default_members(family).items()}
    if config_class.is_fitted:
        tiny["path"] = str(peer(tiny["path"] or "gpt2", vocabulary.size, vocabulary.start_token))
    return config_class(**tiny)


def default_members(family: str) -> dict[str, str]:
    """The families that a combination's YAML file combines, by name."""
    entries = yaml.safe_load((CONF / f"{family}.yaml").read_text(encoding="utf-8"))["defaults"]
    named = [entry for entry in entries if isinstance(entry, dict)]
    return {key.removeprefix("/model@members."): member for entry in named for key, member in entry.items()}


TOKENIZERS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "conf" / "tokenizer").glob("*.yaml"))
}
VOCABULARIES = ["markov", "bpe+speaker_tokens"]
"""A model sees an id's number and no more. So these differ for it: few ids and many; the start token last and among the
others."""
OTHER_VOCABULARIES = [
    name
    for kind, options in TOKENIZERS.items()
    for name in (kind, *([f"{kind}+speaker_tokens"] if "speaker_tokens" in options else []))
    if name not in VOCABULARIES
]


def make_vocabulary(name: str) -> Vocabulary:
    """The random chain's, or a tokenizer's over real conversations, as 'bpe+speaker_tokens'."""
    if name == "markov":
        return MARKOV
    kind, _, labels = name.partition("+")
    documents = Chatterbot().load().train[:60]
    overrides = [f"tokenizer={kind}", *([f"tokenizer.{labels}=true"] if labels else [])]
    settings = compose(overrides)["tokenizer"]
    if "vocab_size" in settings:
        settings["vocab_size"] = 300
    if "path" in settings:
        settings["path"] = str(write_tokenizer(scratch() / "tokenizer", (document.text for document in documents)))
    tokenizer = build(settings, TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
    trained = tokenizer.train(documents)
    assert bool(trained.label_tokens) == bool(labels)
    ids = [part for document in documents for part in ([trained.start_token], trained.encode(document.text).tolist())]
    return Vocabulary(trained.vocab_size, trained.start_token, torch.tensor([token for part in ids for token in part]))
