"""ratings=chitchat: what people said of whole conversations, in the installed package chitchat-dataset.

Its conversations carry three ratings, how witty, interesting and upbeat they are, 1 to 10. A conversation whose mean is
greater by `least_difference` or more is the better one. To compare conversations without any being on both sides of a
split, they are put into groups by a hash, and compared only within them: a group is a cluster. Who rated isn't said in
the package. Needs no torch.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.common.options import check_least, check_option
from harness.common.seeds import seed_of
from harness.completion.reward import Material
from harness.config.identity import content_hash, identity
from harness.ratings.bank import Bank
from harness.ratings.halves import is_for_ratings
from harness.ratings.rating import P_OF_CHOICE, Pair, Rating, Side, Written
from harness.ratings.source import RatingsSource
from harness.text.data.conversation_files import read_chitchat
from harness.text.data.conversations import package_folder
from harness.text.data.corpus import Document
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat

_FORMAT = 1
RATER = "chitchat-dataset"
_GROUP_SIZE = 8


@dataclass(frozen=True)
class RatedConversation:
    """A conversation between two people, and what it was given."""

    id: str
    text: str
    """As the format writes it."""
    rating: float
    """The mean of its three ratings, 1 to 10."""


def rated_conversations(
    form: TranscriptFormat = HUMAN_ASSISTANT, file: Path | None = None
) -> Iterator[RatedConversation]:
    """Those of two speakers that are rated, in the order of the file. file: None for that of the package."""
    file = package_folder("chitchat_dataset") / "dataset.json" if file is None else file
    given = {name: conversation.get("ratings") for name, conversation in json.loads(file.read_bytes()).items()}
    for conversation in read_chitchat(file):
        if ratings := given[conversation.id]:
            mean = sum(ratings.values()) / len(ratings)
            yield RatedConversation(conversation.id, form.render(conversation.transcript), mean)


def compared(
    conversations: Iterable[RatedConversation], least_difference: float, seed: int, most: int | None = None
) -> list[Rating]:
    """Pairs of conversations as ratings, in random order and each the random way round; `most` of them at most."""
    shuffled = sorted(conversations, key=lambda one: seed_of("chitchat", seed, one.id))
    rng = np.random.Generator(np.random.Philox(seed_of("chitchat pairs", seed)))
    ratings = []
    for begin in range(0, len(shuffled), _GROUP_SIZE):
        group = shuffled[begin : begin + _GROUP_SIZE]
        for one, other in itertools.combinations(group, 2):
            if abs(one.rating - other.rating) < least_difference:
                continue
            a, b = (one, other) if rng.random() < 0.5 else (other, one)
            first: Side = "a" if rng.random() < 0.5 else "b"
            choice: Side = "a" if a.rating > b.rating else "b"
            pair = Pair("", group[0].id, _written(a), _written(b))
            ratings.append(Rating(pair, first, RATER, choice, P_OF_CHOICE[choice], time=""))
    return [ratings[index] for index in rng.permutation(len(ratings))[:most]]


def _written(conversation: RatedConversation) -> Written:
    return Written(conversation.text, "stop", None, conversation.id)


@dataclass(frozen=True, kw_only=True)
class Chitchat(RatingsSource):
    """Options of ratings=chitchat."""

    num_pairs: int = 1000
    """The most pairs that are taken."""
    least_difference: float = 1.0
    """Of the mean ratings of a pair's conversations."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How conversations are written."""

    def __post_init__(self) -> None:
        check_least(self, num_pairs=10)
        check_option(self, "least_difference", 0 < self.least_difference <= 9, "above 0, up to 9")

    def bank(self, material: Material) -> Bank:
        """Of conversations that the stage doesn't ask about, and that aren't held out of training."""
        corpus = material.corpus
        made_of = {"ratings": identity(self), "text": corpus.fingerprint, "seed": material.seed}
        bank = Bank(material.results.bank(content_hash({"format": _FORMAT, **made_of})))
        if not bank.exists:
            held_out = {_id(document) for document in (*corpus.validation, *corpus.test)}
            clusters = {_id(document): document.cluster for document in corpus.train}
            known = [
                one
                for one in rated_conversations(self.format)
                if one.id not in held_out and is_for_ratings(clusters.get(one.id, one.id))
            ]
            ratings = compared(known, self.least_difference, material.seed, self.num_pairs)
            bank.write(ratings, {}, {"ratings": identity(self), "spent": {"ratings": len(ratings)}})
        return bank


def _id(document: Document) -> str:
    """Of its conversation, without the name that a mixture puts before it."""
    return document.cluster.rpartition("/")[2]
