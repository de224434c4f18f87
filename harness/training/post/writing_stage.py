"""What stages have in common in which the model writes replies to learn from. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.common.options import check_least, check_option
from harness.completion.reward import Reward
from harness.text.data.corpus import Corpus
from harness.training.post.prompts import PromptKind, why_none
from harness.training.post.stage import PostStage, StageBudget


@dataclass(frozen=True, kw_only=True)
class WritingStage(PostStage):
    """Options of what is asked, and of how replies are judged. The reward of a reply is the sum of the rewards,
    standardised once to mean 0 and standard deviation 1 under the fit before the stage."""

    rewards: dict[str, Reward] = field(default_factory=dict)
    """What makes a reply better, by name: those of rewards=."""
    prompts: PromptKind = "conversations"
    """What is asked, from the training text: the assistant's turns in conversations, or sums (12+7=)."""
    max_history_turns: int = 2
    """The prompt has at most this many turns before the reply."""
    max_new_tokens: int = 128
    """Tokens of a reply before it is cut."""
    budget: StageBudget = field(default_factory=lambda: StageBudget(episodes=4096))
    prompts_per_step: int = 32
    """Prompts in a step, each with its group of replies."""
    replies_per_prompt: int = 4
    """Replies to each prompt: a group."""
    beta: float = 0.3
    """The price of a nat of KL, in standard deviations of the reward."""
    cut_reward: float | None = -1.0
    """The standardised reward of a reply that is cut before it hands over; None: what the rewards say."""
    learning_rate_share: float = 0.05
    """The peak of the learning rate, as a share of model.learning_rate; it falls to 0."""

    def __post_init__(self) -> None:
        check_option(self, "rewards", bool(self.rewards), "one reward at least. Pick it with rewards=[NAME]")
        check_least(self, max_history_turns=1, max_new_tokens=1, prompts_per_step=1, replies_per_prompt=1)
        check_option(self, "learning_rate_share", self.learning_rate_share > 0, "above 0")

    def why_nothing_to_learn(self, corpus: Corpus) -> str | None:
        return why_none(self.prompts, corpus)

    def why_no_room(self, window: int | None, name: str) -> str | None:
        """Why prompt and reply can't fit into a window of this length, as a sentence for the user; None where they can.
        name: of the stage, as it was picked."""
        if window is None or self.most_prompt_tokens(window) >= 1:
            return None
        return (
            f"post.{name}.max_new_tokens={self.max_new_tokens} leaves no room for a prompt in the model's window of "
            f"{window}. Lower it, or raise model.context_length"
        )

    def most_prompt_tokens(self, window: int) -> int:
        """The tokens that a prompt may have in a window of this length, beside the start token and a reply."""
        return window - 1 - self.max_new_tokens

    @property
    def episodes_per_step(self) -> int:
        return self.prompts_per_step * self.replies_per_prompt
