"""Every family that has a file in conf/model/, in a size that a test can fit in a moment."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.nn import functional as F

from harness.config import compose
from harness.settings import build
from harness.text.chat import Chatterbot
from harness.text.tokenizer import TokenizerSettings
from models.combined import CombinedConfig
from models.language_model import CountingModel, LanguageModel, ModelConfig, NeuralModel
from tests.conftest import ROOT

CONF = ROOT / "conf" / "model"
FAMILIES = sorted(path.stem for path in CONF.glob("*.yaml"))
# The ids of the random chain: nine that occur, two that never do, and the start token.
_CHAIN_SIZE = 12
_CHAIN_START = 11
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


def tiny_config(family: str, **changes: Any) -> ModelConfig:
    """A family, or one with other options, as 'ngram:order=inf'."""
    family, _, other = family.partition(":")
    changes |= dict([other.split("=")]) if other else {}
    config_class, values = options(family)
    tiny = {name: TINY.get(name, value) for name, value in values.items()} | changes
    if issubclass(config_class, CombinedConfig):
        tiny["members"] = {name: tiny_config(member) for name, member in default_members(family).items()}
    return config_class(**tiny)


def default_members(family: str) -> dict[str, str]:
    """The families that a combination's YAML file combines, by name."""
    entries = yaml.safe_load((CONF / f"{family}.yaml").read_text(encoding="utf-8"))["defaults"]
    named = [entry for entry in entries if isinstance(entry, dict)]
    return {key.removeprefix("/model@members."): member for entry in named for key, member in entry.items()}


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Ids to model, and a stream of them to fit to."""

    size: int
    start_token: int
    stream: Tensor
    """(N,) int64: documents, each opened by the start token."""


def _markov(num_documents: int = 40, seed: int = 0) -> Vocabulary:
    """Documents of a random Markov chain."""
    generator = torch.Generator().manual_seed(seed)
    # The last two ordinary tokens never occur.
    transitions = torch.softmax(2 * torch.randn(9, 9, generator=generator), dim=-1)
    stream = []
    for _ in range(num_documents):
        stream.append(_CHAIN_START)
        token = 0
        for _ in range(int(torch.randint(0, 60, (), generator=generator))):
            token = int(torch.multinomial(transitions[token], 1, generator=generator))
            stream.append(token)
    return Vocabulary(_CHAIN_SIZE, _CHAIN_START, torch.tensor(stream))


MARKOV = _markov()
TOKENIZERS = sorted(path.stem for path in (ROOT / "conf" / "tokenizer").glob("*.yaml"))
VOCABULARIES = ["markov", *(f"{name}{labels}" for name in TOKENIZERS for labels in ("", "+speaker_tokens"))]


def make_vocabulary(name: str) -> Vocabulary:
    """The random chain's, or a tokenizer's over real conversations, as 'bpe+speaker_tokens'."""
    if name == "markov":
        return MARKOV
    kind, _, labels = name.partition("+")
    settings = compose([f"tokenizer={kind}", f"tokenizer.speaker_tokens={bool(labels)}"])["tokenizer"]
    if "vocab_size" in settings:
        settings["vocab_size"] = 300
    documents = Chatterbot().load().train[:60]
    tokenizer = build(settings, TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
    trained = tokenizer.train(documents)
    assert bool(trained.label_tokens) == bool(labels)
    ids = [part for document in documents for part in ([trained.start_token], trained.encode(document.text).tolist())]
    return Vocabulary(trained.vocab_size, trained.start_token, torch.tensor([token for part in ids for token in part]))


def fit(config: ModelConfig, vocabulary: Vocabulary) -> LanguageModel:
    """Fitted for a moment. A neural model is left in training mode, which must not matter to what is read."""
    torch.manual_seed(0)
    stream = vocabulary.stream
    model = config.build(vocabulary.size, vocabulary.start_token)
    if isinstance(model, CountingModel):
        model.count(stream)
        model.finish([stream[1:50]])
        return model
    if isinstance(config, CombinedConfig):
        combined = config.combine({name: fit(member, vocabulary) for name, member in config.members.items()})
        combined.tune([stream[:50], stream[50:120]])
        return combined
    assert isinstance(model, NeuralModel)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    length, carry = 8, None
    rows = stream[: 4 * (len(stream) // 4)].view(4, -1)
    for begin in range(0, 10 * length, length):
        part = rows[:, begin : begin + length + 1]
        logits, carry = model(part[:, :-1], carry)
        optimizer.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten()).backward()
        optimizer.step()
    return model


def random_tokens(vocab_size: int, *shape: int, seed: int = 1) -> Tensor:
    """Any ids of a vocabulary, the start token and tokens never seen included."""
    return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))
