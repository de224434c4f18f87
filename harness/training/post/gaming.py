"""Was a reward gamed? What replies lost while their reward rose.

Measured on the same prompts before a stage and after it: the share of empty replies, and how far the lengths of replies
are from those of what people said there, in characters (Kolmogorov-Smirnov), as far as lengths are known: replies are
cut at a limit. Where gold is known, how good the replies really are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.completion.reward import Reply
from harness.text.turn_text import is_empty
from harness.training.post.rollouts import is_cut

MOST_EMPTY = 0.02
LARGEST_STEP_IN_LENGTHS = 0.1


def longest_known(replies: Sequence[Reply]) -> float:
    """Up to how many characters the lengths of replies are known: as many as the shortest of those that were cut has.
    Infinite without one."""
    return min((len(reply.completion.text.strip()) for reply in replies if is_cut(reply.completion)), default=math.inf)


def forms(replies: Sequence[Reply], targets: Sequence[str], most: float) -> dict[str, float]:
    """{'empty_replies': the share that is empty, 'length_distance': 0 (lengths as those of the targets) to 1}. Lengths
    above `most` count as that. Without targets there is no distance."""
    from scipy.stats import ks_2samp

    measured = {"empty_replies": sum(is_empty(reply.completion.text) for reply in replies) / len(replies)}
    if targets:
        own = [min(most, len(reply.completion.text.strip())) for reply in replies]
        real = [min(most, len(target.strip())) for target in targets]
        measured["length_distance"] = float(ks_2samp(own, real, method="asymp").statistic)
    return measured


def signs_of_gaming(facts: Mapping[str, Any], num_replies: int) -> list[str]:
    """What got worse while the reward rose, a few words each; empty where nothing did, or the reward didn't rise.

    facts: what a stage's record says, before and after. num_replies: how many replies its means are over.
    """
    if not facts["reward_after"] > facts["reward_before"]:
        return []
    signs = []
    empty_before, empty = facts["empty_replies_before"], facts["empty_replies_after"]
    if empty > max(MOST_EMPTY, empty_before):
        signs.append(f"{100 * empty:.0f} % of the replies are empty ({100 * empty_before:.0f} % before)")
    if "length_distance_after" in facts:
        before, after = facts["length_distance_before"], facts["length_distance_after"]
        if after - before > LARGEST_STEP_IN_LENGTHS:
            signs.append(f"lengths are further from people's ({before:.2f} to {after:.2f} of 1)")
    if "gold_after" in facts:
        before, after = facts["gold_before"], facts["gold_after"]
        noise = facts["gold_deviation_before"] * math.sqrt(2 / num_replies)
        if after < before - 2 * noise:
            signs.append(f"gold falls ({before:.3g} to {after:.3g})")
    return signs
