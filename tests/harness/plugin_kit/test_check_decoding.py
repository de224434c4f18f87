"""`bakeoff check` of decoding: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.common.errors import UserError
from harness.completion.guard.guard import Guard
from harness.config.options import options
from harness.plugin_kit import check_decoding as decoding
from harness.plugin_kit.check_decoding import StrategyOnTrial, check_decoding
from tests.harness.plugin_kit.mistakes import changed

NEEDED = {
    "constrained": ["decoding.transforms.constrained.pattern='[a-j]+'"],
    "speculative": ["decoding.search.draft=itself"],
}


@pytest.mark.parametrize("name", options("decoding"))
def test_every_decoding_strategy_of_ours_passes(name: str, tmp_path: Path) -> None:
    Guard(["ab", "ba"], np.ones(2), np.array([2.0, 1.0]), -1.0, 0.5).save(tmp_path / "guard")
    needed = {**NEEDED, "guarded": [f"decoding.search.guard={tmp_path / 'guard'}"]}
    failed = [outcome for outcome in check_decoding(name, needed.get(name, ())) if outcome.verdict == "FAIL"]
    assert failed == []


STRATEGY = '''
from dataclasses import dataclass

import torch
from dataclasses import replace

from harness.completion import Draw, OneByOne, Transform


@dataclass(frozen=True)
class Same(Transform):
    def __call__(self, logprobs, rows, memory):
        return logprobs.clone()


@dataclass(frozen=True)
class OwnSearch(OneByOne):
    def complete(self, engine, prompts, on_done):
        return super().complete(engine, prompts, on_done)


@dataclass(frozen=True)
class OwnDraw(Draw):
    """Draws."""
'''
SAME, CALL = "logprobs.clone()", "    def __call__(self, logprobs, uniforms):\n        return "
DRAWS, ODDS = '    """Draws."""', "    def odds(self, logprobs):\n        return "
COMPLETE = "super().complete(engine, prompts, on_done)"
SHORT_STOPS = "[replace(prompt, stop=tuple(stop for stop in prompt.stop if len(stop) < 9)) for prompt in prompts]"
WRONG_STRATEGIES: dict[str, tuple[dict[str, str], Callable[[StrategyOnTrial], None]]] = {
    "unnormalised": ({SAME: "logprobs - 1"}, decoding.transforms_give_distributions),
    "unnormalised where two tokens are left": (
        {SAME: "logprobs - ((logprobs > -torch.inf).sum(-1, keepdim=True) == 2).float()"},
        decoding.transforms_give_distributions,
    ),
    "looks back and doesn't say so": (
        {SAME: "torch.log_softmax(logprobs.scatter_add(1, rows.tokens[:, -1:], -torch.ones(len(logprobs), 1)), -1)"},
        decoding.transforms_give_distributions,
    ),
    "counts tokens and doesn't say so": (
        {SAME: "torch.log_softmax(logprobs / rows.lengths[:, None], -1)"},
        decoding.transforms_give_distributions,
    ),
    "many prompts get out of order": (
        {
            COMPLETE: COMPLETE.replace(
                "prompts", "sorted(prompts, key=lambda p: p.seed % 7 if len(prompts) > 32 else 0)"
            )
        },
        decoding.each_completion_is_that_of_its_own_prompt_also_among_many,
    ),
    "a chooser that draws and doesn't say so": (
        {DRAWS: "    draws = False"},
        decoding.it_says_whether_it_draws,
    ),
    "a search that draws and doesn't say so": (
        {COMPLETE: f"{COMPLETE}\n\n    def draws(self, chooser):\n        return False"},
        decoding.it_says_whether_it_draws,
    ),
    "long stop texts are ignored": (
        {COMPLETE: COMPLETE.replace("prompts", SHORT_STOPS)},
        decoding.a_long_stop_text_is_met_as_a_short_one_is,
    ),
    "in place": ({SAME: "logprobs.clamp_(max=-0.1)"}, decoding.transforms_give_distributions),
    "brings back": (
        {SAME: "torch.log_softmax(logprobs.clamp(min=-20), -1)"},
        decoding.transforms_give_distributions,
    ),
    "mixes rows": (
        {SAME: "torch.log_softmax(logprobs + logprobs.clamp(min=-9).mean(0), -1)"},
        decoding.a_transform_sees_one_row_at_a_time,
    ),
    "picks anything": (
        {DRAWS: f"{CALL}(uniforms * logprobs.shape[-1]).long()"},
        decoding.the_chooser_picks_only_what_has_probability,
    ),
    "wrong odds": (
        {DRAWS: f"{ODDS}torch.softmax(2 * logprobs, -1)"},
        decoding.the_chooser_picks_tokens_as_often_as_its_odds_say,
    ),
    "own numbers": (
        {DRAWS: f"{CALL}torch.multinomial(logprobs.exp(), 1)[:, 0]"},
        decoding.the_same_seed_writes_the_same_text_and_no_global_state_is_touched,
    ),
}


def test_a_strategy_without_mistakes_passes_every_check(tmp_path: Path) -> None:
    path = tmp_path / "steps.py"
    path.write_text(STRATEGY)
    assert {outcome.verdict for outcome in check_decoding(str(path))} == {"pass"}


@pytest.mark.parametrize("mistake", WRONG_STRATEGIES)
def test_each_mistake_in_a_strategy_is_found_by_the_check_meant_for_it(mistake: str, tmp_path: Path) -> None:
    changes, check = WRONG_STRATEGIES[mistake]
    path = tmp_path / "steps.py"
    path.write_text(changed(STRATEGY, changes))
    with pytest.raises((AssertionError, UserError)):
        check(StrategyOnTrial(str(path), ()))
