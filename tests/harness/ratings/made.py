"""Pairs and ratings for tests, in a made-up world: a reply is some letters, and how good it is is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.common.results_folder import ResultsFolder
from harness.completion.reward import Material, Reply
from harness.completion.sequence import Completion, Prompt
from harness.ratings.bank import Gold
from harness.ratings.rating import P_OF_CHOICE, Choice, Pair, Rating, Side, Written
from harness.text.data.corpus import Corpus, Document
from rewards.constitution import Constitution, Principle
from tests.toys import LetterTokenizer

WORTH = {"a": 0.5, "b": -0.5, "c": 0.25, "d": -0.25}
"""What each letter adds to how good a reply is; others add nothing."""


JUDGE = Constitution(
    principles={
        "long": Principle(matches=r"\w{5}"),
        "polite": Principle(has_any=["please"], weight=3),
        "calm": Principle(matches_not="!"),
    }
)


def written(text: str, writer: str = "fit", stop_text: str | None = "\n\n") -> Written:
    return Written(text, "stop" if stop_text else "length", stop_text, writer)


def pair(a: str, b: str, number: int = 0) -> Pair:
    return Pair("Human: Well?\n\nAssistant:", str(number), written(a), written(b))


def rating(
    a: str = "yes",
    b: str = "no",
    choice: Choice = "a",
    rater: str = "anna",
    first: Side = "a",
    cluster: str = "one",
    writers: tuple[str, str] = ("x", "y"),
    is_repeat: bool = False,
) -> Rating:
    pair = Pair("Human: Well?\n\nAssistant:", cluster, written(a, writers[0]), written(b, writers[1]))
    return Rating(pair, first, rater, choice, P_OF_CHOICE[choice], "2026-01-01T00:00:00+00:00", 1.5, is_repeat)


def world(number: int, seed: int = 0) -> tuple[list[Rating], dict[str, Gold]]:
    """Ratings of random replies by a rater whose probabilities are those of Bradley and Terry."""
    rng = np.random.default_rng(seed)
    ratings, gold = [], {}
    for index in range(number):
        a, b = ("".join(rng.choice(list("abcdefgh "), size=rng.integers(5, 30))) for _ in range(2))
        worth_a, worth_b = (sum(WORTH.get(letter, 0.0) for letter in text) for text in (a, b))
        p = float(1 / (1 + np.exp(worth_b - worth_a)))
        choice: Side = "a" if rng.random() < p else "b"
        first: Side = "a" if rng.random() < 0.5 else "b"
        ratings.append(rating(a, b, choice, first=first, cluster=f"{seed}/{index // 4}"))
        gold[ratings[-1].pair.id] = Gold(worth_a, worth_b, p)
    return ratings, gold


def material(results: Path, said: list[tuple[str, str, str]]) -> Material:
    """What a stage has where its fit writes these pairs: (the prompt, one reply, the other)."""
    documents = tuple(Document(str(n), "the cat sat on the mat, the cat ran\n", "s", str(n)) for n in range(2))

    def reply(prompt: str, text: str) -> Reply:
        completion = Completion(text, (0,) * len(text), (), (), "stop", "\n\n")
        return Reply(Prompt(prompt, 100, ("\n\n",)), completion)

    pairs = [(f"c{n}", reply(prompt, one), reply(prompt, other)) for n, (prompt, one, other) in enumerate(said)]
    cost = {"episodes": 2 * len(pairs), "written_tokens": 10, "read_tokens": 20, "flops": 5.0}
    return Material(
        fit_id="f00",
        writer_id="w00",
        model=None,  # type: ignore[arg-type]
        tokenizer=LetterTokenizer(3),
        corpus=Corpus("made", documents, (), ()),
        seed=0,
        results=ResultsFolder(results),
        write_pairs=lambda number: (pairs[:number], cost),
        say=lambda text: None,
    )
