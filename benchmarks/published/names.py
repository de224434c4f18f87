"""Published losses on first names, made again: EurekaLabsAI/ngram, EurekaLabsAI/mlp and makemore."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.published.fitting import counted, trained
from benchmarks.published.row import Row, over_seeds
from harness.scoring.likelihood import document_logprobs
from harness.text.data.corpus import Document
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
from harness.training.settings import Training
from models.language_model import LanguageModel
from models.settings.mlp import MLPConfig
from models.settings.ngram import NGramConfig
from models.settings.transformer import TransformerConfig

NGRAM = "github.com/EurekaLabsAI/ngram 13f7465, README.md"
MLP = "github.com/EurekaLabsAI/mlp 5197406, README.md"
MAKEMORE = "github.com/karpathy/makemore 988aa59, README.md"
LECTURE = "A. Karpathy, The spelled-out intro to language modeling: building makemore (video, 2022)"
# By tokens in an n-gram and by what is added to each count: nats a character of train.txt, and of val.txt.
LOSSES = {
    (3, 0.03): (2.1843, 2.2443),
    (3, 0.1): (2.1870, 2.2401),
    (3, 0.3): (2.1935, 2.2404),
    (3, 1.0): (2.2117, 2.2521),
    (4, 0.03): (1.8703, 2.1376),
    (4, 0.1): (1.9028, 2.1118),
    (4, 0.3): (1.9677, 2.1269),
    (4, 1.0): (2.1006, 2.2114),
    (5, 0.03): (1.4955, 2.3540),
    (5, 0.1): (1.6335, 2.2814),
    (5, 0.3): (1.8610, 2.3210),
    (5, 1.0): (2.2132, 2.4903),
}
TEST_LOSS, TEST_PERPLEXITY = 2.106370, 8.218358
BIGRAM_LOSS = 2.4543
# makemore's names.txt has 32,033 names and no line end after the last one. EurekaLabs shuffled its lines, so that this
# last name stands before another one in one line of train.txt.
NUM_NAMES, LAST_NAME = 32_033, "zzyzx"
SPLITS = ("test", "val", "train")
MLP_TOKENS, TRANSFORMER_TOKENS = 3_200_000, 3_000_000
SEEDS = (0, 1, 2)


def counted_rows(folder: Path) -> Iterator[Row]:
    """The rows of counted models."""
    yield from _eureka_ngrams(folder)
    yield _makemore_bigram(folder)


def _eureka_ngrams(folder: Path) -> Iterator[Row]:
    """They read a split as one text, in which a line end is a character like any other, and add k to the counts of 27
    symbols. Our models have a start token besides, which a text never has inside: its share is taken out of each
    distribution, which leaves theirs. The first n - 1 characters of a text have no whole context and aren't scored.
    """
    texts = {split: (folder / f"{split}.txt").read_text(encoding="utf-8") for split in SPLITS}
    tokenizer = CharTokenizerSettings(fallback=False).train([Document("train", texts["train"], "names", "train")])
    ids = {split: tokenizer.encode(text) for split, text in texts.items()}
    protocol = (
        "one text a split, contexts reach across line ends, first n - 1 characters not scored, 27 symbols: our start "
        "token's share is taken out of each distribution"
    )
    for (order, pseudo_count), published in LOSSES.items():
        config = NGramConfig(order=order, smoothing="add_k", pseudo_count=pseudo_count)
        model = counted(config, tokenizer.vocab_size, tokenizer.start_token, [ids["train"]])
        name = f"add-k n-gram on names, n={order} k={pseudo_count:g}"
        for split, theirs in zip(("train", "val"), published, strict=True):
            ours = _loss_without_the_end(model, ids[split], order)
            yield Row(f"{name}: {split} loss (nats a character)", theirs, ours, 4, 0, protocol, NGRAM)
        if (order, pseudo_count) == (4, 0.1):
            loss = _loss_without_the_end(model, ids["test"], order)
            yield Row(f"{name}: test loss (nats a character)", TEST_LOSS, loss, 6, 0, protocol, NGRAM)
            perplexity = float(np.exp(loss))
            yield Row(f"{name}: test perplexity a character", TEST_PERPLEXITY, perplexity, 6, 0, protocol, NGRAM)


def _loss_without_the_end(model: LanguageModel, ids: np.ndarray, order: int) -> float:
    """Nats a character from the order-th on, given that the text goes on."""
    tokens = torch.from_numpy(ids)
    logprobs = model.logprobs(tokens[None])[0, :-1]
    goes_on = torch.log1p(-logprobs[:, model.start_token].double().exp())
    scored = logprobs.gather(1, tokens[:, None])[:, 0].double() - goes_on
    return -float(scored[order - 1 :].mean())


def makemore_names(folder: Path) -> list[str]:
    """makemore's names.txt, in its order: EurekaLabs' shuffle (its data/preprocess.py) taken back."""
    shuffled = list(range(NUM_NAMES))
    random.Random(42).shuffle(shuffled)
    lines = "".join((folder / f"{split}.txt").read_text(encoding="utf-8") for split in SPLITS).splitlines()
    last = shuffled.index(NUM_NAMES - 1)
    lines[last : last + 1] = [LAST_NAME, lines[last].removeprefix(LAST_NAME)]
    return [name for _, name in sorted(zip(shuffled, lines, strict=True))]


def _letters(names: Sequence[str]) -> CharTokenizer:
    """26 letters, and the start token, which is also the end of a name."""
    documents = [Document(str(number), name, "names", name) for number, name in enumerate(names)]
    return CharTokenizerSettings(fallback=False).train(documents)


def _with_end(tokenizer: CharTokenizer, names: Sequence[str]) -> list[np.ndarray]:
    return [np.append(tokenizer.encode(name), tokenizer.start_token) for name in names]


def _loss(model: LanguageModel, names: Sequence[np.ndarray]) -> float:
    """Nats a symbol of these names, ends included, each name read by itself."""
    return -float(np.concatenate(document_logprobs(model, names)).astype(np.float64).mean())


def _makemore_bigram(folder: Path) -> Row:
    names = makemore_names(folder)
    tokenizer = _letters(names)
    config = NGramConfig(order=2, smoothing="add_k", pseudo_count=1.0)
    model = counted(config, tokenizer.vocab_size, tokenizer.start_token, list(map(tokenizer.encode, names)))
    scored = np.concatenate(document_logprobs(model, _with_end(tokenizer, names)))
    loss = -float(scored.astype(np.float64).mean())
    in_float32 = -float(np.cumsum(scored, dtype=np.float32)[-1]) / len(scored)
    what = "bigram counts + 1 on all 32,033 names: train loss (nats a symbol)"
    protocol = (
        "each name with its end, 27 symbols, added up in float64 (added up one by one in float32, as there: "
        f"{in_float32:.6f})"
    )
    return Row(what, BIGRAM_LOSS, loss, 4, 5e-4, protocol, LECTURE)


def eureka_mlp(data: Path) -> list[Row]:
    """The neural model of Bengio et al. (2003), a fit for each seed."""
    names = {split: (data / "names" / f"{split}.txt").read_text(encoding="utf-8").split() for split in SPLITS}
    tokenizer = _letters(names["train"])
    config = MLPConfig(
        context_length=3, d_embedding=48, d_model=512, learning_rate=2e-3, optimizer="adamw", training_length=16
    )
    recipe = Training(
        batch_tokens=512, schedule="cosine", final_learning_rate_fraction=0.0, weight_decay=1e-4, num_validations=1
    )
    train = [tokenizer.encode(name) for name in names["train"]]
    validation = _with_end(tokenizer, names["val"])
    losses = []
    for seed in SEEDS:
        model = trained(config, tokenizer, train, recipe, MLP_TOKENS, seed)
        losses.append(_loss(model, validation))
    ours, of_seeds = over_seeds(losses)
    protocol = (
        f"same shapes, {MLP_TOKENS / 1e6:g} M symbols in batches of 512 at 2e-3 (theirs: 6.4 M, 128, 7e-4), cosine, "
        f"each name read by itself, {of_seeds}"
    )
    return [Row("Bengio's MLP on names: validation loss (nats a symbol)", 2.06, ours, 2, 0.02, protocol, MLP)]


def makemore_transformer(data: Path) -> list[Row]:
    """makemore's own transformer, a fit for each seed."""
    names = makemore_names(data / "names")
    mixed = torch.randperm(len(names), generator=torch.Generator().manual_seed(3407)).tolist()
    train, test = [names[index] for index in mixed[:-1000]], [names[index] for index in mixed[-1000:]]
    tokenizer = _letters(names)
    config = TransformerConfig(
        preset="gpt2", num_layers=4, num_heads=4, d_model=64, context_length=32, learning_rate=2e-3, optimizer="adamw"
    )
    recipe = Training(batch_tokens=1024, schedule="linear", num_validations=1)
    losses = []
    for seed in SEEDS:
        encoded = [tokenizer.encode(name) for name in train]
        model = trained(config, tokenizer, encoded, recipe, TRANSFORMER_TOKENS, seed)
        losses.append(_loss(model, _with_end(tokenizer, test)))
    ours, of_seeds = over_seeds(losses)
    protocol = (
        f"their 1,000 test names (seed 3407), 4 layers, 64 wide, {TRANSFORMER_TOKENS / 1e6:g} M symbols in batches of "
        f"1,024 at 2e-3, falling linearly (theirs: 5e-4, 32 names, steps not given), {of_seeds}"
    )
    return [Row("transformer on names: test loss (nats a symbol)", 1.92, ours, 2, 0.02, protocol, MAKEMORE)]
