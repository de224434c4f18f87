"""Speculative decoding (Leviathan, Kalman & Matias 2023; Chen et al. 2023): a cheap model drafts, the model checks.

The draft model writes a few tokens; the model reads them all at once and so has its own distribution at each. A drafted
token with probability q under the draft and p under the model is accepted with probability min(1, p / q). The first
that isn't is replaced by a draw from the positive part of p - q. The text is distributed exactly as without a draft.
Any family may draft for any other with the same tokenizer, such as an n-gram for a transformer.

Shape legend: B rows, G drafted tokens, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Rows
from harness.completion.engine import DecodingStrategy, Engine, History, Search
from harness.completion.sequence import Completion, Prompt, Writing
from harness.scoring.prompt_reader import PromptReader

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import LanguageModel, State
else:
    torch = LazyModule("torch")


class Tally(NamedTuple):
    """The number of tokens drafted, and of those accepted by the model."""

    drafted: int
    accepted: int


@dataclass(frozen=True)
class Speculative(Search):
    """Speculative decoding with another fit of the same tokenizer as draft."""

    draft: str
    """The run whose model drafts: its id, a unique prefix, or its folder; or the id of a fit."""
    num_draft_tokens: int = 4
    """Tokens drafted at a time; 1 or more."""

    def __post_init__(self) -> None:
        if not self.draft:
            raise ValueError(
                "draft is empty: name a run whose model drafts, with the same data and tokenizer, as "
                "decoding.search.draft=ngram-greedy (`bakeoff list runs` shows all)"
            )
        if self.num_draft_tokens < 1:
            raise ValueError(f"num_draft_tokens={self.num_draft_tokens} is not allowed: it must be 1 or more")

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        return self._write_all(engine, prompts, on_done)[0]

    def with_fits(self, fit_id_of: Callable[[str], str]) -> Self:
        return replace(self, draft=fit_id_of(self.draft))

    def tally(self, engine: Engine, prompts: Sequence[Prompt]) -> Tally:
        """How many of the draft's tokens are accepted."""
        return self._write_all(engine, prompts, lambda count: None)[1]

    def _write_all(
        self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]
    ) -> tuple[list[Completion], Tally]:
        draft = self._draft_model(engine)
        encoded = engine.encode(prompts)
        done: dict[int, Completion] = {}
        tally = Tally(0, 0)
        reader = engine.reader(encoded)
        drafting = PromptReader(draft, encoded, engine.share_prefixes)
        for batch in reader.batches(engine.batch_size):
            writings = [engine.open(prompts[index], encoded[index]) for index in batch]
            texts, states = [encoded[index] for index in batch], (reader.read(batch), drafting.read(batch))
            for drafted, accepted in self.write(engine, draft, writings, texts, *states):
                tally = Tally(tally.drafted + drafted, tally.accepted + accepted)
            done.update((index, writing.completion()) for index, writing in zip(batch, writings, strict=True))
            on_done(len(batch))
        return [done[index] for index in range(len(prompts))], tally

    def _draft_model(self, engine: Engine) -> LanguageModel:
        remembering = [name for name, transform in engine.strategy.transforms.items() if transform.start(1) is not None]
        if remembering:
            raise UserError(
                f"decoding: {', '.join(remembering)} remembers the tokens picked, which drafted tokens would change. "
                "Leave it out, or decode without a draft."
            )
        model, tokenizer = engine.other_model(self.draft)
        if tokenizer.fingerprint != engine.tokenizer.fingerprint:
            raise UserError(
                f"decoding.search.draft={self.draft} has another tokenizer than the model it drafts for. Name a run "
                "with the same data and tokenizer."
            )
        return model

    def write(
        self,
        engine: Engine,
        draft: LanguageModel,
        writings: Sequence[Writing],
        prompts: Sequence[np.ndarray],
        state: State,
        guess: State,
    ) -> Iterator[tuple[int, int]]:
        """Write sequences to their ends, some tokens at a time. Yields how many tokens were drafted each time, and how
        many of them were accepted.

        prompts: the tokens of each prompt; state, guess: the model's and the draft's after reading them.
        """
        history = History(engine, prompts)
        active = [row for row, writing in enumerate(writings) if writing.finish_reason is None]
        if not active:
            return
        if len(active) < len(writings):
            state, guess = state.select(active), guess.select(active)
            history.select(active)
        pending: Tensor | None = None  # (B, 1): written by each row, not yet read by the model
        while True:
            rows = [writings[row] for row in active]
            drafted, odds, rows_at = self._draft(engine.strategy, draft, guess, rows, history)
            unread = drafted if pending is None else torch.cat([pending, drafted], dim=1)
            after, ahead = engine.model.read(state, unread)
            expected = torch.cat([state.logprobs[:, None], after], dim=1) if pending is None else after
            expected = expected.cpu()  # (B, G + 1, V)
            targets = _distributions(engine.strategy, expected, rows_at)
            target_odds = engine.strategy.chooser.odds(targets.flatten(0, 1)).view(targets.shape)
            tokens, lengths = torch.zeros(len(rows), self.num_draft_tokens + 1, dtype=torch.int64), []
            for row, writing in enumerate(rows):
                num_accepted, token = _check(drafted[row], odds[row], target_odds[row], writing)
                tokens[row, :num_accepted] = drafted[row, :num_accepted]
                tokens[row, num_accepted] = token
                lengths.append(num_accepted + 1)
                _write(writing, tokens[row, : num_accepted + 1].tolist(), expected[row], targets[row])
            yield drafted.numel(), sum(lengths) - len(lengths)
            still = [position for position, writing in enumerate(rows) if writing.finish_reason is None]
            if not still:
                return
            _, guess = draft.read(guess, tokens, torch.tensor(lengths))
            history.extend(tokens, lengths)
            # Where the family can, the model's state is cut back to the accepted tokens; otherwise they are read again.
            counts = [length - 1 + unread.shape[1] - drafted.shape[1] for length in lengths]
            partway = engine.model.partway(state, ahead, after, counts)
            if partway is not None:
                state, pending = partway, tokens.gather(1, torch.tensor(lengths)[:, None] - 1)
            else:
                known = tokens if pending is None else torch.cat([pending, tokens], dim=1)
                _, state = engine.model.read(state, known, torch.tensor(counts) + 1)
                pending = None
            if len(still) < len(rows):
                active = [active[position] for position in still]
                state, guess = state.select(still), guess.select(still)
                pending = None if pending is None else pending[still]
                history.select(still)

    def _draft(
        self,
        strategy: DecodingStrategy,
        draft: LanguageModel,
        guess: State,
        writings: Sequence[Writing],
        history: History,
    ) -> tuple[Tensor, Tensor, list[Rows]]:
        """The drafted tokens (B, G), their odds when picked (B, G, V), and the rows at each position and after."""
        tokens, odds, rows_at = [], [], [history.rows]
        ahead = history.copy()
        for _ in range(self.num_draft_tokens):
            distribution = _distribution(strategy, guess.logprobs.cpu(), ahead.rows)
            uniforms = torch.tensor([writing.uniform() for writing in writings], dtype=torch.float64)
            chosen = strategy.chooser(distribution, uniforms)
            tokens.append(chosen)
            odds.append(strategy.chooser.odds(distribution))
            ahead.add(chosen)
            rows_at.append(ahead.rows)
            _, guess = draft.read(guess, chosen[:, None])
        return torch.stack(tokens, dim=1), torch.stack(odds, dim=1), rows_at


def _distributions(strategy: DecodingStrategy, expected: Tensor, rows_at: Sequence[Rows]) -> Tensor:
    """(B, G + 1, V): the model's distribution at each position after the transforms, each with its rows."""
    if not strategy.looks_back:
        return _distribution(strategy, expected.flatten(0, 1), rows_at[0]).view(expected.shape)
    stages = [_distribution(strategy, expected[:, position], rows) for position, rows in enumerate(rows_at)]
    return torch.stack(stages, dim=1)


def _distribution(strategy: DecodingStrategy, logprobs: Tensor, rows: Rows) -> Tensor:
    return strategy.sampler(len(logprobs)).distribution(logprobs, rows)


def _write(writing: Writing, tokens: Sequence[int], expected: Tensor, targets: Tensor) -> None:
    """Add tokens to a sequence, until it ends. expected, targets: (G + 1, V)."""
    for position, token in enumerate(tokens):
        writing.add(token, float(expected[position, token]), float(targets[position, token]))
        if writing.finish_reason is not None:
            return


def _check(drafted: Tensor, odds: Tensor, target_odds: Tensor, writing: Writing) -> tuple[int, int]:
    """(how many tokens are accepted, the token after them). drafted: (G,); odds: (G, V); target_odds: (G + 1, V)."""
    for position, token in enumerate(drafted.tolist()):
        if writing.uniform() * float(odds[position, token]) >= float(target_odds[position, token]):
            left = (target_odds[position].double() - odds[position].double()).clamp(min=0)
            return position, _draw(left, writing)
    return len(drafted), _draw(target_odds[len(drafted)].double(), writing)


def _draw(weights: Tensor, writing: Writing) -> int:
    cumulative = weights.cumsum(dim=0)
    token = int(torch.searchsorted(cumulative, writing.uniform() * cumulative[-1], right=True))
    # Rounding at the top must not pick a token without weight.
    return min(token, int(weights.nonzero()[-1]))
