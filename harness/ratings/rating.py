"""A rating: which of two replies to a prompt is better, in the view of one rater. Needs no torch.

Each is one line of JSON. Nothing in it says how good the replies really are: that is kept apart
(harness/ratings/bank.py).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.common.seeds import seed_of
from harness.completion.sequence import Completion, FinishReason

Side = Literal["a", "b"]
Choice = Literal["a", "b", "tie", "skip"]
P_OF_CHOICE: Mapping[Choice, float | None] = {"a": 1.0, "b": 0.0, "tie": 0.5, "skip": None}


@dataclass(frozen=True)
class Written:
    """A reply, as raters and preference models see it, and who wrote it."""

    text: str
    """Without the stop text."""
    finish_reason: FinishReason
    """'stop' where it handed over or ended the document; else it is cut."""
    stop_text: str | None
    """The text with which it handed over."""
    writer: str
    """A fit's id, or the name of a person or a file."""

    @classmethod
    def of(cls, completion: Completion, writer: str = "") -> Written:
        text = completion.text.encode(errors="replace").decode()  # half a character can't be stored
        return cls(text, completion.finish_reason, completion.stop_text, writer)

    @property
    def whole(self) -> str:
        """The text with the stop text."""
        return self.text + (self.stop_text or "")


@dataclass(frozen=True)
class Pair:
    """Two replies to one prompt."""

    prompt: str
    cluster: str
    """The conversation that the prompt is from. Pairs of one cluster are alike."""
    a: Written
    b: Written

    @functools.cached_property
    def id(self) -> str:
        """A hash of all that it holds."""
        return f"{seed_of(json.dumps(asdict(self))):016x}"

    @property
    def is_even(self) -> bool:
        """Whether the replies are the same, so that nothing can be asked about them."""
        return (self.a.whole, self.a.finish_reason) == (self.b.whole, self.b.finish_reason)


@dataclass(frozen=True)
class Rating:
    """What a rater said about a pair."""

    pair: Pair
    shown_first: Side
    rater: str
    choice: Choice
    p: float | None
    """The probability that a is better, as the rater sees it; None where the pair was skipped."""
    time: str
    """When, in UTC."""
    seconds: float | None = None
    """How long the rater took; None where it isn't known."""
    is_repeat: bool = False
    """Whether the rater was asked about the pair again, to see whether the answer is the same."""

    def __post_init__(self) -> None:
        if (self.p is None) != (self.choice == "skip") or not 0 <= (self.p or 0) <= 1:
            raise ValueError(f"p={self.p} is not allowed with choice={self.choice}: it is 0 to 1, and null for a skip")

    @property
    def line(self) -> bytes:
        """One line of JSON, with its line break."""
        return json.dumps(asdict(self), ensure_ascii=False).encode(errors="backslashreplace") + b"\n"

    @property
    def chosen_first(self) -> float | None:
        """1 where the reply that was shown first was chosen, 0 where the other was; None for ties and skips."""
        return None if self.choice in ("tie", "skip") else float(self.choice == self.shown_first)


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Rating)


def rating_in(line: bytes) -> Rating:
    """The rating in a line of JSON. ValueError, with what is wrong, where it holds none."""
    from pydantic import ValidationError

    try:
        rating: Rating = _adapter().validate_python(json.loads(line))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("it is not valid JSON") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(": ".join([*map(str, first["loc"]), first["msg"]])) from None
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return rating
