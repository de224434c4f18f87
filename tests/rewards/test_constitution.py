"""A reply keeps principles or breaks them, and the score is the share of those it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.settings import build
from rewards.constitution import Constitution, Principle
from rewards.keeps_to_own_lines import KeepsToOwnLines
from rewards.right_answer import RightAnswer
from tests.rewards.replies import reply


@pytest.mark.parametrize(
    ("principle", "kept", "broken"),
    [
        (Principle(has_any=["thanks", "thank you"]), "Oh, Thank you!", "Oh, thank him. You too."),
        (Principle(has_none=["i'm human"]), "I am humane.", "Well, I’m human."),
        (Principle(has_none=["ass"]), "I pass.", "An ass!"),
        (Principle(matches=r"[.?!]\s*$"), "Yes.\n", "Yes"),
        (Principle(matches_not=r"\d"), "None.", "12"),
        (Principle(reward=KeepsToOwnLines()), "Hi.", "Hi.\n\nHuman: Hello."),
        (Principle(has_any=["yes"], matches_not="!"), "yes", "yes!"),
    ],
)
def test_a_principle_is_kept_or_broken(principle: Principle, kept: str, broken: str) -> None:
    assert principle.is_kept(reply(kept)) is True
    assert principle.is_kept(reply(broken)) is False


def test_the_score_is_the_weighted_share_of_what_is_kept() -> None:
    principles = {
        "polite": Principle(has_none=["fool"], weight=3),
        "short": Principle(matches=r"\A.{0,5}\Z"),
        "right": Principle(reward=RightAnswer()),
    }
    constitution = Constitution(principles=principles)
    assert constitution.kept(reply("Hi.")) == {"polite": True, "short": True}  # nobody asked for a number
    assert constitution.score(reply("Hi.")) == 1
    assert constitution.score(reply("Hi, fool.")) == 0
    assert constitution.score(reply("Hello, hello.")) == 3 / 4
    assert constitution.score(reply("20", target="19")) == 4 / 5
    assert not constitution.needs_target
    sums = Constitution(principles={"right": Principle(reward=RightAnswer())})
    assert sums.needs_target
    assert sums.score(reply("20")) is None


def test_a_pattern_that_takes_too_long_is_refused() -> None:
    with pytest.raises(UserError, match=r"takes more than 1 second on a reply of 41 characters"):
        Principle(matches=r"^(a|a)*$").is_kept(reply("a" * 40 + "b"))


def made(*overrides: str) -> Constitution:
    node = compose(["post=[rloo]", *overrides])["rewards"]["constitution"]
    return build(node, Constitution, "rewards.constitution")


def test_ours_says_what_it_finds() -> None:
    constitution = made("rewards=[constitution]")
    assert constitution.score(reply("Thanks. How are you?")) == 1
    broken = "I'm human, you MORON: www.example.org"
    assert [name for name, kept in constitution.kept(reply(broken)).items() if not kept] == [
        "polite",
        "admits to be a machine",
        "gives no addresses",
        "doesn't shout",
        "asks back or answers",
    ]


def test_a_constitution_of_one_s_own_is_a_file_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "_target_: rewards.constitution.Constitution\nprinciples:\n  rhymes: {has_any: [cat, hat]}\n"
        "  own lines: {reward: {_target_: rewards.keeps_to_own_lines.KeepsToOwnLines}, weight: 3}\n"
    )
    node = compose(["post=[rloo]", "rewards=[./mine.yaml]"])["rewards"]["mine"]
    mine = build(node, Constitution, "rewards.mine")
    assert mine.score(reply("A dog.")) == 3 / 4


@pytest.mark.parametrize(
    ("principle", "words"),
    [
        ({"has_none": []}, r"rewards\.mine\.principles\.odd: a principle must say something of a reply"),
        (
            {"matches": "a", "weight": 0},
            r"rewards\.mine\.principles\.odd\.weight=0.* is not allowed: it must be above 0",
        ),
        ({"matches": "("}, r"rewards\.mine\.principles\.odd\.matches='\(' is no regular expression"),
        ({"has_non": ["a"]}, r"principles\.odd\.has_non is not an option of .*Did you mean 'has_none'\?"),
        ({"has_any": "a"}, r"principles\.odd\.has_any='a' is not allowed: it must be a list"),
        ("polite", r"principles=.* Wrong in it: odd: 'polite'"),
    ],
)
def test_a_wrong_principle_is_refused_with_its_name(principle: object, words: str) -> None:
    node = {"_target_": "rewards.constitution.Constitution", "principles": {"odd": principle}}
    with pytest.raises(UserError, match=words):
        build(node, Constitution, "rewards.mine")
