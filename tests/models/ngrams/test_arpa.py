from __future__ import annotations

import io
import math
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.checks import Impossible
from models.ngram import NGram
from models.ngrams.arpa import read_arpa, write_arpa
from models.ngrams.backoff import BackoffModel
from tests.models.ngrams.texts import Documents, fit, random_documents, stream_of

START = 9
NAMES = [*"abcdefgh", "<unk>", "the start"]
DOCUMENTS = random_documents(4, 60, 40, 7)
TEXTS = random_documents(5, 30, 40, 8)


def arpa_of(model: NGram) -> str:
    file = io.StringIO()
    write_arpa(model.backoff_model, START, NAMES, file)
    return file.getvalue()


def totals(model: BackoffModel, documents: Documents) -> list[float]:
    """log10 p of each document and its end."""
    contexts = np.array([model.context_after(0, START)])
    lines = [np.array([[*document, START]]) for document in documents]
    return [
        float(model.score(contexts, line, np.array([line.shape[1]])).astype(float).sum() / math.log(10))
        for line in lines
    ]


@pytest.mark.parametrize(
    "options",
    [{}, {"order": 1}, {"smoothing": "katz"}, {"cutoffs": [0, 0, 1]}, {"prune_threshold": 1e-5}, {"order": 6}],
    ids=str,
)
class TestWithKenLM:
    def test_a_file_comes_back_as_the_model_it_was(self, options: dict[str, Any]) -> None:
        model = fit([*stream_of(DOCUMENTS, START), START], 10, START, **{"order": 4, **options})
        again = read_arpa(arpa_of(model).split("\n"), START, NAMES)
        for name in ("tokens", "first_child", "suffix"):
            assert np.array_equal(getattr(again.trie, name), getattr(model.backoff_model.trie, name))
        np.testing.assert_allclose(again.logprobs, model.backoff_model.logprobs, atol=1e-7)
        np.testing.assert_allclose(again.log_backoffs, model.backoff_model.log_backoffs, atol=1e-7)

    def test_kenlm_reads_it_and_scores_text_the_same(self, options: dict[str, Any], tmp_path: Path) -> None:
        kenlm = pytest.importorskip("kenlm")
        if options == {"order": 1}:
            pytest.skip("KenLM reads no unigram models")
        model = fit([*stream_of(DOCUMENTS, START), START], 10, START, **{"order": 4, **options})
        path = tmp_path / "ours.arpa"
        path.write_text(arpa_of(model))
        theirs = kenlm.Model(str(path))
        expected = [theirs.score(" ".join(NAMES[token] for token in document)) for document in TEXTS]
        assert totals(model.backoff_model, TEXTS) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("order", [2, 3, 5, 6])
@pytest.mark.parametrize("cutoffs", [[0], [0, 0, 1], [0, 1, 1, 2]], ids=str)
def test_lmplz_counts_prunes_and_smooths_the_same(order: int, cutoffs: list[int], tmp_path: Path) -> None:
    lmplz = shutil.which("lmplz") or pytest.skip("KenLM's lmplz is not on the PATH")
    text = "".join(" ".join(NAMES[token] for token in document) + "\n" for document in DOCUMENTS)
    options = ["-o", str(order), "--discount_fallback", "-S", "100M", "-T", str(tmp_path)]
    options += ["--prune", *map(str, cutoffs[:order])] if any(cutoffs[:order]) else []
    process = subprocess.run([lmplz, *options], input=text, capture_output=True, text=True, check=True)
    # Training has eight of our ten tokens: seven letters and the start token. KenLM's <unk> stands for the others.
    names = [*NAMES[:7], *NAMES[8:]]
    theirs = read_arpa(process.stdout.split("\n"), START - 1, names)
    ours = fit([*stream_of(DOCUMENTS, START - 1), START - 1], 9, START - 1, order=order, cutoffs=cutoffs).backoff_model
    assert ours.trie.level_begins == theirs.trie.level_begins
    assert np.array_equal(ours.trie.tokens, theirs.trie.tokens)
    np.testing.assert_allclose(ours.logprobs[1:], theirs.logprobs[1:], atol=2e-6)
    np.testing.assert_allclose(ours.log_backoffs, theirs.log_backoffs, atol=2e-6)


def test_what_the_start_token_does_is_written_as_two_words() -> None:
    text = arpa_of(fit([*stream_of([[0, 1], []], START), START], 10, START, order=3))
    lines = {line.split("\t")[1]: line.split("\t") for line in text.split("\n") if "\t" in line}
    assert lines["<s>"][0] == "-99"
    assert len(lines["<s>"]) == 3
    assert len(lines["</s>"]) == 2
    assert "<s> </s>" in lines
    assert "<s> a b" in lines


def test_unlisted_tokens_share_what_the_file_has_for_unknown_ones() -> None:
    lines = [
        "\\data\\",
        "ngram 1=4",
        "",
        "\\1-grams:",
        "-1\t<unk>",
        "-99\t<s>",
        "-0.5\t</s>",
        "-0.1\tx",
        "",
        "\\end\\",
        "",
    ]
    model = read_arpa(lines, 0, ["start", "x", "y", "z"])
    expected = [10**-0.5, 10**-0.1, 0.05, 0.05]
    np.testing.assert_allclose(np.exp(model.distributions(np.array([0]), np.float64))[0], expected)


def arpa_lines(*levels: Sequence[str]) -> list[str]:
    """The lines of a file that lists these n-grams."""
    lines = ["\\data\\", *(f"ngram {m}={len(level)}" for m, level in enumerate(levels, start=1))]
    for m, level in enumerate(levels, start=1):
        # the longest n-grams have no back-off weight
        lines += [
            "",
            f"\\{m}-grams:",
            *(entry.replace(OPENING, "-99\t<s>") if len(levels) == 1 else entry for entry in level),
        ]
    return [*lines, "", "\\end\\"]


OPENING = "-99\t<s>\t-0.1"
MARKS = [OPENING, "-1\t</s>"]


def nats(lines: Iterable[str], words: Sequence[str], sentence: Sequence[str]) -> float:
    """-ln p of a sentence and its end."""
    start = len(words)
    model = read_arpa(lines, start, [*words, "the start"])
    tokens = np.array([[*map(words.index, sentence), start]])
    context = np.array([model.context_after(0, start)])
    return -float(model.score(context, tokens, np.array([tokens.shape[1]])).astype(float).sum())


def test_the_weight_of_a_context_that_nothing_extends_counts() -> None:
    # No bigram begins with b and no trigram with "a b", so only the definition of backing off says what they weigh:
    # p(c | a b) = w(a b) w(b) p(c), and then p(</s> | c) = p(</s>).
    lines = arpa_lines(
        [*MARKS, "-0.6\ta\t-0.2", "-0.7\tb\t-0.3", "-0.8\tc"],
        ["-0.4\ta b\t-0.5", "-0.9\t<s> a"],
        ["-0.25\t<s> a a"],
    )
    expected = 0.9 + (0.0 + 0.4) + (0.5 + 0.3 + 0.8) + 1
    assert nats(lines, ["a", "b", "c"], ["a", "b", "c"]) == pytest.approx(expected * math.log(10))
    # Whatever the extension that stands in for the weight: token 0 is a here, and c there.
    assert nats(lines, ["c", "b", "a"], ["a", "b", "c"]) == pytest.approx(expected * math.log(10))


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u0085", "\u2028", "\u001c", "\v", "\f"], ids=ascii)
def test_only_space_tab_and_line_feed_separate_words(space: str) -> None:
    word = f"a{space}-3"
    lines = arpa_lines([*MARKS, f"-0.6\t{word}\t-0.2", "-0.7 a"], [f"-0.5\t{word} a"])
    text = "\n".join(lines)
    assert nats(text.split("\n"), [word, "a"], [word, "a"]) == pytest.approx((0.1 + 0.6 + 0.5 + 1) * math.log(10))


def test_unk_may_be_in_capitals() -> None:
    lines = arpa_lines([*MARKS, "-0.6\t<UNK>"], ["-0.5\t<s> <UNK>"])
    assert nats(lines, ["<unk>"], ["<unk>"]) == pytest.approx((0.5 + 1) * math.log(10))


def test_comments_may_come_before_the_file() -> None:
    lines = ["", "# made by hand", *arpa_lines([*MARKS, "-0.6\ta"])]
    assert nats(lines, ["a"], ["a"]) == pytest.approx((0.6 + 1) * math.log(10))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no .end"),
        (["hello"], r"line 1 .*'hello', but \\data\\ is expected"),
        (arpa_lines([*MARKS, "-1 a"])[:-1], "cut short"),
        (["\\data\\", "\\end\\"], "line 2 .* but 'ngram 1='"),
        (["\\data\\", "ngram 2=1"], "line 2 .* but the number of 1-grams is expected"),
        (["\\data\\", "ngram 1=3", "ngram 2=1", "\\1-grams:", *MARKS, "-1 a", "\\3-grams:"], r"line 8 .* \\2-grams:"),
        (arpa_lines([*MARKS, "many a"]), "line 7 .* but a log-probability, 1 words"),
        (arpa_lines([*MARKS, "nan a"]), "line 7 "),
        (arpa_lines([*MARKS, "1_0 a"]), "line 7 "),
        (arpa_lines([*MARKS, "\u2028-1 a"]), "line 7 "),
        (arpa_lines([*MARKS, "0.1 a"]), "line 7 .* a probability above 1"),
        (arpa_lines([*MARKS, "-1 a inf"], ["-1 a a"]), "line 8 "),
        (arpa_lines([*MARKS, "-1 a -inf"], ["-1 a a"]), "line 8 "),
        (arpa_lines([*MARKS, "-1 a -0.5"]), "line 7 .* no n-gram is longer than 1"),
        (arpa_lines([*MARKS, "-1 a b c"]), "line 7 "),
        (arpa_lines([*MARKS, "-1\ta\r"]), "line 7 .* as in Windows"),
        (arpa_lines([*MARKS, "-1 q"]), "line 7 .*'q', which is no token here"),
        (arpa_lines([*MARKS, "-1 a"], ["-1 a q"]), "line 11 .*'q', which is not among its 1-grams"),
        (arpa_lines([*MARKS, "-1 a"], ["-1 b a"]), "line 11 .* 'b' isn't listed"),
        (arpa_lines([*MARKS, "-1 a", "-1 a"]), "line 8 .* lists 'a' again"),
        (arpa_lines([*MARKS, "-1 <unk>", "-1 <UNK>"]), "line 8 .* lists '<unk>' again"),
        (arpa_lines([*MARKS, "-1 a"], ["-1 a a", "-1 a a"]), "line 12 .* lists 'a a' again"),
        (arpa_lines(["-1 </s>", "-1 a"]), "doesn't list <s>"),
        (arpa_lines(["-99 <s>", "-1 a"]), "doesn't list </s>"),
        (["\\data\\", "ngram 1=4", "\\1-grams:", "-99 <s>", "-1 </s>", "-1 a", "\\end\\"], "lists 3 1-grams .* says 4"),
        ([*arpa_lines([*MARKS, "-1 a"]), "more"], "line 10 .*'more', after its"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(lines: list[str], message: str) -> None:
    with pytest.raises(Impossible, match=message):
        read_arpa(lines, START, NAMES)


def test_no_probability_is_minus_infinity_again() -> None:
    model = fit(stream_of(DOCUMENTS, START), 10, START, order=3, smoothing="maximum_likelihood")
    again = read_arpa(arpa_of(model).split("\n"), START, NAMES)
    assert np.isneginf(again.logprobs).sum() == np.isneginf(model.backoff_model.logprobs).sum() > 0
    assert torch.isfinite(model.token_logprobs(torch.tensor([DOCUMENTS[0]]))).all()
