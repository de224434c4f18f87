"""An explanation says what the engine saw: no more, no less, and safely."""

from __future__ import annotations

import itertools
import math
from html.parser import HTMLParser

import pytest
import torch
from rich.console import Console

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transforms import Temperature, TopK, TopP
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.explaining.page import page
from harness.completion.explaining.steps import explain
from harness.completion.explaining.table import tables
from harness.completion.searches.beam import Beam
from harness.completion.sequence import Prompt
from harness.plugin_kit.chain import TableModel
from harness.text.tokenizers.byte import ByteTokenizerSettings

TOKENIZER = ByteTokenizerSettings().train([])
STRATEGY = DecodingStrategy(Draw(), {"temperature": Temperature(0.8), "top_k": TopK(20), "top_p": TopP(0.8)})


def engine(strategy: DecodingStrategy = STRATEGY) -> Engine:
    size = TOKENIZER.vocab_size
    logits = torch.randn(size, size, generator=torch.Generator().manual_seed(0)) * 2
    return Engine(TableModel(logits, TOKENIZER.start_token), TOKENIZER, strategy)


def test_it_explains_the_very_completion_that_the_engine_writes() -> None:
    prompt = Prompt("ab", 30, seed=5)
    explanation = explain(engine(), prompt)
    [made] = engine().complete([prompt])
    assert explanation.completion == made
    assert tuple(step.chosen.token for step in explanation.steps) == made.tokens
    for step, logprob, sampler_logprob in zip(explanation.steps, made.logprobs, made.sampler_logprobs, strict=True):
        assert math.log(step.chosen.expected) == pytest.approx(logprob, abs=1e-5)
        assert math.log(step.chosen.left[-1]) == pytest.approx(sampler_logprob, abs=1e-5)
        assert step.surprise_bits == pytest.approx(-logprob / math.log(2), rel=1e-5)


def test_candidates_are_the_most_probable_and_the_chosen_one() -> None:
    for step in explain(engine(), Prompt("ab", 20, seed=1), num_candidates=3).steps:
        listed = [candidate.expected for candidate in step.candidates]
        assert listed == sorted(listed, reverse=True)
        assert len(listed) == (3 if step.rank <= 3 else 4)
        assert sum(candidate.is_chosen for candidate in step.candidates) == 1
        assert sum(listed) + step.others_expected == pytest.approx(1, abs=1e-5)
        assert step.num_others + len(listed) == TOKENIZER.vocab_size


def test_stages_say_what_each_transform_removed() -> None:
    [step] = explain(engine(), Prompt("ab", 1)).steps
    expected = engine().model.start(1).table[TOKENIZER.encode("b")[0]][None]  # type: ignore[attr-defined]
    cooled = Temperature(0.8)(expected)
    top = TopK(20)(cooled)
    nucleus = TopP(0.8)(top)
    temperature, top_k, top_p = step.stages
    assert (temperature.name, temperature.num_removed, temperature.mass_removed) == ("temperature", 0, 0.0)
    assert top_k.num_removed == TOKENIZER.vocab_size - 20
    assert top_k.mass_removed == pytest.approx(float(cooled[top == -torch.inf].exp().sum()), abs=1e-6)
    assert top_p.num_removed == 20 - int(nucleus.isfinite().sum())
    assert top_p.mass_removed == pytest.approx(
        float(top[(nucleus == -torch.inf) & top.isfinite()].exp().sum()), abs=1e-6
    )


def test_a_search_is_refused() -> None:
    with pytest.raises(UserError, match="Beam"):
        explain(engine(DecodingStrategy(Greedy(), {}, Beam())), Prompt("a", 3))


def test_nothing_to_write_is_nothing_to_explain() -> None:
    explanation = explain(engine(), Prompt("a", 0))
    assert explanation.steps == ()
    assert tables(explanation) == []
    assert "0 tokens" in page(explanation, "title")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or (value or "").startswith("javascript") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m"
    size = TOKENIZER.vocab_size
    logits = torch.zeros(size, size)
    ids = [TOKENIZER.start_token, *TOKENIZER.encode("<img src=x>\x1b").tolist()]
    for before, after in itertools.pairwise(ids):
        logits[before, after] = 50.0
    made = explain(Engine(TableModel(logits, ids[0]), TOKENIZER, STRATEGY), Prompt(hostile, 5))
    explanation = explain(Engine(TableModel(logits, ids[0]), TOKENIZER, STRATEGY), Prompt("", 12))
    for shown in (made, explanation):
        read = Tags()
        read.feed(page(shown, "<title>"))
        assert not read.names & {"script", "img"}
        assert "\x1b" not in read.text
        console = Console(record=True, width=100, file=open("/dev/null", "w"))  # noqa: SIM115
        for table in tables(shown):
            console.print(table)
        assert "\x1b" not in console.export_text(styles=False)
    assert "<img src=x>" in "".join(step.chosen.text for step in explanation.steps)
