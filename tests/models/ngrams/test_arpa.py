from __future__ import annotations

import io
import math
import shutil
import subprocess
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
        again = read_arpa(arpa_of(model).splitlines(), START, NAMES)
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
    made = subprocess.run([lmplz, *options], input=text, capture_output=True, text=True, check=True)
    # Of our ten tokens training has the seven letters and the start token; KenLM's <unk> stands for what is left.
    names = [*NAMES[:7], *NAMES[8:]]
    theirs = read_arpa(made.stdout.splitlines(), START - 1, names)
    ours = fit([*stream_of(DOCUMENTS, START - 1), START - 1], 9, START - 1, order=order, cutoffs=cutoffs).backoff_model
    assert ours.trie.level_begins == theirs.trie.level_begins
    assert np.array_equal(ours.trie.tokens, theirs.trie.tokens)
    np.testing.assert_allclose(ours.logprobs[1:], theirs.logprobs[1:], atol=2e-6)
    np.testing.assert_allclose(ours.log_backoffs, theirs.log_backoffs, atol=2e-6)


def test_what_the_start_token_does_is_written_as_two_words() -> None:
    text = arpa_of(fit([*stream_of([[0, 1], []], START), START], 10, START, order=3))
    lines = {line.split("\t")[1]: line.split("\t") for line in text.splitlines() if "\t" in line}
    assert lines["<s>"][0] == "-99"
    assert len(lines["<s>"]) == 3
    assert len(lines["</s>"]) == 2
    assert "<s> </s>" in lines
    assert "<s> a b" in lines


def test_unlisted_tokens_share_what_the_file_has_for_unknown_ones() -> None:
    lines = "\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-0.5\t</s>\n-0.1\tx\n\n\\end\\\n".splitlines()
    model = read_arpa(lines, 0, ["start", "x", "y", "z"])
    expected = [10**-0.5, 10**-0.1, 0.05, 0.05]
    np.testing.assert_allclose(np.exp(model.distributions(np.array([0]), np.float64))[0], expected)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "no \\\\end"),
        ("\\data\\\n\\1-grams:\n-1 a\n", "cut short"),
        ("\\data\\\n\\end\\\n", "lists no words"),
        ("\\1-grams:\n-1 a\n\\3-grams:\n", "line 3 .* where \\\\2-grams: was due"),
        ("\\1-grams:\nmany a\n\\end\\\n", "line 2 .* where a log-probability, 1 words"),
        ("\\1-grams:\nnan a\n\\end\\\n", "line 2 "),
        ("\\1-grams:\n-1 a inf\n\\end\\\n", "line 2 "),
        ("\\1-grams:\n-1 a b c\n\\end\\\n", "line 2 "),
        ("\\1-grams:\n-1 q\n\\end\\\n", "line 2 .*'q', which is no token here"),
        ("\\1-grams:\n-1 a\n-1 </s>\n\\2-grams:\n-1 b a\n\\end\\\n", "line 5 .* 'b' isn't listed"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(lines: str, message: str) -> None:
    with pytest.raises(Impossible, match=message):
        read_arpa(lines.splitlines(), START, NAMES)


def test_no_probability_is_minus_infinity_again() -> None:
    model = fit(stream_of(DOCUMENTS, START), 10, START, order=3, smoothing="maximum_likelihood")
    again = read_arpa(arpa_of(model).splitlines(), START, NAMES)
    assert np.isneginf(again.logprobs).sum() == np.isneginf(model.backoff_model.logprobs).sum() > 0
    assert torch.isfinite(model.token_logprobs(torch.tensor([DOCUMENTS[0]]))).all()
