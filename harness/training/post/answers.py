"""How sft is done: what is to be answered as masked texts, learnt by gradients or counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.common.errors import UserError
from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.token_sizes import token_sizes
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.transcript import ASSISTANT
from harness.text.transcript_format import TranscriptFormat
from harness.text.turn_spans import Spans, token_mask, turn_spans
from harness.training.curve import Validation, curve_row
from harness.training.gradients import GradientFit
from harness.training.post.counting import adapted, changes_nothing
from harness.training.post.prompts import AFTER_A_SUM, SUM, PromptKind, why_none
from harness.training.post.sft import SupervisedFineTuning
from harness.training.post.stage import Bench, Made
from harness.training.spent import Spent
from harness.training.stages import Batch, Pretraining, rows_at
from models.language_model import LanguageModel
from models.neural_model import NeuralModel


@dataclass(frozen=True)
class MaskedText:
    """A document, and which of its tokens are learnt."""

    tokens: Ids
    mask: NDArray[np.bool_]
    """(N,)."""
    num_bytes: int
    """Of the tokens that are learnt."""


def answers(kind: PromptKind, corpus: Corpus, split: str, tokenizer: Tokenizer) -> Iterator[MaskedText]:
    """The documents of a split with something to answer, and the answers as what is learnt: the assistant's turns of
    conversations, or what follows the = of sums, with the line's end."""
    for document in corpus.documents(split):
        spans = _spans_of_sums(document) if kind == "sums" else _spans_of_turns(document, corpus.chat_format)
        if not spans:
            continue
        tokens = tokenizer.encode(document.text)
        mask = token_mask(tokenizer, document.text, tokens, spans)
        if mask.any():
            sizes = token_sizes(tokenizer, document.text, tokens)
            yield MaskedText(tokens, mask, int(sizes[mask].sum()))


def _spans_of_turns(document: Document, form: TranscriptFormat) -> Spans:
    return turn_spans(form, document.text, ASSISTANT) if document.format == form.name else []


def _spans_of_sums(document: Document) -> Spans:
    if document.format is not None:
        return []
    return [(match.start(2), match.end(2) + len(AFTER_A_SUM)) for match in SUM.finditer(document.text)]


def answered_texts(kind: PromptKind, bench: Bench) -> tuple[list[MaskedText], Validation]:
    """Those for training; and those for validation, up to about `validation_bytes` bytes of answers. UserError where
    there are none."""
    train = list(answers(kind, bench.corpus, "train", bench.tokenizer))
    held_out: list[MaskedText] = []
    for text in answers(kind, bench.corpus, "validation", bench.tokenizer):
        if sum(other.num_bytes for other in held_out) >= bench.training.validation_bytes:
            break
        held_out.append(text)
    for split, texts in (("train", train), ("validation", held_out)):
        if not texts:
            why = why_none(kind, bench.corpus, split) or (
                f"the assistant speaks in no conversation in the {split} text of data={bench.corpus.name}. Pick other "
                "data, as data=chat"
            )
            raise UserError(f"{bench.name} has nothing to learn: {why}.")
    num_bytes = sum(text.num_bytes for text in held_out)
    return train, Validation([text.tokens for text in held_out], num_bytes, [text.mask for text in held_out])


class AnswerTraining(Pretraining):
    """What is answered and replayed documents as one stream, read like the training text; some tokens are learnt."""

    def __init__(self, stream: Ids, mask: NDArray[np.bool_], batch_tokens: int, carry_reset_fraction: float) -> None:
        """stream, mask: (N,): token ids, each document opened by the start token, and which are learnt."""
        super().__init__(stream, batch_tokens, carry_reset_fraction)
        self.mask = mask

    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Batch:
        whole = super().batch(model, step, None)
        num_rows, length = whole.inputs.shape
        mask = rows_at(self.mask, num_rows, length, step)[:, 1:].bool().to(model.device)
        return replace(whole, mask=mask, num_targets=int(mask.sum()))

    def more_spent(self, batch: Batch) -> Spent:
        return Spent(read_tokens=batch.inputs.numel())


def learn_answers(stage: SupervisedFineTuning, model: LanguageModel, bench: Bench) -> Made:
    """The model after sft."""
    train, validation = answered_texts(stage.prompts, bench)
    if isinstance(model, NeuralModel):
        stream, mask = _stream(stage.replay, train, bench)
        training = bench.training
        loop = AnswerTraining(stream, mask, training.batch_tokens, training.carry_reset_fraction)
        loop.takes_share(stage.learning_rate_share, bench.name)
        seed = seed_of("post", bench.name, bench.seed)
        spent, curve = GradientFit(model, loop, validation, training, stage.budget, seed, bench.folder).run(bench.say)
        return Made(model, spent, curve, validation)
    spent, curve = Spent(), []
    if not changes_nothing(model):
        started, counted = time.perf_counter(), []
        for text in train:
            counted.append(text)
            spent.tokens, spent.read_tokens = spent.tokens + int(text.mask.sum()), spent.read_tokens + len(text.tokens)
            spent.seconds = time.perf_counter() - started
            if stage.budget.fraction_spent(spent) >= 1:
                break
        with Progress("counting", spent.tokens, "tokens"):
            events = [text.tokens for text in counted], [text.mask.astype(np.float64) for text in counted]
            held_out = [mask.astype(np.float64) for mask in validation.masks or ()]
            model = adapted(model, stage.adaptation, events, (validation.documents, held_out))
        spent.seconds, spent.steps = time.perf_counter() - started, 1
    curve.append(curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model)))
    return Made(model, spent, curve, validation)


def _stream(replay: float, train: list[MaskedText], bench: Bench) -> tuple[Ids, NDArray[np.bool_]]:
    """(the token stream, which of its tokens are learnt): the texts and the documents that are replayed, in random
    order. A replayed document is learnt with its end."""
    rng = np.random.Generator(np.random.Philox(seed_of("replay", bench.seed)))
    texts = [(text.tokens, text.mask, False) for text in train]
    wanted = replay / (1 - replay) * sum(len(text.tokens) for text in train)
    documents, read = bench.corpus.train, 0
    for index in rng.permutation(len(documents)):
        if read >= wanted:
            break
        tokens = bench.tokenizer.encode(documents[index].text)
        texts.append((tokens, np.ones(len(tokens), dtype=bool), True))
        read += len(tokens)
    start = np.array([bench.tokenizer.start_token])
    stream, mask, ends = [], [], False
    for index in rng.permutation(len(texts)):
        tokens, learnt, is_replayed = texts[index]
        stream += [start, tokens]
        mask += [np.array([ends]), learnt]
        ends = is_replayed
    return np.concatenate(stream), np.concatenate(mask)
