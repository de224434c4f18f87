"""What every tokenizer keeps to (harness/text/tokenizers/tokenizer.py), as checks.

It is trained on a small data set and put to texts that are hard on tokenizers. A check's name is the sentence that it
checks.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from harness.common.errors import UserError
from harness.config.identity import plain
from harness.config.settings import build
from harness.plugin_kit.elsewhere import is_the_same_elsewhere
from harness.plugin_kit.outcome import Outcome, hold, outcomes
from harness.plugin_kit.picked import picked
from harness.text.data.corpus import Corpus, DataSource
from harness.text.tokenizers.tokenizer import OutsideAlphabet, Tokenizer, TokenizerSettings, encode_whole

_FROM_TRAINING, _HELD_OUT = 5, 50
_NUM_RANDOM = 200
TEXTS = (
    *("", " ", "\n", "a", "  two  spaces  ", "a\tb\n\n\nc", "a\r\nb\rc\r\n", "ALL CAPS, Mixed cAsE. and after. A stop"),
    *("Human: Hello?\n\nAssistant: Hi.\n\nHuman:", "HAMLET: To be,\nor not.\n\nFirst Lord:", "a\\nb \\ \\\\"),
    *("12+7=19, 1,234.5e-6", "an_unknownword xqzjkvw", "don't, it's", "“quoted” – ‘words’ …"),
    *(
        "é",
        "e\u0301",
        "\u0301",
        "ﬁ Ⅷ ½ ²",
        "İıſßẞ",
        "Ünïcödé",
        "Ж щ",
        "漢字かな交じり",
        "한국어 \u1112\u1161\u11ab",
        "مرحبا بك",
    ),
    *(
        "😀",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
        "\u200b\u200d\ufeff",
        "\u00a0\u3000\u2028\u0085\x0b\x0c",
        "\x00\x1b[31m\x7f",
        "\U0010ffff\ue000",
    ),
    *("\ud83d", "\ude00\ud83d", "a\ud800b", "�"),
    *("<s></s><unk><start><|endoftext|>[UNK][CLS]", "##ing ▁a Ġb Ċ", "x" * 1000, "ab " * 300),
)
"""Case, white space, line ends, digits, other scripts, combining marks, emoji, control characters, lone surrogates,
names of special tokens, and long words."""


class TokenizerOnTrial:
    """A tokenizer, and what it is trained on."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.name, self.overrides = name, overrides
        self._config = picked("tokenizer", name, overrides)

    @cached_property
    def settings(self) -> TokenizerSettings:
        """Its options."""
        made: TokenizerSettings = build(self._config["tokenizer"], TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
        return made

    @cached_property
    def source(self) -> DataSource:
        """The data set that it is trained on."""
        return build(self._config["data"], DataSource, "data")  # type: ignore[type-abstract]

    @cached_property
    def corpus(self) -> Corpus:
        """What it is trained on."""
        return self.source.load()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, trained."""
        return self.settings.train(self.corpus.train)

    @cached_property
    def alphabet(self) -> frozenset[str]:
        """Every character of the training text."""
        return frozenset(character for document in self.corpus.train for character in document.text)

    @cached_property
    def texts(self) -> list[str]:
        """What it is put to: training and held-out documents, and hard texts. Where its alphabet is closed, only those
        in it."""
        documents = [*self.corpus.train[:_FROM_TRAINING], *self.corpus.test[:_HELD_OUT]]
        texts = [*TEXTS, *(document.text for document in documents)]
        return [text for text in texts if not self.tokenizer.is_closed or self.alphabet.issuperset(text)]

    @cached_property
    def refused(self) -> list[str]:
        """Texts that a closed alphabet lacks characters of."""
        return [text for text in TEXTS if self.tokenizer.is_closed and not self.alphabet.issuperset(text)]

    def digest(self) -> str:
        """A hash of the tokenizer, and of the ids of every text."""
        return _digest(self.tokenizer, self.texts)


def _digest(tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    content = [tokenizer.to_json(), *(tokenizer.encode(text).tolist() for text in texts)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _ids(tokenizer: Tokenizer, text: str) -> list[int] | None:
    """The ids of a text; None where the tokenizer refuses it."""
    try:
        return tokenizer.encode(text).tolist()
    except OutsideAlphabet:
        return None


def it_can_be_trained(of: TokenizerOnTrial) -> None:
    tokenizer = of.tokenizer
    hold(isinstance(tokenizer, Tokenizer), f"train gave {tokenizer!r}, which is no Tokenizer")
    size, start = tokenizer.vocab_size, tokenizer.start_token
    hold(isinstance(size, int) and size > 1, f"its vocab_size is {size!r}: a whole number above 1")
    hold(isinstance(start, int) and 0 <= start < size, f"its start_token is {start!r}: an id from 0 to {size - 1}")


def its_settings_survive_storage(of: TokenizerOnTrial) -> None:
    again = build(plain(of.settings), TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
    hold(again == of.settings, f"{again} came back where {of.settings} was stored")


def no_text_is_changed(of: TokenizerOnTrial) -> None:
    for text in of.texts:
        try:
            encode_whole(of.tokenizer, text)
        except UserError as error:
            raise AssertionError(str(error)) from None


def a_closed_alphabet_refuses_other_characters(of: TokenizerOnTrial) -> None:
    for text in of.refused:
        try:
            ids = of.tokenizer.encode(text)
        except OutsideAlphabet:
            continue
        raise AssertionError(
            f"its alphabet is closed (is_closed), but {text[:40]!r} has the ids {ids.tolist()[:10]}: raise "
            "OutsideAlphabet for a text with a character that training never had"
        )


def its_ids_are_those_of_its_vocabulary(of: TokenizerOnTrial) -> None:
    size, start = of.tokenizer.vocab_size, of.tokenizer.start_token
    for text in of.texts:
        ids = of.tokenizer.encode(text)
        hold(
            isinstance(ids, np.ndarray) and ids.ndim == 1, f"encode({text[:40]!r}) gave {type(ids).__name__}, not (N,)"
        )
        hold(ids.dtype == np.int64, f"encode({text[:40]!r}) gave {ids.dtype}, not int64")
        outside = sorted({*ids.tolist()} - {*range(size)})
        hold(not outside, f"encode({text[:40]!r}) gave the ids {outside[:3]}, of a vocabulary of {size}")
        hold(start not in ids, f"encode({text[:40]!r}) gave the start token, which is part of no text")


def the_start_token_is_no_text(of: TokenizerOnTrial) -> None:
    start, decode = of.tokenizer.start_token, of.tokenizer.decode
    hold(decode([start]) == "", f"the start token decodes to {decode([start])!r}, not to nothing")
    text = of.corpus.train[0].text
    around = decode([start, *of.tokenizer.encode(text).tolist(), start])
    hold(around == text, f"{text[:40]!r} between two start tokens decodes to {around[:40]!r}")


def ids_in_any_order_are_decoded(of: TokenizerOnTrial) -> None:
    size = of.tokenizer.vocab_size
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, size, length) for length in range(1, 30) for _ in range(_NUM_RANDOM // 30)]
    rows += [np.array([token]) for token in range(min(size, 5000))]
    for ids in rows:
        for given in (ids, ids.tolist()):
            text = of.tokenizer.decode(given)
            hold(isinstance(text, str), f"the ids {ids.tolist()[:10]} decode to {text!r}, which is no text")
    nameless = [token for token in range(min(size, 5000)) if not of.tokenizer.token_text(token)]
    hold(not nameless, f"token_text has nothing to show for the ids {nameless[:3]}: give a name, as <0xC3>")


def each_label_is_one_token(of: TokenizerOnTrial) -> None:
    for label, token in of.tokenizer.label_tokens.items():
        text = of.tokenizer.decode([token])
        hold(text == label, f"the token {token} of the label {label!r} decodes to {text!r}")


def encoding_again_or_together_gives_the_same_ids(of: TokenizerOnTrial) -> None:
    alone = [of.tokenizer.encode(text).tolist() for text in of.texts]
    backwards = [of.tokenizer.encode(text).tolist() for text in of.texts[::-1]][::-1]
    together = [ids.tolist() for ids in of.tokenizer.encode_many(of.texts)]
    for text, first, second, third in zip(of.texts, alone, backwards, together, strict=True):
        hold(first == second, f"encode({text[:40]!r}) gave other ids the second time")
        hold(first == third, f"encode_many gave other ids for {text[:40]!r} than encode")


def read_back_it_is_the_same(of: TokenizerOnTrial) -> None:
    made = of.tokenizer
    again = type(of.settings).read(made.to_json())
    hold(type(again) is type(made), f"read gave {type(again).__name__}, not {type(made).__name__}")
    hold(again.to_json() == made.to_json(), "its to_json is another once it is read back")
    for name in ("vocab_size", "start_token"):
        before, after = getattr(made, name), getattr(again, name)
        hold(before == after, f"its {name} is {after} once it is read back, and was {before}")
    hold(dict(again.label_tokens) == dict(made.label_tokens), "its label_tokens are others once it is read back")
    hold(
        _digest(again, of.texts) == of.digest(), "it gives other ids once it is read back: to_json leaves something out"
    )


def training_again_gives_the_same_tokenizer(of: TokenizerOnTrial) -> None:
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        again = of.settings.train(of.corpus.train)
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
    hold(_digest(again, of.texts) == of.digest(), "the same documents gave another tokenizer the second time")


def another_process_trains_the_same_tokenizer(of: TokenizerOnTrial) -> None:
    hold(is_the_same_elsewhere(of), "it is another there: does it hang on the order of a set, or on a hash?")


def another_tokenizer_has_another_fingerprint(of: TokenizerOnTrial) -> None:
    other = of.settings.train(of.corpus.train[: len(of.corpus.train) // 8])
    differs = any(_ids(of.tokenizer, text) != _ids(other, text) for text in of.texts)
    hold(
        not differs or other.fingerprint != of.tokenizer.fingerprint,
        "trained on other documents it gives other ids, but to_json is the same: put all that was learnt into it",
    )


CHECKS: tuple[Callable[[TokenizerOnTrial], None], ...] = (
    it_can_be_trained,
    its_settings_survive_storage,
    no_text_is_changed,
    a_closed_alphabet_refuses_other_characters,
    its_ids_are_those_of_its_vocabulary,
    the_start_token_is_no_text,
    ids_in_any_order_are_decoded,
    each_label_is_one_token,
    encoding_again_or_together_gives_the_same_ids,
    read_back_it_is_the_same,
    training_again_gives_the_same_tokenizer,
    another_process_trains_the_same_tokenizer,
    another_tokenizer_has_another_fingerprint,
)


def check_tokenizer(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold a tokenizer, an option of tokenizer= or a file, to what every tokenizer keeps to. UserError where there is
    none."""
    trial = TokenizerOnTrial(name, overrides)
    _ = trial.settings, trial.source
    return outcomes(CHECKS, trial)
