"""A fit completes a text or answers in a conversation: what it writes, piece by piece, then facts about it.

Both are what `bakeoff complete` and `bakeoff chat` do with the same seed: the same engine, chatbot and random numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.chat.chatbot import Chatbot, Exchange
from harness.common.seeds import seed_of
from harness.completion.sequence import Completion, Prompt
from harness.config.settings import build
from harness.dashboard.fits.held import Held
from harness.dashboard.strategies import OWN, filled
from harness.runs.engines import conversation_format
from harness.text.transcript import Turn

if TYPE_CHECKING:
    from harness.completion.engine import DecodingStrategy, Engine

_MOST_TOKENS_TOLD = 400
"""Tokens whose probabilities are told."""


def complete(held: Held, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Complete request['prompt']."""
    engine = held.engine(request["run"], strategy_of(request))
    seed = seed_of(request["seed"], "complete", 0)
    prompt = Prompt(request["prompt"], request["max_new_tokens"], tuple(request["stop"]), seed)
    began = time.monotonic()
    for piece in engine.stream(prompt):
        if isinstance(piece, Completion):
            yield {"done": facts(engine, piece, time.monotonic() - began)}
        else:
            yield {"text": piece}


def chat(held: Held, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Answer request['say'] after request['exchanges'], each with what was 'said' and 'written'."""
    run, speakers = held.run(request["run"]), (request["person"], request["partner"])
    form = conversation_format(run, speakers, request["decoding"] == OWN)
    engine = held.engine(request["run"], strategy_of(request))
    person, partner = speakers
    chatbot = Chatbot(
        engine,
        form,
        person=person,
        partner=partner,
        system=request["system"],
        max_new_tokens=request["max_new_tokens"],
        stops=request["stops"],
        seed=request["seed"],
    )
    chatbot.exchanges = [
        Exchange(Turn(person, each["said"]), partner, form, prompt="", left_out=0, written=each["written"])
        for each in request["exchanges"]
    ]
    began = time.monotonic()
    for piece in chatbot.say(request["say"]):
        yield {"text": piece}
    last = chatbot.last
    assert last is not None
    yield {
        "done": {
            "finish_reason": last.finish_reason,
            "stop_text": None,
            "seconds": time.monotonic() - began,
            "left_out": last.left_out,
        }
    }


def strategy_of(request: Mapping[str, Any]) -> DecodingStrategy | None:
    """The decoding strategy that a request names, with its settings; None for the run's own."""
    if request["decoding"] == OWN:
        return None
    from harness.completion.engine import DecodingStrategy

    return build(filled(request["decoding"], request["settings"]), DecodingStrategy, "decoding")


def facts(engine: Engine, completion: Completion, seconds: float) -> dict[str, Any]:
    """How a completion ended, and how probable its tokens were."""
    told = list(zip(completion.tokens, completion.logprobs, strict=True))[:_MOST_TOKENS_TOLD]
    nats = [-logprob for logprob in completion.logprobs]
    return {
        "finish_reason": completion.finish_reason,
        "stop_text": completion.stop_text,
        "seconds": seconds,
        "num_tokens": len(completion.tokens),
        "bits_a_token": sum(nats) / len(nats) / math.log(2) if nats else None,
        "tokens": [[engine.tokenizer.token_text(token), math.exp(logprob)] for token, logprob in told],
    }
