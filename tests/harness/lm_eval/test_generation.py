from __future__ import annotations

from typing import Any

import pytest

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transforms import Temperature, TopK, TopP
from harness.completion.engine import DecodingStrategy
from harness.lm_eval.generation import GenerationRequest


@pytest.mark.parametrize(
    ("options", "max_new_tokens", "strategy"),
    [
        ({"until": ["\n"]}, 256, DecodingStrategy(Greedy())),
        ({"until": "\n", "max_gen_toks": 3, "num_beams": 1}, 3, DecodingStrategy(Greedy())),
        ({"until": [], "max_new_tokens": 4}, 4, DecodingStrategy(Greedy())),
        ({"until": [], "do_sample": False, "temperature": 0.8, "top_p": 0.5}, 256, DecodingStrategy(Greedy())),
        ({"until": [], "do_sample": True}, 256, DecodingStrategy(Draw())),
        ({"until": [], "temperature": 0.8}, 256, DecodingStrategy(Draw(), {"temperature": Temperature(0.8)})),
        (
            {"until": [], "do_sample": True, "top_k": 5, "top_p": 0.9, "temperature": 1.0, "min_p": None},
            256,
            DecodingStrategy(Draw(), {"top_k": TopK(5), "top_p": TopP(0.9)}),
        ),
    ],
)
def test_options_mean_the_same_as_in_lm_eval(
    options: dict[str, Any], max_new_tokens: int, strategy: DecodingStrategy
) -> None:
    generation = GenerationRequest.of("a prompt", options, chat=False)
    assert (generation.max_new_tokens, generation.strategy()) == (max_new_tokens, strategy)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"until": [], "penalty_alpha": 0.6}, "penalty_alpha"),
        ({"until": [], "num_beams": 4}, "num_beams=4"),
        ({"until": [], "do_sample": True, "temperature": 0.0}, "temperature=0.0 is not allowed"),
        ({"until": [], "do_sample": True, "top_p": 2.0}, "p=2.0 is not allowed"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        GenerationRequest.of("a prompt", options, chat=False).strategy()


@pytest.mark.parametrize(
    ("prompt", "until", "stop"),
    [
        ("Answer:", ["\n\n", "Q:"], ("\n\n", "Q:")),
        ("Answer:\n", ["\n\n", "Q:"], ("Q:",)),
        ("\n\n", ["\n\n"], ()),
        ("Answer:", ["", "\n"], ("\n",)),
    ],
)
def test_writing_ends_only_at_stop_texts_that_cannot_begin_in_the_prompt(
    prompt: str, until: list[str], stop: tuple[str, ...]
) -> None:
    assert GenerationRequest.of(prompt, {"until": until}, chat=False).stop == stop


@pytest.mark.parametrize(
    ("written", "until", "finished"),
    [
        (" 19\n\nQ: more", ["\n\n", "Q:"], " 19"),
        (" 19", ["\n"], " 19"),
        ("", ["\n"], ""),
        ("a Q: b\n", ["\n", "Q:"], "a "),
        ("a \ud800 b", [], "a \ufffd\ufffd\ufffd b"),  # lm_eval's log is UTF-8, which has no lone surrogates
    ],
)
def test_a_text_is_cut_before_the_first_stop_text(written: str, until: list[str], finished: str) -> None:
    assert GenerationRequest.of("?", {"until": until}, chat=False).finish(written) == finished


def test_a_reply_takes_the_space_and_ends_at_the_human_s_label() -> None:
    generation = GenerationRequest.of("Human: ?\n\nAssistant: ", {"until": []}, chat=True)
    assert generation.prompt == "Human: ?\n\nAssistant:"
    assert generation.stop == ("\n\nHuman:",)
    assert generation.finish(" 19.\n\nHuman: thanks") == "19."
    begun = GenerationRequest.of("Human: ?\n\nAssistant: It is", {"until": []}, chat=True)
    assert begun.prompt == "Human: ?\n\nAssistant: It is"
    assert begun.finish(" 19.") == " 19."
