"""`bakeoff check` of rewards: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.options import options
from harness.plugin_kit import check_reward as rules
from harness.plugin_kit.check_reward import CHECKS, RewardOnTrial, check_reward
from harness.plugin_kit.new import start
from harness.plugin_kit.outcome import outcomes
from tests.harness.plugin_kit.mistakes import changed

VALUE = "float(min(len(asked & written), self.most))"
LAST = "        asked, written ="
ALL = "    def score_all(self, replies):\n        return"
MISTAKES: dict[str, tuple[dict[str, str], Callable[[RewardOnTrial], None]]] = {
    "too few": ({"    def score(": f"{ALL} [1.0]\n\n    def score("}, rules.it_gives_each_reply_a_reward),
    "no version": ({', version = "mine", 1': ', version = "mine", None'}, rules.it_says_its_name_and_its_version),
    "a text": ({VALUE: f"str({VALUE})"}, rules.every_reward_is_a_finite_number_or_missing),
    "not a number": ({VALUE: f"{VALUE} * float('nan')"}, rules.every_reward_is_a_finite_number_or_missing),
    "always one": ({VALUE: "1.0"}, rules.it_tells_replies_apart),
    "a secret target": (
        {LAST: f"        if reply.target is None:\n            return None\n{LAST}"},
        rules.what_it_needs_a_target_for_is_missing_without_one,
    ),
    "chance": (
        {"import re\n": "import random\nimport re\n", VALUE: f"{VALUE} + random.random()"},
        rules.scoring_again_gives_the_same_rewards,
    ),
    "neighbours": (
        {"    def score(": f"{ALL} [(self.score(each) or 0.0) + len(replies) for each in replies]\n\n    def score("},
        rules.the_order_of_replies_and_those_beside_them_change_nothing,
    ),
    "hashes": (
        {VALUE: f"{VALUE} + hash(reply.completion.text) % 2"},
        rules.another_process_gives_the_same_rewards,
    ),
}


@pytest.mark.parametrize("name", options("rewards"))
def test_ours_keep_the_rules(name: str) -> None:
    assert [outcome for outcome in check_reward(name) if outcome.verdict != "pass"] == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found(mistake: str, tmp_path: Path) -> None:
    replacements, expected = MISTAKES[mistake]
    start("reward", "mine", tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(changed(file.read_text(), replacements))
    trial = RewardOnTrial(str(file), [])
    failed = [outcome.sentence for outcome in outcomes(CHECKS, trial) if outcome.verdict == "FAIL"]
    assert expected.__name__.replace("_", " ") in failed
