"""Pairs of replies by the fits of runs, to be rated by people."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE, ResultsFolder
from harness.common.seeds import seed_of
from harness.completion.reward import Reply
from harness.config.compose import from_saved
from harness.config.settings import build
from harness.ratings.halves import is_for_ratings
from harness.ratings.rating import Pair, Written
from harness.runs.lookup import find_fit
from harness.runs.record import check_config
from harness.text.data.corpus import Corpus, DataSource
from harness.training.fits import Fit, load_fit, pick_device
from harness.training.post.pair_writing import Author, differ
from harness.training.post.prompts import Asked, Prompts
from harness.training.workshop import load_corpus

_PROMPTS_AT_ONCE = 64
_MOST_TRIES = 4
_MOST_TURNS = 2


@dataclass(frozen=True)
class Writers:
    """The fits of several runs over the same text, ready to write."""

    fits: Sequence[Fit]
    corpus: Corpus
    max_new_tokens: int
    seed: int

    @classmethod
    def of(cls, runs: Sequence[Path], max_new_tokens: int, seed: int) -> Writers:
        """UserError where the runs are of different texts, or one of them writes no conversations."""
        corpora = [load_corpus(_data(run)) for run in runs]
        for run, corpus in zip(runs, corpora, strict=True):
            if corpus.fingerprint != corpora[0].fingerprint:
                raise UserError(
                    f"{run.name} was trained on another text than {runs[0].name}, so their replies to the same prompts "
                    "can't be compared. Name runs with the same data=."
                )
        device = pick_device("auto")
        folders = dict.fromkeys(find_fit(str(run), ResultsFolder.around(run).path) for run in runs)
        return cls([load_fit(folder, device) for folder in folders], corpora[0], max_new_tokens, seed)

    def pairs(self, number: int) -> list[Pair]:
        """So many different pairs, the same each time, or fewer where the models write the same again and again. Of
        several fits, two that are drawn write one reply each."""
        pairs: dict[str, Pair] = {}
        for first in range(0, _MOST_TRIES * number, _PROMPTS_AT_ONCE):
            for pair in self._pairs_of(first):
                pairs.setdefault(pair.id, pair)
            if len(pairs) >= number:
                break
        return list(pairs.values())[:number]

    def _pairs_of(self, first: int) -> list[Pair]:
        asked = self._prompts.take(first, _PROMPTS_AT_ONCE)
        drawn = random.Random(seed_of("writers", self.seed, first))
        places = range(len(self.fits))
        by = [drawn.sample(places, 2) if len(self.fits) > 1 else [0, 0] for _ in asked]
        replies: list[list[Reply | None]] = [[None, None] for _ in asked]
        for writer in places:
            wanted = [(place, side) for place, both in enumerate(by) for side in (0, 1) if both[side] == writer]
            written = self._author(writer).write([asked[place] for place, _ in wanted], first, writer)
            for (place, side), reply in zip(wanted, written, strict=True):
                replies[place][side] = reply
        return [
            _pair(prompt, (self.fits[i].id, one), (self.fits[j].id, other))
            for prompt, (i, j), (one, other) in zip(asked, by, replies, strict=True)
            if one is not None and other is not None and differ(one, other)
        ]

    def _author(self, place: int) -> Author:
        fit = self.fits[place]
        return Author(fit.model, fit.tokenizer, self.max_new_tokens, self.seed)

    @functools.cached_property
    def _prompts(self) -> Prompts:
        """Those that fit into every window, by the first fit's tokens; stages that learn from ratings ask others."""
        windows = [fit.model.window_length for fit in self.fits if fit.model.window_length is not None]
        room = min(windows) - 1 - self.max_new_tokens if windows else None
        fit = self.fits[0]
        prompts = Prompts(self.corpus, "conversations", _MOST_TURNS, fit.tokenizer, room, self.seed, is_for_ratings)
        if not prompts.take(0, 1):
            raise UserError(
                f"data={self.corpus.name} has no conversations whose turns fit into the models' windows beside "
                f"{self.max_new_tokens} tokens of a reply. Name runs with data=chat or data=mixture, or lower "
                "--max-new-tokens."
            )
        return prompts


def _data(run: Path) -> DataSource:
    check_config(run)
    config = from_saved(run / CONFIG_FILE, ("data", "model", "tokenizer"))
    return build(config["data"], DataSource, "data")  # type: ignore[type-abstract]


def _pair(asked: Asked, one: tuple[str, Reply], other: tuple[str, Reply]) -> Pair:
    a, b = (Written.of(reply.completion, writer) for writer, reply in (one, other))
    return Pair(asked.text, asked.cluster, a, b)
