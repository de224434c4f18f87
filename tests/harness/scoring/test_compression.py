"""Text comes back byte for byte, in a file as long as scoring claims, for every family; and cheating models are
caught."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness.plugin_kit.chain import TableModel, TableState
from harness.scoring.answers import Compressed
from harness.scoring.compression import compress, decompress, fresh_copy, prove
from harness.text.data.conversations import Chatterbot
from harness.text.tokenizers.byte import ByteTokenizerSettings
from models.checking.trial import Vocabulary, fit
from models.language_model import LanguageModel, State
from models.settings.hf import HFConfig
from tests.models.families import FAMILIES, options, tiny_config
from tests.peers import write_gpt2
from tests.toys import LetterTokenizer

TOKENIZER = ByteTokenizerSettings().train([])
CORPUS = Chatterbot().load()
STREAM = [part for doc in CORPUS.train[:60] for part in ([TOKENIZER.start_token], TOKENIZER.encode(doc.text).tolist())]
VOCABULARY = Vocabulary(
    TOKENIZER.vocab_size, TOKENIZER.start_token, torch.tensor([token for part in STREAM for token in part])
)
TEXTS = ("", *(document.text for document in CORPUS.test[:4]), "naïve 🙂 \x00 \ud83d", "")


def fitted(family: str, folder: Path) -> LanguageModel:
    if options(family.partition(":")[0])[0].is_fitted:
        path = write_gpt2(folder / "gpt2", VOCABULARY.size, VOCABULARY.start_token)
        return HFConfig(path=str(path)).build(VOCABULARY.size, VOCABULARY.start_token)
    return fit(tiny_config(family), VOCABULARY)


def proved(model: LanguageModel, texts: tuple[str, ...] = TEXTS) -> Compressed:
    return prove(model, TOKENIZER, texts)


def is_as_claimed(compressed: Compressed) -> bool:
    assert compressed.nats is not None
    assert compressed.num_bytes is not None
    claimed = compressed.nats / math.log(2) / 8
    return abs(compressed.num_bytes - claimed) <= 0.001 * claimed + 16


@pytest.mark.parametrize("family", [*FAMILIES, "ngram:order=inf"])
def test_every_family_s_text_comes_back_and_takes_the_bytes_that_scoring_claims(family: str, tmp_path: Path) -> None:
    compressed = proved(fitted(family, tmp_path))
    assert compressed.restored
    assert is_as_claimed(compressed)
    assert compressed.reason is None


def test_a_uniform_model_s_file_is_the_logarithm_of_its_vocabulary() -> None:
    text = "To be, or not to be. " * 40
    compressed = proved(fit(tiny_config("uniform"), VOCABULARY), (text,))
    assert compressed.num_bytes == pytest.approx(len(text) * math.log2(257) / 8, abs=3)
    assert compressed.num_tokens == len(text)


def test_documents_come_back_as_they_were_cut() -> None:
    model = fit(tiny_config("bigram"), VOCABULARY)
    for texts in (("",), ("", ""), ("ab", "c"), ("abc",), ("ab", "", "c")):
        documents = [TOKENIZER.encode(text) for text in texts]
        back = decompress(model, compress(model, documents))
        assert [TOKENIZER.decode(document) for document in back] == list(texts)


def test_the_progress_counts_every_token_that_is_written_and_read_again() -> None:
    for smoothing in ("witten_bell", "stupid_backoff"):
        counts: list[int] = []
        prove(fit(tiny_config("ngram", smoothing=smoothing), VOCABULARY), TOKENIZER, ("ab", "", "naïve"), counts.append)
        assert sum(counts) == 2 * (2 + 0 + 6 + 2)  # bytes of the three texts, and the ends of the first two


def test_a_reader_needs_the_weights_and_the_tokenizer() -> None:
    model = fit(tiny_config("bigram"), VOCABULARY)
    assert proved(model).decoder_bytes == model.cost().model_bytes + len(TOKENIZER.to_json())


def test_scores_that_are_no_probabilities_are_refused_with_a_reason() -> None:
    for smoothing, why in (("stupid_backoff", "don't sum to one"), ("maximum_likelihood", "no probability")):
        compressed = proved(fit(tiny_config("ngram", smoothing=smoothing), VOCABULARY))
        assert (compressed.num_bytes, compressed.restored, compressed.nats) == (None, None, None)
        assert why in str(compressed.reason)


def test_a_copy_of_a_model_has_the_same_weights_and_changes_no_random_state() -> None:
    model = fit(tiny_config("lstm"), VOCABULARY)
    before = torch.get_rng_state()
    copy = fresh_copy(model)
    assert torch.equal(torch.get_rng_state(), before)
    assert copy is not model
    assert all(torch.equal(value, copy.tensors()[name]) for name, value in model.tensors().items())


LETTERS = LetterTokenizer(5)
LETTER_TEXT = "abcdeabcdeedcba" * 20


class Peeker(TableModel):
    """Scores each token with knowledge of it."""

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.full(tokens.shape, -0.01)


class Generous(TableModel):
    """Its probabilities add up to e."""

    def __init__(self, logits: Tensor, start_token: int) -> None:
        super().__init__(logits, start_token)
        self.table = self.table + 1


class Stingy(TableModel):
    """Its probabilities add up to 1 / e."""

    def __init__(self, logits: Tensor, start_token: int) -> None:
        super().__init__(logits, start_token)
        self.table = self.table - 1


class Memory(TableModel):
    """Remembers what it scored, and predicts it when reading."""

    heard: tuple[int, ...] = ()

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.heard = tuple(tokens[0].tolist())
        return torch.full(tokens.shape, -1e-4)

    def start(self, num_rows: int = 1) -> TableState:
        return self._expecting(super().start(num_rows), 0)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, TableState)
        after, new = super().read(state, tokens, lengths)
        assert isinstance(new, TableState)
        return after, self._expecting(new, getattr(state, "place", 0) + tokens.shape[1])

    def _expecting(self, state: TableState, place: int) -> TableState:
        state.place = place  # type: ignore[attr-defined]
        if place < len(self.heard):
            state.logprobs = torch.full_like(state.logprobs, -20)
            state.logprobs[:, self.heard[place]] = -1e-4
        return state


@pytest.mark.parametrize(
    ("kind", "restored", "as_claimed"),
    [
        (TableModel, True, True),
        (Peeker, True, False),
        (Generous, True, False),
        (Stingy, True, False),
        (Memory, False, True),
    ],
)
def test_a_cheating_model_writes_another_size_than_it_claims_or_cannot_be_read_again(
    kind: type[TableModel], restored: bool, as_claimed: bool
) -> None:
    model = kind(torch.zeros(LETTERS.vocab_size, LETTERS.vocab_size), LETTERS.start_token)
    compressed = prove(model, LETTERS, (LETTER_TEXT,))
    assert (compressed.restored, is_as_claimed(compressed)) == (restored, as_claimed)
