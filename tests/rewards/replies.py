"""Replies for tests of rewards."""

from __future__ import annotations

from harness.completion.reward import Reply
from harness.completion.sequence import Completion, Prompt


def reply(text: str, stop_text: str | None = None, target: str | None = None) -> Reply:
    """A reply of one token for each character; without a stop text it was cut."""
    tokens, logprobs = tuple(range(len(text))), (-1.0,) * len(text)
    completion = Completion(text, tokens, logprobs, logprobs, "stop" if stop_text else "length", stop_text)
    return Reply(Prompt("Human: Hello.\n\nAssistant:", 300), completion, target)
