"""Runs with an eval, a model or a tokenizer from the user's own file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RUN = ("run", "model=bigram", "data=chatterbot", "tracking=none", "decoding=temperature")
EVALS = ("evals=[perplexity,arithmetic,capitals.py]", "evals.arithmetic.num_samples=20")
EVAL = '''"""How many letters are capitals?"""

from dataclasses import dataclass

from harness.evaluation import Complete, Eval, Measure, Sample, Score


@dataclass(frozen=True)
class Capitals(Eval):
    name, version = "NAME", 1
    measures = (Measure("capitals"),)

    def samples(self, material):
        return [Sample(f"prompt-{n}", prompt) for n, prompt in enumerate(("HELP", "GO", "AWAY", "NOW"))]

    def requests(self, sample, material):
        return [Complete(sample.prompt, max_new_tokens=30)]

    def score(self, sample, answers, material):
        text = answers[0].text
        return Score({"capitals": sum(map(str.isupper, text)) / len(text) if text else None}, text)
'''


def record_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "run.json").read_text())
    return content


def runs_in(folder: Path) -> list[Path]:
    return sorted((path.parent for path in (folder / "results").glob("default/*/run.json")), key=lambda run: run.name)


MODEL = '''"""Knows nothing."""

from dataclasses import dataclass

from models.language_model import ModelConfig
from models.uniform import Uniform


@dataclass(frozen=True)
class OwnConfig(ModelConfig):
    family = "own"

    def build(self, vocab_size, start_token):
        return Own(self, vocab_size, start_token)


class Own(Uniform):
    def count(self, tokens):
        """Nothing is learnt."""
'''
TOKENIZER = '''"""Bytes, by another name."""

from dataclasses import dataclass

from harness.text import TokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer


@dataclass(frozen=True)
class OwnTokenizerSettings(TokenizerSettings):
    def train(self, documents):
        return ByteTokenizer()

    @classmethod
    def read(cls, content):
        return ByteTokenizer()
'''
