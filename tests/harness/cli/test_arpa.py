"""ARPA files on the command line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from harness.cli import arpa
from harness.cli.score_files import read_files
from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit
from models.language_model import CountingModel, ModelConfig
from models.settings.lstm import LSTMConfig
from models.settings.ngram import NGramConfig

TEXT = "a rose is a rose\n100% <unk> <s> é\u2028 \t." * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return CharTokenizerSettings(speaker_tokens=True).train([Document("x", TEXT, "s", "c")])


def fitted(tokenizer: Tokenizer, config: ModelConfig) -> Fit:
    model = config.build(tokenizer.vocab_size, tokenizer.start_token)
    assert isinstance(model, CountingModel)
    ids = torch.from_numpy(tokenizer.encode(TEXT))
    model.count(torch.cat([torch.tensor([tokenizer.start_token]), ids]))
    model.finish([ids])
    return Fit("0" * 12, Path(), model, tokenizer, {})


def test_every_token_has_a_word_of_its_own_without_white_space(tokenizer: Tokenizer) -> None:
    words = arpa.token_words(tokenizer)
    assert len(set(words)) == tokenizer.vocab_size
    assert all(word and not any(character.isspace() for character in word) for word in words)
    by_text = {tokenizer.decode([token]): word for token, word in enumerate(words)}
    assert [by_text[character] for character in " \n%aé"] == ["%20", "%0A", "%25", "a", "é"]


def test_the_file_gives_text_the_same_likelihood_as_the_run(tokenizer: Tokenizer, tmp_path: Path) -> None:
    fit = fitted(tokenizer, NGramConfig(order=3))
    arpa.export(fit, tmp_path / "m.arpa")
    words = arpa.token_words(tokenizer)
    line = "is a rose"
    ids = tokenizer.encode(line)
    (tmp_path / "t.txt").write_text(" ".join(words[token] for token in ids) + "\n")
    [row] = arpa.score_texts(tmp_path / "m.arpa", read_files([str(tmp_path / "t.txt")]))["files"]
    tokens = torch.tensor([[*ids, tokenizer.start_token]])
    assert row["nats"] == pytest.approx(-float(fit.model.token_logprobs(tokens).double().sum()), rel=1e-6)
    assert (row["num_tokens"], row["unknown_words"]) == (len(ids) + 1, 0)
    assert row["bits_per_byte"] == pytest.approx(row["nats"] / math.log(2) / row["num_bytes"])


def test_unknown_words_are_counted_and_there_are_then_no_bits_per_byte(tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(
        "\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-0.5\t</s>\n-0.2\tx\n\n\\end\\\n"
    )
    (tmp_path / "t.txt").write_text("x y x\n\nx\n")
    scores = arpa.score_texts(tmp_path / "m.arpa", read_files([str(tmp_path / "t.txt")]))
    # three x, one unknown word, three line ends
    assert scores["total"]["nats"] == pytest.approx(math.log(10) * (3 * 0.2 + 1 + 3 * 0.5))
    assert scores["total"]["unknown_words"] == 1
    assert scores["total"]["bits_per_byte"] is None


def test_text_in_other_units_than_the_file_s_is_refused_with_the_command_that_fits(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    arpa.export(fitted(tokenizer, NGramConfig(order=2)), tmp_path / "m.arpa")
    text = tmp_path / "t.txt"
    text.write_text("a rose is a rose\n")
    with pytest.raises(UserError, match=rf"'%0A', with percent-encoded white .* bakeoff score RUN {text}"):
        arpa.score_texts(tmp_path / "m.arpa", read_files([str(text)]))
    (tmp_path / "w.arpa").write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-99\t<s>\n-0.5\t</s>\n-0.2\tx\n\n\\end\\\n")
    with pytest.raises(UserError, match=r"lists none of the 5 words of the text, as 'a', and has no <unk>"):
        arpa.score_texts(tmp_path / "w.arpa", read_files([str(text)]))


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u0085", "\u2028", "\u001c"], ids=ascii)
def test_a_text_is_split_at_ascii_white_space_alone(space: str, tmp_path: Path) -> None:
    word = f"a{space}b"
    (tmp_path / "m.arpa").write_text(
        f"\\data\\\nngram 1=5\n\n\\1-grams:\n-99\t<s>\n-0.5\t</s>\n-0.2\t{word}\n-1\ta\n-2\tb\n\n\\end\\\n"
    )
    (tmp_path / "t.txt").write_text(f"{word} a\n")
    total = arpa.score_texts(tmp_path / "m.arpa", read_files([str(tmp_path / "t.txt")]))["total"]
    assert total["nats"] == pytest.approx(math.log(10) * (0.2 + 1 + 0.5))
    assert (total["num_tokens"], total["unknown_words"]) == (3, 0)


@pytest.mark.parametrize("content", ["", "hello", "\\1-grams:\n-1 a\n"])
def test_a_file_that_is_not_arpa_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.arpa").write_text(content)
    (tmp_path / "t.txt").write_text("x")
    with pytest.raises(UserError, match="ARPA file"):
        arpa.score_texts(tmp_path / "m.arpa", read_files([str(tmp_path / "t.txt")]))


def test_only_ngrams_with_an_order_are_written(tokenizer: Tokenizer, tmp_path: Path) -> None:
    for config, family in ((NGramConfig(order="inf"), "ngram"), (LSTMConfig(), "lstm")):
        with pytest.raises(
            UserError, match=f"this fit of model={family} can't be .*: only n-gram models with an order can"
        ):
            arpa.check_export(config)
    with pytest.raises(UserError, match="only n-gram models with an order"):
        arpa.export(fitted(tokenizer, NGramConfig(order="inf")), tmp_path / "m.arpa")
