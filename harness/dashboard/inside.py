"""Inside a model while it reads a text: tokens, what it expects, attention, hidden units, embeddings, contexts.

Tokens come from the tokenizer, here; all else from a process that holds the fit (harness/dashboard/fits/look.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.numerals import probability
from harness.dashboard.charts.heat import head, shade, small_head, units
from harness.dashboard.charts.points import Dot, Plane, scatter
from harness.dashboard.choices import MOST_TEXT, Choices
from harness.dashboard.fitted import chosen_run, fitted, listed
from harness.dashboard.looks import Look
from harness.dashboard.model_process import SIDES
from harness.dashboard.pages import Page
from harness.dashboard.site import Site
from harness.dashboard.tokens import Token, tokenizer_of, tokens_of
from harness.runs.index import Entry

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "The quick brown fox jumps over the lazy dog. The quick brown fox"
_WAIT = 1.5
"""Seconds until a page comes without what is still being computed."""
_NUM_STRONGEST = 8
_BITS = (0.25, 1.0, 2.0, 4.0)
"""Differences in bits from which on a token is coloured more strongly."""
_LEVELS = (0.01, 0.05, 0.2, 0.5)
"""Probabilities from which on a token is coloured more strongly."""


@dataclass
class Side:
    """One fit and what it makes of the text."""

    name: str
    """'a' or 'b'."""
    entry: Entry
    title: str
    tokens: list[Token]
    seen: Mapping[str, Any] | None = None
    """What the process answered; None while it is at it."""
    error: str = ""
    at: int = 0
    """The position that is looked at; that after the last token is the end."""
    head: tuple[int, int] = (0, 0)
    """Layer and head."""

    @property
    def is_at_end(self) -> bool:
        return self.seen is None or self.at >= len(self.seen["tokens"])

    @property
    def names(self) -> list[str]:
        """Of the positions that can be attended to: the start token and the text's."""
        assert self.seen is not None
        return [self.seen["start"], *(text for _, text in self.seen["tokens"])]


@dataclass(frozen=True)
class Apart:
    """A token that both sides read, and how much likelier it is to B."""

    text: str
    probability_a: float
    probability_b: float

    @property
    def bits(self) -> float:
        """Above 0: likelier to B."""
        smallest = sys.float_info.min
        return math.log2(max(self.probability_b, smallest) / max(self.probability_a, smallest))

    @property
    def colour(self) -> str:
        """The classes of the token's colour."""
        return f"{'up' if self.bits > 0 else 'down'} p{sum(abs(self.bits) >= least for least in _BITS)}"


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where a run of the address is gone, or there is none."""
    entries = fitted(site, choices)
    text = choices.text("text") or EXAMPLE
    page = Page("/inside", "inside.html", {"context_text": text, "most_text": MOST_TEXT, "heads": {}})
    picked = {side: entry for side in SIDES if (entry := chosen_run(site, choices, side, entries)) is not None}
    runs = listed(site, entries, picked.values())
    sides = [_side(site, side, entry, runs[entry.id], text) for side, entry in picked.items()]
    requests = [_request(choices, side, text) for side in sides]
    for side, request in zip(sides, requests, strict=True):
        if not side.error:
            site.models.begin(side.name, request)  # both at once
    for side, request in zip(sides, requests, strict=True):
        _ask(page, site, choices, side, request)
    page.context |= {
        "runs": runs,
        "picked": {side: picked[side].id if side in picked else "" for side in SIDES},
        "sides": sides,
        "level": level,
        "probability": probability,
        "shade": shade,
        "strongest": strongest,
        "apart": (differences := apart(sides)),
        "num_bytes": len(text.encode("utf-8", "surrogatepass")),
    }
    if differences:
        page.tables["apart"] = lambda: apart_table(differences)
    return page


def apart(sides: Sequence[Side]) -> list[Apart]:
    """What two sides make of the tokens that both read; empty where there is one, or their tokens aren't the same."""
    seen = [side.seen for side in sides if side.seen is not None]
    if len(seen) < 2:
        return []
    a, b = seen
    num = min(len(a["tokens"]), len(b["tokens"]))
    if a["tokens"][:num] != b["tokens"][:num]:
        return []
    return [
        Apart(text, a["positions"][place]["probability"], b["positions"][place]["probability"])
        for place, (_, text) in enumerate(a["tokens"][:num])
    ]


def _side(site: Site, name: str, entry: Entry, title: str, text: str) -> Side:
    side = Side(name, entry, title, [])
    try:
        side.tokens = tokens_of(tokenizer_of(site, entry), text)
    except (UserError, OSError) as error:
        side.error = str(error)
    return side


def _request(choices: Choices, side: Side, text: str) -> dict[str, Any]:
    request = {"task": "look", "run": side.entry.id, "text": text}
    return request | {key: choices.value(f"{key}_{side.name}") for key in ("layer", "member")}


def _ask(page: Page, site: Site, choices: Choices, side: Side, request: Mapping[str, Any]) -> None:
    """Ask the process, and add tables and drawings of its answer."""
    if side.error:
        return
    try:
        side.seen = site.models.ask(side.name, request, 60.0 if choices.value("file") else _WAIT)
    except UserError as error:
        side.error = str(error)
        return
    if side.seen is None:
        page.is_waiting = True
        return
    num_tokens = len(side.seen["tokens"])
    side.at = min(int(max(0, choices.number(f"at_{side.name}") or 0)), num_tokens)
    if not choices.value(f"at_{side.name}"):
        side.at = num_tokens
    page.tables[f"expected_{side.name}"] = lambda: expected_table(side)
    _add_attention(page, choices, side)
    if side.seen["units"]:
        shown = side.seen["units"]
        about = f"{len(shown['values'][0])} hidden units of {shown['layer']} over {num_tokens + 1} positions."
        page.drawings[f"units_{side.name}"] = units(shown["values"], about, f"units_{side.name}")
    if side.seen["embeddings"]:
        page.drawings[f"embeddings_{side.name}"] = _plane(side)


def _add_attention(page: Page, choices: Choices, side: Side) -> None:
    assert side.seen is not None
    layers = side.seen["attention"]
    if not layers:
        return
    layer, _, number = choices.value(f"head_{side.name}").partition(".")
    wanted = [int(part) - 1 if part.isascii() and part.isdigit() else 0 for part in (layer, number)]
    side.head = (min(max(0, wanted[0]), len(layers) - 1), min(max(0, wanted[1]), len(layers[0]) - 1))
    about = f"Layer {side.head[0] + 1}, head {side.head[1] + 1}: how much each position takes from those before it."
    name = f"attention_{side.name}"
    page.drawings[name] = head(layers[side.head[0]][side.head[1]], side.names, about, name, side.at)
    page.context["heads"][side.name] = [
        [small_head(rows, f"Layer {layer}, head {number}").inside() for number, rows in enumerate(heads, 1)]
        for layer, heads in enumerate(layers, 1)
    ]


def _plane(side: Side) -> Any:
    assert side.seen is not None
    embeddings = side.seen["embeddings"]
    in_text, others = Look("c1", "o"), Look("c7", "o")
    dots = [
        Dot(x, y, in_text if position < embeddings["num_in_text"] else others, f"{text!r}, id {token}")
        for position, (token, text, x, y) in enumerate(embeddings["points"])
    ]
    named_dots = [
        Dot(dot.x, dot.y, dot.look, dot.text, name=text)
        for dot, (_, text, _, _) in zip(dots[: embeddings["num_in_text"]], embeddings["points"], strict=False)
    ]
    shares = [f"{100 * share:.0f} %" for share in embeddings["explained"]]
    plane = Plane(f"first component ({shares[0]} of the variance)", f"second component ({[*shares, '0 %'][1]})")
    about = f"{len(dots)} tokens in the plane of the two principal components of their embeddings."
    return scatter([*dots[embeddings["num_in_text"] :], *named_dots], plane, about, f"embeddings_{side.name}")


def level(value: float) -> str:
    """The class of a token's colour, by its probability: p0 to p4."""
    return f"p{sum(value >= least for least in _LEVELS)}"


def strongest(values: Sequence[float]) -> list[tuple[int, float]]:
    """(position, value) of the largest values, whatever their sign."""
    return sorted(enumerate(values), key=lambda pair: -abs(pair[1]))[:_NUM_STRONGEST]


def apart_table(differences: Sequence[Apart]) -> pd.DataFrame:
    """A row a token of the text: its probability in A and in B, and the difference in bits."""
    import pandas as pd

    rows = [
        (place, token.text, token.probability_a, token.probability_b, token.bits)
        for place, token in enumerate(differences, 1)
    ]
    return pd.DataFrame(rows, columns=["position", "token", "probability_a", "probability_b", "bits"])


def expected_table(side: Side) -> pd.DataFrame:
    """At each position of the text, each candidate with its probability."""
    import pandas as pd

    assert side.seen is not None
    texts = [text for _, text in side.seen["tokens"]]
    rows = [
        (position, texts[position] if position < len(texts) else "", rank, token, text, value)
        for position, expected in enumerate(side.seen["positions"])
        for rank, (token, text, value) in enumerate(expected["candidates"], 1)
    ]
    return pd.DataFrame(rows, columns=["position", "token", "rank", "candidate_id", "candidate", "probability"])
