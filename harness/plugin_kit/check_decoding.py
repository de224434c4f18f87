"""What every decoding strategy keeps to (harness/completion/engine.py), as checks.

Its transforms and its chooser are put to distributions of every shape; as a whole it writes from a Markov chain, alone
and in company. A check's name is the sentence that it checks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from harness.completion.decoding.transform import Rows
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, Prompt
from harness.config.identity import plain
from harness.config.settings import build
from harness.plugin_kit.chain import TableModel
from harness.plugin_kit.outcome import Outcome, Skipped, hold, outcomes
from harness.plugin_kit.picked import picked
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings
from models.language_model import LanguageModel

_NUM_DRAWS = 2000
# More prompts than are usually written side by side, and few of them.
_MANY, _FEW = 70, 10
_TEXTS = ("", "a", "abc de", "the cat sat on the ", "the cat sat on a ", "x" * 40, "b c d e f g h ")


class StrategyOnTrial:
    """A strategy, and a chain of letters that it writes from."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self._config = picked("decoding", name, overrides)

    def new(self) -> DecodingStrategy:
        """The strategy, made again."""
        return build(self._config["decoding"], DecodingStrategy, "decoding")

    @cached_property
    def tokenizer_settings(self) -> TokenizerSettings:
        return build(self._config["tokenizer"], TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Of bytes, unless the user says otherwise."""
        return self.tokenizer_settings.train(())

    @cached_property
    def model(self) -> TableModel:
        """A chain in which letters and spaces follow one another, and now and then a document ends."""
        generator = torch.Generator().manual_seed(0)
        size = self.tokenizer.vocab_size
        logits = torch.full((size, size), -12.0)
        likely = [*self.tokenizer.encode("abcdefghij \n").tolist(), self.tokenizer.start_token]
        logits[:, likely] = 1.5 * torch.randn(size, len(likely), generator=generator)
        return TableModel(logits, self.tokenizer.start_token)

    def engine(self, batch_size: int = 64) -> Engine:
        """The strategy at work on the chain; another run's model, where one is wanted, is the chain too."""

        def find(name: str) -> tuple[LanguageModel, Tokenizer]:
            return self.model, self.tokenizer

        return Engine(self.model, self.tokenizer, self.new(), batch_size, find_model=find)

    @cached_property
    def distributions(self) -> Tensor:
        """(B, V): random ones, flat and sharp; one of equals; one with much that is impossible; and ones with one, two
        and three tokens left."""
        size = self.tokenizer.vocab_size
        generator = torch.Generator().manual_seed(1)
        rows = [scale * torch.randn(size, generator=generator) for scale in (0.1, 1.0, 3.0, 10.0)]
        rows.append(torch.zeros(size))
        rows.append(torch.where(torch.arange(size) % 3 == 0, rows[1], -torch.inf))
        for left in ([0.0], [0.0, 0.0], [0.0, -3.0], [0.0, -1.0, -9.0]):
            index = torch.arange(7, 7 + len(left))
            rows.append(torch.full((size,), -torch.inf).scatter(0, index, torch.tensor(left)))
        return torch.log_softmax(torch.stack(rows), dim=-1)

    def rows(self, places: Sequence[int]) -> Rows:
        """What transforms may know of some of those rows: a few tokens each, half of them the prompt's."""
        generator = torch.Generator().manual_seed(2)
        tokens = torch.randint(0, 12, (len(self.distributions), 16), generator=generator)
        lengths = 8 + torch.arange(len(tokens))
        index = torch.tensor(places, dtype=torch.int64)
        return Rows(tokens[index], lengths[index], lengths[index] // 2, self.tokenizer)

    def transformed(self, places: Sequence[int], num_steps: int = 2) -> Tensor:
        """(B, V): what the transforms leave of some of the distributions, after a few picks of the likeliest."""
        sampler = self.new().sampler(len(places))
        rows, given = self.rows(places), self.distributions[list(places)]
        for _ in range(num_steps):
            left = sampler.distribution(given.clone(), rows)
            sampler.remember(left.argmax(dim=-1), rows)
        return left

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Of every length, some with a stop text, some of the same text with another seed."""
        return [
            Prompt(_TEXTS[n % len(_TEXTS)], 1 + 3 * n % 11, stop=("ab", " c") if n % 3 == 0 else (), seed=n // 2)
            for n in range(12)
        ]

    @cached_property
    def written(self) -> list[Completion]:
        """What it writes after them, together."""
        return self.engine().complete(self.prompts)


def it_can_be_made_and_its_settings_survive_storage(of: StrategyOnTrial) -> None:
    made = of.new()
    again = build(plain(made), DecodingStrategy, "decoding")
    hold(again == made, f"{again} came back where {made} was stored")


def transforms_give_distributions(of: StrategyOnTrial) -> None:
    everyone = range(len(of.distributions))
    sampler, rows = of.new().sampler(len(everyone)), of.rows(everyone)
    given = of.distributions.clone()
    names = list(of.new().transforms)
    final = sampler.distribution(given, rows)
    for name, before, left in zip(names, [of.distributions, *sampler.stages], sampler.stages, strict=False):
        hold(left.shape == before.shape, f"{name} gave the shape {tuple(left.shape)} for {tuple(before.shape)}")
        hold(left.dtype == torch.float32, f"{name} gave {left.dtype}, not float32")
        hold(not bool(left.isnan().any()), f"{name} gave what is no number")
        off = float((left.exp().sum(dim=-1) - 1).abs().max())
        hold(off < 1e-4, f"what {name} leaves sums to 1 but for {off:g}")
        hold(bool((left[before == -torch.inf] == -torch.inf).all()), f"{name} brought back what had no probability")
    hold(final.shape == given.shape, "a transform was left out")
    hold(torch.equal(given, of.distributions), "a transform wrote into what it was given")


def a_transform_sees_one_row_at_a_time(of: StrategyOnTrial) -> None:
    together = of.transformed(range(len(of.distributions)))
    for place in range(len(of.distributions)):
        _hold_alike(of.transformed([place])[0], together[place], "alone")
    turned = of.transformed(range(len(of.distributions))[::-1])
    _hold_alike(turned.flip(0), together, "with the rows in another order")


def _hold_alike(other: Tensor, together: Tensor, how: str) -> None:
    """AssertionError unless rows' distributions are the same to 1e-5, impossible tokens included."""
    hold(other.shape == together.shape, f"{how} the shape is {tuple(other.shape)}, not {tuple(together.shape)}")
    apart = float(torch.where(other == together, 0.0, (other - together).abs()).nan_to_num(math.inf).max())
    hold(
        apart <= 1e-5,
        f"{how}, a row's log-probabilities are up to {apart:g} from those that it has among all rows: use only values "
        "of the row itself, as with dim=-1",
    )


def the_chooser_picks_only_what_has_probability(of: StrategyOnTrial) -> None:
    chooser, given = of.new().chooser, of.distributions
    for uniform in (0.0, 0.3, 0.999999, math.nextafter(1.0, 0.0)):
        picked = chooser(given, torch.full((len(given),), uniform, dtype=torch.float64))
        hold(picked.shape == (len(given),) and picked.dtype == torch.int64, f"it picked {picked}")
        inside = bool(((picked >= 0) & (picked < given.shape[1])).all())
        hold(inside, f"it picked {picked.tolist()}, of {given.shape[1]} tokens")
        possible = bool((given.gather(1, picked[:, None]) > -torch.inf).all())
        hold(possible, f"it picked a token without probability for the uniform number {uniform}")


def the_chooser_picks_tokens_as_often_as_its_odds_say(of: StrategyOnTrial) -> None:
    chooser, given = of.new().chooser, of.distributions
    odds = chooser.odds(given)
    hold(odds.shape == given.shape, f"odds has the shape {tuple(odds.shape)}, not {tuple(given.shape)}")
    off = float((odds.sum(dim=-1) - 1).abs().max())
    hold(off < 1e-4, f"the odds of all tokens sum to 1 but for {off:g}")
    uniforms = (torch.arange(_NUM_DRAWS, dtype=torch.float64) + 0.5) / _NUM_DRAWS
    for row, expected in zip(given, odds, strict=True):
        picked = chooser(row.expand(_NUM_DRAWS, -1), uniforms)
        share = torch.bincount(picked, minlength=len(row)) / _NUM_DRAWS
        off = float((share - expected).abs().max())
        hold(off < 0.05, f"a token's odds and the share of its picks are {off:.3f} apart")


def a_completion_keeps_to_its_length_and_its_stop_texts(of: StrategyOnTrial) -> None:
    for prompt, found in zip(of.prompts, of.written, strict=True):
        hold(len(found.tokens) <= prompt.max_new_tokens, f"{len(found.tokens)} tokens of {prompt.max_new_tokens}")
        hold(len(found.tokens) == len(found.logprobs) == len(found.sampler_logprobs), "tokens without logprobs")
        hold(all(logprob <= 1e-5 for logprob in found.logprobs), f"logprobs above 0: {found.logprobs}")
        hold(not any(map(math.isnan, (*found.logprobs, *found.sampler_logprobs))), "logprobs that are no numbers")
        hold(found.finish_reason in ("stop", "length", "context"), f"finish_reason {found.finish_reason!r}")
        left = [stop for stop in prompt.stop if stop in found.text]
        hold(not left, f"{found.text!r} holds the stop text {left}")
    [nothing] = of.engine().complete([Prompt("a", 0)])
    hold((nothing.text, nothing.tokens) == ("", ()), f"{nothing.text!r} was written where nothing was to be")


def a_completion_is_the_same_alone_in_company_and_in_any_order(of: StrategyOnTrial) -> None:
    for batch_size in (1, 5):
        _same(of.engine(batch_size).complete(of.prompts), of.written)
    _same(of.engine().complete(of.prompts[::-1])[::-1], of.written)


def each_completion_is_that_of_its_own_prompt_also_among_many(of: StrategyOnTrial) -> None:
    ends = "abcdefghij "
    prompts = [Prompt(f"{n} {ends[n % len(ends)]}", 2 + n % 3, seed=n) for n in range(_MANY)]
    together = of.engine().complete(prompts)
    hold(len(together) == _MANY, f"{len(together)} completions came back for {_MANY} prompts")
    for begin in range(0, _MANY, _FEW):
        _same(of.engine().complete(prompts[begin : begin + _FEW]), together[begin : begin + _FEW])


def a_long_stop_text_is_met_as_a_short_one_is(of: StrategyOnTrial) -> None:
    texts = [found.text for found in of.engine().complete([Prompt("the ", 60, seed=seed) for seed in range(8)])]
    stops = [(seed, text[2 : 2 + size]) for size in (9, 17, 40) for seed, text in enumerate(texts)]
    whole = [(seed, stop) for seed, stop in stops if len(stop) >= 9]
    if not whole:
        raise Skipped("it writes nothing that is long enough to hold one")
    found = of.engine().complete([Prompt("the ", 60, stop=(stop,), seed=seed) for seed, stop in whole])
    for (_, stop), completion in zip(whole, found, strict=True):
        hold(stop not in completion.text, f"{completion.text!r} holds the stop text {stop!r} of {len(stop)} characters")


def the_same_seed_writes_the_same_text_and_no_global_state_is_touched(of: StrategyOnTrial) -> None:
    def states() -> list[str]:
        return [repr(random.getstate()), repr(np.random.get_state()), repr(torch.get_rng_state().tolist())]  # noqa: NPY002

    before = states()
    again = of.engine().complete(of.prompts)
    _same(again, of.written)
    hold(states() == before, "it draws from a global generator: use the uniform numbers that it is given")


def it_says_whether_it_draws(of: StrategyOnTrial) -> None:
    strategy, logprobs = of.new(), of.distributions
    picks = [
        strategy.chooser(logprobs, torch.full((len(logprobs),), uniform, dtype=torch.float64)).tolist()
        for uniform in (0.0, 0.4, 0.999999)
    ]
    hold(
        strategy.chooser.draws or picks[0] == picks[1] == picks[2],
        f"{type(strategy.chooser).__name__} picks by the uniform numbers, but its `draws` is False: then it gets zeros",
    )
    texts = {completion.text for completion in of.engine().complete([Prompt("a", 30, seed=seed) for seed in range(9)])}
    hold(
        strategy.draws or len(texts) == 1,
        f"{type(strategy.search).__name__} says that nothing is drawn (draws), but 9 seeds gave {len(texts)} texts",
    )


def another_seed_writes_another_text(of: StrategyOnTrial) -> None:
    texts = {found.text for found in of.engine().complete([Prompt("a", 30, seed=seed) for seed in range(20)])}
    if len(texts) == 1:
        raise Skipped("it writes the same whatever the seed")
    hold(len(texts) > 10, f"20 seeds gave {len(texts)} texts")


def _same(one: Sequence[Completion], other: Sequence[Completion]) -> None:
    for a, b in zip(one, other, strict=True):
        hold((a.text, a.tokens) == (b.text, b.tokens), f"{a.text!r} was written, and {b.text!r} the other time")
        hold((a.finish_reason, a.stop_text) == (b.finish_reason, b.stop_text), f"{a.text!r} ended in two ways")


CHECKS: tuple[Callable[[StrategyOnTrial], None], ...] = (
    it_can_be_made_and_its_settings_survive_storage,
    transforms_give_distributions,
    a_transform_sees_one_row_at_a_time,
    the_chooser_picks_only_what_has_probability,
    the_chooser_picks_tokens_as_often_as_its_odds_say,
    a_completion_keeps_to_its_length_and_its_stop_texts,
    a_long_stop_text_is_met_as_a_short_one_is,
    a_completion_is_the_same_alone_in_company_and_in_any_order,
    each_completion_is_that_of_its_own_prompt_also_among_many,
    the_same_seed_writes_the_same_text_and_no_global_state_is_touched,
    it_says_whether_it_draws,
    another_seed_writes_another_text,
)


def check_decoding(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold a decoding strategy, an option of decoding= or a file, to what every strategy keeps to. UserError where
    there is none, or an override is wrong."""
    trial = StrategyOnTrial(name, overrides)
    _ = trial.new(), trial.tokenizer_settings
    return outcomes(CHECKS, trial)
