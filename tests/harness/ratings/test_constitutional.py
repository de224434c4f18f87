"""Which reply is better by principles that a program checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.config.settings import build
from harness.ratings.constitutional import Constitutional
from harness.ratings.source import RatingsSource
from rewards.constitution import Constitution
from tests.harness.ratings.made import JUDGE, material, pair


def test_all_principles_are_weighed() -> None:
    source = Constitutional(judge=JUDGE, by="all")
    pairs = [
        pair("please!", "apple"),  # 1 + 3 of 5 against 1 + 1 of 5
        pair("no", "no!"),
        pair("apple!", "no"),  # 1 against 1
        pair("no!", "apples"),
    ]
    assert source.probabilities(pairs, [[]] * 4) == [1, 1, 0.5, 0]


def test_the_first_principle_that_tells_the_replies_apart_decides() -> None:
    asked = pair("please!", "no")
    pairs = [asked, asked, asked, pair("apple", "no!"), pair("no", "yes")]
    orders = [
        ["polite", "calm"],
        ["calm", "polite"],
        ["long", "polite"],
        ["polite", "calm"],
        ["long", "calm", "polite"],
    ]
    assert Constitutional(judge=JUDGE).probabilities(pairs, orders) == [1, 0, 1, 1, 0.5]


def test_the_option_has_the_principles_of_the_reward_or_those_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = ["post=[dpo]", "ratings=constitution"]
    made = build(compose(picks)["ratings"], RatingsSource, "ratings")  # type: ignore[type-abstract]
    assert isinstance(made, Constitutional)
    assert isinstance(made.judge, Constitution)
    assert "polite" in made.judge.principles
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "_target_: rewards.constitution.Constitution\nprinciples:\n  rhymes: {has_any: [cat, hat]}\n"
    )
    own = compose([*picks, "rewards@ratings.judge=./mine.yaml"])["ratings"]
    mine = build(own, RatingsSource, "ratings")  # type: ignore[type-abstract]
    assert isinstance(mine, Constitutional)
    assert list(mine.weights) == ["rhymes"]
    said = [("Hm?", "The hat.", f"The dog {n}.") for n in range(20)]
    assert {each.p for each in mine.bank(material(tmp_path, said)).ratings()} == {1}
