"""A guard behind the model: what it refuses is written again, and in the end a fixed sentence stands there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.common.options import check_least, check_most, check_option
from harness.completion.engine import Engine, OneByOne, Search
from harness.completion.searches.best_of import seed_of_sample
from harness.completion.sequence import Completion, Prompt

if TYPE_CHECKING:
    import torch

    from harness.completion.guard.guard import Guard
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class Guarded(Search):
    """Writes as the transforms and the chooser say, until the guard lets a text through."""

    guard: str = ""
    """The guard's folder, as `bakeoff guard` wrote it."""
    num_tries: int = 4
    """Texts that are written before the sentence; 1 to 100. A strategy without random draws has one try."""
    sentence: str = "I would rather not say that."
    """What stands where every try was refused."""
    digest: str = ""
    """Of the guard: set when a run is planned, so that another guard of the same name makes another run."""

    def __post_init__(self) -> None:
        check_least(self, num_tries=1)
        check_most(self, num_tries=100)
        check_option(self, "sentence", bool(self.sentence.strip()), "a text with something to read")

    def with_fits(self, fit_id_of: Callable[[str], str]) -> Self:
        """UserError where there is no such guard."""
        from harness.completion.guard.guard import digest_of

        if not self.guard:
            raise UserError(
                "decoding=guarded needs a guard. Name its folder, as decoding.search.guard=my_guard; `bakeoff guard` "
                "makes one."
            )
        return replace(self, digest=digest_of(self.guard))

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        done: dict[int, Completion] = {}
        waiting = list(range(len(prompts)))
        for number in range(self.num_tries if engine.strategy.draws else 1):
            tries = [replace(prompts[index], seed=seed_of_sample(prompts[index].seed, number)) for index in waiting]
            written = OneByOne().complete(engine, tries, lambda count: None)
            passed = {
                index: text for index, text in zip(waiting, written, strict=True) if not self._loaded.refuses(text.text)
            }
            done |= passed
            waiting = [index for index in waiting if index not in passed]
            on_done(len(passed))
        for index in waiting:
            done[index] = self._refusal(engine, prompts[index])
            on_done(1)
        return [done[index] for index in range(len(prompts))]

    @cached_property
    def _loaded(self) -> Guard:
        from harness.completion.guard.guard import load_guard

        return load_guard(self.guard)

    def _refusal(self, engine: Engine, prompt: Prompt) -> Completion:
        """The sentence, and what hands over, as if the model had written them."""
        [tokens] = engine.encode([prompt])
        writing, state = engine.open(prompt, tokens), engine.reader([tokens]).read([0])
        ending = prompt.stop[0] if prompt.stop else ""
        for token in engine.tokenizer.encode(self.sentence + ending).tolist():
            if writing.finish_reason is not None:
                break
            writing.add(token, float(state.logprobs[0, token]), 0.0)
            _, state = engine.model.read(state, torch.tensor([[token]]))
        if writing.finish_reason is None:
            writing.finish_reason = "length"
        return writing.completion()
