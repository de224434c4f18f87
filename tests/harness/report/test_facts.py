"""What was compared, what was matched and what went wrong are said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.comparison import Comparison
from harness.report.facts import facts, warnings
from harness.report.results import load
from tests.harness.report.conftest import Written
from tests.harness.report.records import edit


@pytest.fixture(scope="module")
def comparison(written: Written) -> Comparison:
    return Comparison(load(written.results)[0])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Data", "mixture: 18.4 MB training, 920 kB validation, 941 kB test (fingerprint cdcdcdcdcdcd)"),
        ("Data", "; test problems seen in training: 0"),
        ("Tokenizer", "char (speaker tokens off, vocab size 117)"),
        ("Matched in", "training seconds: at most 60, spent 0.01 to 60 (-100.0 to +0.0 %)"),
        ("Matched in", "parameters: 800k, missed by rnn +0.1 %, transformer +0.2 %, gru +0.5 %, lstm -0.2 %"),
        ("Matched in", "(no width to solve for: uniform, unigram, bigram, ngram)"),
        ("Not matched", "training tokens (2.7M to 18.4M)"),
        ("Seeds", "0"),
        ("Evals", "arithmetic version 1, 160 samples a run"),
        ("Runs", "30 complete, 1 partial, 1 failed, 1 unfinished; 8 fits of 8 models"),
        ("Machine", "cpu, 2 threads"),
        ("Versions", "torch 2.13.0"),
        ("When", "2025-11-22 07:30 to 2025-11-22 07:31 UTC"),
    ],
)
def test_what_was_compared_and_how_well_it_was_matched_is_said(comparison: Comparison, name: str, said: str) -> None:
    assert said in dict(facts(comparison))[name]


def test_a_budget_is_what_the_fit_before_the_stages_spent(small: Path, compare: Callable[[Path], Comparison]) -> None:
    stage = {"stage": "sft", "fit_id": "ab", "spent": {"tokens": 300, "episodes": 0, "seconds": 2.0, "flops": 0}}

    def with_a_stage(record: dict[str, Any]) -> None:
        record["budget"] |= {"tokens": 1000, "seconds": None, "flops": None, "num_params": None}
        record["spent"] |= {"tokens": 1300, "seconds": 7.0}
        record["stages"] = [stage]

    for run in small.glob("*-*"):
        edit(run, with_a_stage)
    said = dict(facts(compare(small)))
    assert "training tokens: at most 1k, spent 1k" in said["Matched in"]
    assert said["Matched in"].endswith("(all of this without the stages of post-training)")
    assert "training seconds (5)" in said["Not matched"]


def test_failed_partial_and_unfinished_runs_are_warned_of(comparison: Comparison) -> None:
    assert warnings(comparison) == [
        "1 of 32 runs failed; missing below: rnn, top_p, seed 0.",
        "An eval failed in 1 of 32 runs; the rest of it stands: gru, top_k, seed 0.",
        "1 more begun and not finished; start the same command again to finish it.",
    ]


def test_notes_are_told_once_with_the_runs_that_have_them(small: Path, compare: Callable[[Path], Comparison]) -> None:
    everywhere, here = "there is very little text", "validation text costs 90 bits a byte"
    runs = list(small.glob("*-*"))
    for run in runs:
        notes = [everywhere, here] if run == runs[0] else [everywhere]
        edit(run, lambda record, notes=notes: record.update(notes=notes))  # type: ignore[misc]
    for_all, for_one = warnings(compare(small))
    assert for_all == "There is very little text (all runs)."
    assert for_one.startswith("Validation text costs 90 bits a byte (")
    assert for_one.endswith(", seed 0).")


def test_a_note_that_begins_with_a_name_keeps_it(small: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in small.glob("*-s0"):
        edit(run, lambda record: record.update(notes=["turn_taking measured nothing", "data=text: 2 copies"]))
    assert warnings(compare(small)) == ["turn_taking measured nothing (all runs).", "data=text: 2 copies (all runs)."]


def test_a_tokenizer_s_size_is_told_once(small: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in small.glob("*-s0"):
        bpe = {"name": "bpe", "vocab_size": 900, "config": {"vocab_size": 1024}}
        edit(run, lambda record, bpe=bpe: record.update(tokenizer=bpe))
    assert ("Tokenizer", "bpe (vocab size 1024)") in facts(compare(small))


def test_strategies_that_change_no_measure_are_told(small: Path, compare: Callable[[Path], Comparison]) -> None:
    def forget(record: dict[str, Any]) -> None:
        record["metrics"] = [metric for metric in record["metrics"] if metric["metric"] == "bits_per_byte"]

    assert warnings(compare(small)) == []
    for run in small.glob("*-s0"):
        edit(run, forget)
    [told] = warnings(compare(small))
    assert told.startswith("There are 4 decoding strategies, and no eval here asks a model to write")


def test_runs_on_different_data_and_leaks_are_warned_of(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert warnings(compare(small)) == []
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32, test_problems_seen_in_training=7))
    different, leaks = warnings(compare(small))
    assert "2 different data sets" in different
    assert leaks == "7 test problems occur in the training text."
