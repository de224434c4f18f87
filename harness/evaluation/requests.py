"""What an eval asks and what it makes of the answers: samples, requests, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.completion.sequence import Completion
from harness.scoring.answers import Compressed, Likelihood


@dataclass(frozen=True)
class ScoreText:
    """Asks for the log-likelihood of a whole document, from its first token."""

    text: str


@dataclass(frozen=True)
class ScoreContinuation:
    """Asks for the log-likelihood of a continuation after a prompt, and whether greedy decoding would write it."""

    prompt: str
    continuation: str


MOST_NEW_TOKENS = 100_000
"""The most tokens that an eval's options may ask for in one completion."""


@dataclass(frozen=True)
class Complete:
    """Asks for a completion under the run's decoding strategy."""

    prompt: str
    max_new_tokens: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compress:
    """Asks for texts, one or more, to be encoded by the model's probabilities, and decoded again by a copy of it."""

    texts: tuple[str, ...]


Request = ScoreText | ScoreContinuation | Complete | Compress

Answer = Likelihood | Completion | Compressed


@dataclass(frozen=True)
class Sample:
    """One thing that an eval asks. The same for every family, in the same order."""

    id: str
    """Stable and unique within the eval."""
    prompt: str
    target: str = ""
    """The right answer, where there is one."""
    cluster: str = ""
    """Samples of one cluster are alike (one play, one problem template), so intervals draw them together. '': none."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and values by which the metrics are also broken down."""


@dataclass(frozen=True)
class Score:
    """What an eval measured on one sample."""

    values: Mapping[str, float | None]
    """Measures by name; None: it could not be measured."""
    answer: str = ""
    """The model's text, where it wrote one. It is untrusted: escape it where it is shown."""
    finish_reason: str | None = None
    nats: float | None = None
    num_tokens: int | None = None
    num_bytes: int | None = None
    parts: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    """Where only parts of a sample belong to slices, such as its tokens by position: the values, nats, tokens and bytes
    of each part, by the slice's name and value: parts["position"]["16-31"]."""
