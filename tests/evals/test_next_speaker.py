"""The next-speaker eval: its questions, and how answers are summed up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evals.next_speaker import NextSpeaker
from harness.evaluation.eval import Material
from harness.evaluation.metric import Baseline
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY
from tests.evals.speakers import TOKENIZER, Speaker, changed, corpus, judged, knows_second_best, table

EVAL = NextSpeaker()
MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)


def test_a_model_that_ranks_the_right_speaker_second_scores_one_half() -> None:
    metrics = judged(changed(expects=knows_second_best), HUMAN_ASSISTANT, [EVAL])
    assert (metrics["next_speaker_accuracy"].value, metrics["next_speaker_mrr"].value) == (0.0, 0.5)


def test_each_measure_has_the_score_of_guessing() -> None:
    metrics = judged(Speaker(), HUMAN_ASSISTANT, [EVAL])
    assert metrics["next_speaker_accuracy"].chance == pytest.approx(1 / 3)
    assert metrics["next_speaker_mrr"].chance == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert metrics["before_last_next_speaker_mrr"].chance is None
    assert metrics["before_last_next_speaker_mrr"].baseline == Baseline(
        "next_speaker_mrr", "before_last", is_trivial=True
    )


def test_a_model_that_can_not_tell_speakers_apart_gets_what_guessing_gets_and_so_does_every_order_on_average() -> None:
    samples = list(EVAL.samples(MATERIAL))
    for sample in samples:
        requests = EVAL.requests(sample, MATERIAL)
        equal = EVAL.score(sample, [Likelihood(9.0, 5)] * len(requests), MATERIAL).values
        orders = [
            EVAL.score(sample, [Likelihood(float(nats), 5) for nats in order], MATERIAL).values
            for order in itertools.permutations(range(len(requests)))
        ]
        for name, chance in (("accuracy", 1 / 3), ("mrr", (1 + 1 / 2 + 1 / 3) / 3)):
            assert equal[f"next_speaker_{name}"] == pytest.approx(chance)
            assert np.mean([values[f"next_speaker_{name}"] for values in orders]) == pytest.approx(chance)  # type: ignore[arg-type]


def test_the_headline_comes_first_in_every_slice() -> None:
    metrics = EVAL.metrics(table(Speaker(), HUMAN_ASSISTANT, EVAL))
    assert [metric.slice for metric in metrics if metric.metric == "next_speaker_accuracy"] == ["all", "source=plays"]
    assert metrics[0].metric == "next_speaker_accuracy"


def test_a_scene_gives_questions_at_changes_after_two_speakers() -> None:
    scene = next(document for document in MATERIAL.corpus.test if document.id == "p0")
    samples = [sample for sample in EVAL.samples(MATERIAL) if sample.cluster == "p0"]
    # The scene has eight turns, the speaker changes at each, and it is short enough to be read as a whole.
    assert {len(PLAY.parse(sample.prompt).turns) for sample in samples} == set(range(2, 8))
    for sample in samples:
        assert scene.text.startswith(sample.prompt + sample.target)
        candidates = [request.continuation for request in EVAL.requests(sample, MATERIAL)]  # type: ignore[union-attr]
        assert len(candidates) == 3
        assert sample.target in candidates
        assert PLAY.between + PLAY.label(PLAY.parse(sample.prompt).turns[-1].speaker) not in candidates


def test_only_whole_turns_within_the_limit_are_read() -> None:
    for sample in NextSpeaker(max_history_chars=60).samples(MATERIAL):
        assert len(sample.prompt) <= 60
        assert sample.prompt.partition(":")[0] in ("ROMEO", "JULIET", "NURSE", "BENVOLIO")


def test_fewer_scenes_and_changes_are_a_part_of_more() -> None:
    few, many = ([sample.id for sample in NextSpeaker(num_scenes=count).samples(MATERIAL)] for count in (2, 3))
    assert 0 < len(few) < len(many) == len(set(many))
    assert few == many[: len(few)]
    two = [sample.id for sample in NextSpeaker(changes_per_scene=2).samples(MATERIAL)]
    assert len(two) == 2 * 3
    assert set(two) < set(many)


@pytest.mark.parametrize("name", ["num_scenes", "changes_per_scene", "max_history_chars"])
def test_numbers_are_one_or_more(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 is not allowed"):
        NextSpeaker(**{name: 0})


def test_conversations_and_monologues_give_no_samples() -> None:
    assert list(EVAL.samples(Material(corpus(HUMAN_ASSISTANT, num_scenes=0), TOKENIZER))) == []
    alone = Corpus("plays", (), (), (Document("p", "ROMEO: Ay me.", "shakespeare", "p", "play"),))
    assert list(EVAL.samples(Material(alone, TOKENIZER))) == []
