"""sft: what is learnt, its address, its cost, and that a kill changes nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.fits import Fit, fit_id
from harness.training.post.answers import answers
from models.adapted import Adapted
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.made import SMALL_GRU, corpus, made, wanted

SFT = ["post=[sft]", "post.sft.budget.tokens=4000"]


def answers_nats(fit: Fit, split: str) -> float:
    """The mean nats of the assistant's tokens."""
    nats = []
    for text in answers("conversations", corpus(), split, fit.tokenizer):
        logprobs = fit.model.token_logprobs(torch.from_numpy(text.tokens)[None])[0].cpu().numpy()
        nats.append(-logprobs[text.mask])
    return float(np.concatenate(nats).mean())


def test_only_the_assistant_s_turns_are_learnt_with_what_hands_over(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, "model=uniform").tokenizer
    text = next(answers("conversations", corpus(), "train", tokenizer))
    whole, learnt = tokenizer.decode(text.tokens), tokenizer.decode(text.tokens[text.mask])
    assert whole.startswith("Human:")
    assert not learnt.startswith("Human:")
    assert "Assistant:" not in learnt
    assert text.num_bytes == len(learnt.encode())


def test_of_sums_only_the_answers_are_learnt_with_the_line_s_end() -> None:
    text = "12+7=19\n3-5=-2\nand 1+1=2\n4+4=?\n2x3=6"
    turns = Document(
        "chat", "Human: 1+1=2\n\nAssistant: 2+2=4", source="chat", format=corpus().chat_format.name, cluster="chat"
    )
    documents = dataclasses.replace(
        corpus(), train=(Document("sums", text, source="arithmetic", cluster="sums"), turns)
    )
    tokenizer = ByteTokenizerSettings().train([turns])
    [sums] = answers("sums", documents, "train", tokenizer)
    assert tokenizer.decode(sums.tokens) == text
    assert tokenizer.decode(sums.tokens[sums.mask]) == "19\n-2\n6"
    assert sums.num_bytes == 7
    [conversation] = answers("conversations", documents, "train", tokenizer)
    assert tokenizer.decode(conversation.tokens[conversation.mask]) == " 2+2=4"


@pytest.mark.parametrize("family", [["model=unigram"], ["model=bigram"], ["model=ngram", "model.order=4"], SMALL_GRU])
def test_answers_get_likelier_and_the_line_s_cost_is_in_the_facts(family: list[str], tmp_path: Path) -> None:
    before, after = made(tmp_path, *family), made(tmp_path, *family, *SFT)
    assert answers_nats(after, "validation") < answers_nats(before, "validation")
    [stage] = after.facts["stages"]
    assert stage["stage"] == "sft"
    assert 4000 <= stage["spent"]["tokens"] < 4600
    assert after.facts["spent"]["tokens"] == before.facts["spent"]["tokens"] + stage["spent"]["tokens"]
    assert stage["spent"]["read_tokens"] > stage["spent"]["tokens"]
    assert after.facts["before"]["fit_id"] == before.id
    assert after.model.config.trained_from == before.model.config
    assert isinstance(after.model, Adapted) == (family != SMALL_GRU)


def test_what_learns_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    before, after = made(tmp_path, "model=uniform"), made(tmp_path, "model=uniform", *SFT)
    tokens = torch.arange(20)[None]
    assert torch.equal(before.model.logprobs(tokens), after.model.logprobs(tokens))
    assert after.facts["spent"] == before.facts["spent"]


def test_a_stage_s_address_is_of_the_fit_before_and_of_its_options(tmp_path: Path) -> None:
    base, stage = wanted(*SMALL_GRU), wanted(*SMALL_GRU, *SFT)
    names = {fit_id(stage, corpus()), fit_id(base, corpus())}
    for changed in (["seed=1"], ["model.d_model=8"], ["post.sft.replay=0.2"], ["post.sft.budget.tokens=5000"]):
        names.add(fit_id(wanted(*SMALL_GRU, *SFT, *changed), corpus()))
    assert len(names) == 6
    assert fit_id(wanted(*SMALL_GRU, *SFT, "rewards=[length]"), corpus()) in names
    made(tmp_path, *SMALL_GRU)
    made(tmp_path, *SMALL_GRU, *SFT)
    assert len(list((tmp_path / "fits").iterdir())) == 2


@pytest.mark.campaign
def test_a_stage_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    often = [*SMALL_GRU, *SFT, "training.checkpoint_seconds=1e-9"]
    alone = made(tmp_path / "alone", *often)
    made(tmp_path / "killed", *SMALL_GRU, "training.checkpoint_seconds=1e-9")
    for after in (3, 5):
        with killed_after(after):
            made(tmp_path / "killed", *often)
    again = made(tmp_path / "killed", *often)
    expected, got = alone.model.tensors(), again.model.tensors()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
    assert {**again.facts["stages"][0]["spent"], "seconds": 0} == {**alone.facts["stages"][0]["spent"], "seconds": 0}


def test_data_without_conversations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {split: corpus().documents(split) for split in ("train", "validation")}
    without = {split: [dataclasses.replace(each, format=None) for each in splits[split]] for split in splits}
    bare = dataclasses.replace(corpus(), train=tuple(without["train"]), validation=tuple(without["validation"]))
    monkeypatch.setattr("tests.harness.training.post.made.corpus", lambda: bare)
    with pytest.raises(UserError, match=r"the train text of data=chatterbot has no conversations.*data=chat"):
        made(tmp_path, "model=bigram", *SFT)


def test_data_without_sums_is_refused_where_sums_are_to_be_learnt(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train text of data=chatterbot has no sums.*data=arithmetic"):
        made(tmp_path, "model=bigram", *SFT, "post.sft.prompts=sums")
