"""Published losses on Tiny Shakespeare, made again: Kneser-Ney, KenLM, nanoGPT's small recipe, minimal RNNs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.published.fitting import counted, trained
from benchmarks.published.row import Row
from harness.scoring.likelihood import document_logprobs
from harness.text.data.corpus import Document
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
from harness.training.budget import solve_width
from harness.training.settings import Training
from models.language_model import LanguageModel
from models.neural_model import NeuralModel
from models.settings.mingru import MinGRUConfig
from models.settings.minlstm import MinLSTMConfig
from models.settings.ngram import NGramConfig
from models.settings.ssm import SSMConfig
from models.settings.transformer import TransformerConfig
from models.transformer import Transformer

FILE = "tinyshakespeare.txt"
INDEPENDENT = "another implementation, in plain Python, run once; not published"
KENLM = "KenLM (lmplz, then query; commit of March 2025) on the same lines"
NANOGPT = "github.com/karpathy/nanoGPT 3adf61e, README.md"
FENG = "Feng et al. 2024, arXiv 2410.01201 (numbers from memory, not checked against the paper)"
# Modified Kneser-Ney by tokens in an n-gram: nats a character of nanoGPT's validation text.
KNESER_NEY = {3: (2.038, 3), 4: (1.719, 3), 5: (1.561, 3), 6: (1.523, 3), 7: (1.5165, 4)}
MINIMAL = {"transformer": 1.547, "mingru": 1.548, "minlstm": 1.555, "ssm": 1.575}
MINIMAL_TOKENS, MINIMAL_PARAMS = 1_000_000, 300_000
NANOGPT_STEPS, NANOGPT_ROWS, NANOGPT_WINDOW = 2_000, 12, 64


def read(folder: Path) -> tuple[CharTokenizer, np.ndarray, np.ndarray]:
    """The 65 characters and the start token, and nanoGPT's split: the first 90 % of the characters, and the rest."""
    text = (folder / FILE).read_text(encoding="utf-8")
    tokenizer = CharTokenizerSettings(fallback=False).train([Document("all", text, FILE, "all")])
    ids = tokenizer.encode(text)
    cut = int(0.9 * len(ids))
    return tokenizer, ids[:cut], ids[cut:]


def counted_rows(folder: Path) -> Iterator[Row]:
    """The rows of Kneser-Ney."""
    tokenizer, train, validation = read(folder)
    for order, (theirs, digits) in KNESER_NEY.items():
        model = counted(NGramConfig(order=order), tokenizer.vocab_size, tokenizer.start_token, [train])
        what = f"modified Kneser-Ney on Tiny Shakespeare, n={order}: validation loss (nats a character)"
        loss = _loss(model, validation)
        yield Row(what, theirs, loss, digits, 0.002, "whole validation text in one pass", INDEPENDENT)
    for name in ("char.5", "word.3"):
        yield _kenlm(folder, name)


def _kenlm(folder: Path, name: str) -> Row:
    """A line is a sentence: each is scored with its end, in the context of a beginning."""
    stored = json.loads((folder / "kenlm" / f"{name}.json").read_text(encoding="utf-8"))
    text = (folder / FILE).read_text(encoding="utf-8")
    cut = text.rindex("\n", 0, int(0.9 * len(text))) + 1
    pieces = list if stored["unit"] == "char" else str.split
    train, validation = (
        [pieces(line) for line in part.split("\n") if pieces(line)] for part in (text[:cut], text[cut:])
    )
    ids = {token: number for number, token in enumerate(sorted({token for line in train for token in line}))}
    unknown, start = len(ids), len(ids) + 1  # as KenLM's <unk>, and <s> and </s>
    sentences = [np.array([ids[token] for token in line]) for line in train]
    model = counted(NGramConfig(order=stored["order"]), len(ids) + 2, start, sentences)
    lines = [np.array([*(ids.get(token, unknown) for token in line), start]) for line in validation]
    perplexity = math.exp(-float(np.concatenate(document_logprobs(model, lines)).astype(np.float64).mean()))
    what = f"modified Kneser-Ney on Tiny Shakespeare, {stored['unit']}s, n={stored['order']}: validation perplexity"
    protocol = "line by line, ends and unknown words scored, no blank lines"
    return Row(what, round(stored["perplexity_including_oov"], 3), perplexity, 3, 0, protocol, KENLM)


def nanogpt(data: Path) -> list[Row]:
    """nanoGPT's recipe for a processor, from the same first weights."""
    tokenizer, train, validation = read(data)
    config = TransformerConfig(
        preset="gpt2",
        num_layers=4,
        num_heads=4,
        d_model=128,
        context_length=NANOGPT_WINDOW,
        biases=False,
        learning_rate=1e-3,
        optimizer="adamw",
    )
    recipe = Training(
        batch_tokens=NANOGPT_ROWS * NANOGPT_WINDOW,
        schedule="cosine",
        final_learning_rate_fraction=0.1,
        weight_decay=0.1,
        num_validations=1,
    )
    num_tokens = NANOGPT_STEPS * NANOGPT_ROWS * NANOGPT_WINDOW
    model = trained(config, tokenizer, [train], recipe, num_tokens, seed=0, set_first_weights=_as_gpt2_starts)
    assert isinstance(model, NeuralModel)
    num_windows = (len(validation) - 1) // NANOGPT_WINDOW
    inputs, targets = (
        torch.from_numpy(validation[first : first + num_windows * NANOGPT_WINDOW]).view(num_windows, NANOGPT_WINDOW)
        for first in (0, 1)
    )
    with torch.inference_mode():
        loss = float(F.cross_entropy(model(inputs)[0].flatten(0, 1), targets.flatten()))
    protocol = (
        "same shapes, first weights, steps and learning rate; whole validation text in windows of 64 side by side "
        "(theirs: 20 batches of random windows), batches in reading order, 1 seed"
    )
    what = "nanoGPT's recipe for a processor on Tiny Shakespeare: validation loss (nats a character)"
    return [Row(what, 1.88, loss, 2, 0.04, protocol, NANOGPT)]


@torch.no_grad()
def _as_gpt2_starts(model: LanguageModel) -> None:
    """All matrices normal with 0.02, those that end a block with 0.02 / sqrt(2 layers) (nanoGPT's model.py)."""
    assert isinstance(model, Transformer)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            ends_a_block = name.endswith(("attention_out.weight", "mlp_out.weight"))
            parameter.normal_(std=0.02 / (2 * model.config.num_layers) ** 0.5 if ends_a_block else 0.02)


def minimal(data: Path) -> list[Row]:
    """Minimal recurrent models beside a state space and a transformer: each one's loss, and their order."""
    tokenizer, train, validation = read(data)
    families = {
        "transformer": TransformerConfig(num_heads=4, context_length=256, learning_rate=2e-3, optimizer="adamw"),
        "mingru": MinGRUConfig(training_length=64, learning_rate=4e-3, optimizer="adamw"),
        "minlstm": MinLSTMConfig(training_length=64, learning_rate=4e-3, optimizer="adamw"),
        "ssm": SSMConfig(num_layers=2, training_length=64, state_size=16, learning_rate=4e-3, optimizer="adamw"),
    }
    protocol = (
        f"{MINIMAL_PARAMS:,} parameters, {MINIMAL_TOKENS / 1e6:g} M characters, settings that were not tuned, whole "
        "validation text in one pass, 1 seed (theirs: larger and longer, on a graphics card)"
    )
    losses = {}
    for name, config in families.items():
        sized = solve_width(config, MINIMAL_PARAMS, tokenizer.vocab_size)
        model = trained(sized, tokenizer, [train], Training(num_validations=1), MINIMAL_TOKENS, seed=0)
        losses[name] = _loss(model, validation)
    rows = [
        Row(f"{name} on Tiny Shakespeare: loss (nats a character)", MINIMAL[name], loss, 3, None, protocol, FENG)
        for name, loss in losses.items()
    ]
    published, made = (" < ".join(sorted(values, key=values.__getitem__)) for values in (MINIMAL, losses))
    rows.append(Row("the four models by loss, lowest first", published, made, 3, 0, protocol, FENG))
    theirs, ours = (max(values.values()) - min(values.values()) for values in (MINIMAL, losses))
    what = "the four models: highest loss less lowest (nats a character)"
    return [*rows, Row(what, round(theirs, 3), ours, 3, 0.05, protocol, FENG)]


def _loss(model: LanguageModel, ids: np.ndarray) -> float:
    """Nats a token of a text that is read in one pass."""
    [logprobs] = document_logprobs(model, [ids])
    return -float(logprobs.astype(np.float64).mean())
