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
    """What a right answer says, where there is one."""
    cluster: str = ""
    """What the sample shares its luck with (a play, a problem template); '': itself alone."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and values by which the metrics are also broken down."""


@dataclass(frozen=True)
class Score:
    """What an eval found about one sample."""

    values: Mapping[str, float | None]
    """Measures by name; None: could not be measured."""
    answer: str = ""
    """What the model said, where it said something. Hostile text: escape it wherever it is shown."""
    finish_reason: str | None = None
    nats: float | None = None
    num_tokens: int | None = None
    num_bytes: int | None = None
    parts: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    """Where only parts of a sample belong to slices, as its tokens by their position: each part's own values, nats,
    tokens and bytes, by the slice's name and value, as parts["position"]["16-31"]."""
