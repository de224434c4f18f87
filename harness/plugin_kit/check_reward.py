"""What every reward keeps to (harness/completion/reward.py), as checks. A check's name is the sentence that it checks.

The reward sees replies to conversations and to sums: what a person said or the right answer, and what a bad model may
write in its place.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from harness.common.results_folder import ResultsFolder
from harness.completion.reward import Material, Reply, Reward
from harness.completion.sequence import Completion, Prompt
from harness.config.identity import plain
from harness.config.settings import build
from harness.plugin_kit.elsewhere import is_the_same_elsewhere
from harness.plugin_kit.outcome import Outcome, hold, outcomes
from harness.plugin_kit.picked import picked
from harness.text.data.arithmetic_problems import problems
from harness.text.data.arithmetic_wording import Wording
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.tokenizer import TokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT
from models.language_model import ModelConfig

_ASKED = ("Hello there.", "How are you today?", "What is your name?", "Tell me a story.", "Good night!")
_SAID = (" Good morning!", " I am fine, and you?", " They call me Fool.", " Once upon a time.", " Sleep well.")
_UNUSUAL = (
    "", " ", "\n\n", " no", " 7", " -12.5", ' He said "', " (", " word" * 200, "\x1b[2J", "\u200b", " \U0001f600\u0301",
    " \udc80", "\n\nHuman: And you?", "\n\nStranger: Boo!", "<|im_end|>", " 1e999999", " " + "9" * 5000,
)  # fmt: skip
_SHORT = 200


class RewardOnTrial:
    """A reward, and replies to it."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.name, self.overrides = name, overrides
        self._config = picked("reward", name, overrides)
        [self._node] = self._config["rewards"].values()
        self._folder = tempfile.TemporaryDirectory(prefix="bakeoff-")

    def settings(self) -> Reward:
        """The reward as its settings say, made again."""
        made: Reward = build(self._node, Reward, f"rewards.{self.name}")  # type: ignore[type-abstract]
        return made

    def new(self) -> Reward:
        """The reward, made again and prepared."""
        reward = self.settings()
        needs_nothing = type(reward).prepared is Reward.prepared  # a model takes seconds to load
        return reward if needs_nothing else reward.prepared(self._material).reward

    @cached_property
    def _material(self) -> Material:
        """A fit that has learnt nothing, and pairs of the replies on trial."""
        text = "".join(f"{asked}{said}\n" for asked, said in zip(_ASKED, _SAID, strict=True))
        documents = tuple(Document(str(number), text, "trial", str(number)) for number in range(2))
        corpus = Corpus("trial", documents, documents[:0], documents[:0])
        settings = build(self._config["tokenizer"], TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
        tokenizer = settings.train(documents)
        config = build(self._config["model"], ModelConfig, "model")  # type: ignore[type-abstract]
        return Material(
            fit_id=self.name,
            writer_id=self.name,
            model=config.build(tokenizer.vocab_size, tokenizer.start_token),
            tokenizer=tokenizer,
            corpus=corpus,
            seed=0,
            results=ResultsFolder(Path(self._folder.name)),
            write_pairs=self._pairs,
            say=lambda text: None,
        )

    def _pairs(self, number: int) -> tuple[Sequence[tuple[str, Reply, Reply]], Mapping[str, float]]:
        """Neighbours among the replies to each prompt that aren't very long."""
        short = [reply for reply in self.replies if len(reply.completion.text) <= _SHORT]
        both = [pair for pair in itertools.pairwise(short) if pair[0].prompt == pair[1].prompt]
        return [(f"conversation {place}", one, other) for place, (one, other) in enumerate(both[:number])], {}

    @cached_property
    def replies(self) -> list[Reply]:
        """To each prompt the target, what was said to others, and texts that nobody says; cut and handed over."""
        stop = HUMAN_ASSISTANT.stop_text(HUMAN)
        asked = [
            (HUMAN_ASSISTANT.open_turn(Transcript((Turn(HUMAN, text),)), ASSISTANT), said, stop)
            for text, said in zip(_ASKED, _SAID, strict=True)
        ]
        sums = Wording("plain")
        asked += [(*sums.render(problem), sums.stop_text) for problem in problems("train", 5, seed=0)]
        said = [target for _, target, _ in asked]
        replies = []
        for text, target, end in asked:
            prompt = Prompt(text, max_new_tokens=128, stop=(end,))
            for written in dict.fromkeys((target, *said, *_UNUSUAL)):
                replies += [Reply(prompt, completion, target) for completion in _endings(written, end)]
        return replies

    def scores(self) -> list[float | None]:
        return self.new().score_all(self.replies)

    def digest(self) -> str:
        """A hash of all rewards."""
        return hashlib.sha256(json.dumps(self.scores()).encode()).hexdigest()


def _endings(text: str, stop: str) -> Iterator[Completion]:
    """A completion that hands over, one that is cut, and one that ends the document."""
    tokens = tuple(range(len(text)))
    logprobs = (-1.0,) * len(tokens)
    handed_over = Completion(text, tokens, logprobs, logprobs, "stop", stop)
    yield handed_over
    yield replace(handed_over, finish_reason="length", stop_text=None)
    yield replace(handed_over, stop_text=None)


def it_gives_each_reply_a_reward(of: RewardOnTrial) -> None:
    hold(isinstance(of.new(), Reward), f"{of.new()!r} is no Reward")
    scores = of.scores()
    hold(len(scores) == len(of.replies), f"score_all gave {len(scores)} rewards for {len(of.replies)} replies")


def it_says_its_name_and_its_version(of: RewardOnTrial) -> None:
    name, version = (getattr(of.new(), field, None) for field in ("name", "version"))
    is_name = isinstance(name, str) and re.fullmatch(r"[\w-]{1,100}", name) is not None
    hold(is_name, f"its name is {name!r}: letters, digits, '_' and '-', at most 100")
    hold(isinstance(version, int), f"its version is {version!r}: a whole number")


def its_settings_survive_storage(of: RewardOnTrial) -> None:
    made = of.settings()
    again = build(plain(made), Reward, "reward")  # type: ignore[type-abstract]
    hold(again == made, f"{again} came back where {made} was stored")


def every_reward_is_a_finite_number_or_missing(of: RewardOnTrial) -> None:
    for reply, score in zip(of.replies, of.scores(), strict=True):
        is_number = isinstance(score, (int, float)) and math.isfinite(score)
        hold(score is None or is_number, f"{_shown(reply)} got {score!r}: give a number, or None where it can't say")


def it_tells_replies_apart(of: RewardOnTrial) -> None:
    different = {score for score in of.scores() if score is not None}
    hold(len(different) > 1, f"all replies got {[*different, None][0]!r}, from which nothing can be learnt")


def what_it_needs_a_target_for_is_missing_without_one(of: RewardOnTrial) -> None:
    without = of.new().score_all([replace(reply, target=None) for reply in of.replies])
    if of.new().needs_target:
        hold(set(without) <= {None}, "it gave rewards to replies without a target, but says needs_target = True")
        return
    hold(any(score is not None for score in without), "it says nothing without a target: write needs_target = True")


def scoring_again_gives_the_same_rewards(of: RewardOnTrial) -> None:
    """It may depend on chance, the time, or what it scored before."""
    state = random.getstate()
    try:
        random.seed(1)
        again = of.scores()
    finally:
        random.setstate(state)
    hold(again == of.scores(), _first_difference(of.replies, again, of.scores()))


def the_order_of_replies_and_those_beside_them_change_nothing(of: RewardOnTrial) -> None:
    scores, reward = of.scores(), of.new()
    backwards = reward.score_all(of.replies[::-1])[::-1]
    hold(backwards == scores, _first_difference(of.replies, scores, backwards))
    alone = [reward.score_all([reply])[0] for reply in of.replies]
    hold(alone == scores, _first_difference(of.replies, scores, alone))


def another_process_gives_the_same_rewards(of: RewardOnTrial) -> None:
    hold(is_the_same_elsewhere(of), "they are others there: does that hang on a hash or the order of a set?")


def _first_difference(replies: Sequence[Reply], before: Sequence[float | None], after: Sequence[float | None]) -> str:
    for reply, one, other in zip(replies, before, after, strict=True):
        if one != other:
            return f"{_shown(reply)} got {one!r}, and another time {other!r}"
    return ""


def _shown(reply: Reply) -> str:
    return f"the reply {reply.completion.text[:40]!r}"


CHECKS: tuple[Callable[[RewardOnTrial], None], ...] = (
    it_gives_each_reply_a_reward,
    it_says_its_name_and_its_version,
    its_settings_survive_storage,
    every_reward_is_a_finite_number_or_missing,
    it_tells_replies_apart,
    what_it_needs_a_target_for_is_missing_without_one,
    scoring_again_gives_the_same_rewards,
    the_order_of_replies_and_those_beside_them_change_nothing,
    another_process_gives_the_same_rewards,
)


def check_reward(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold a reward, an option of rewards= or a file, to what every reward keeps to. UserError where there is none."""
    trial = RewardOnTrial(name, overrides)
    trial.settings()
    return outcomes(CHECKS, trial)
