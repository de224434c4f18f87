"""Was a reward gamed? What replies lost while their reward rose.

Measured on the same prompts before a stage and after it: the share of empty replies, and how far the lengths of replies
are from those of what people said there, in characters (Kolmogorov-Smirnov). Where gold is known, how good the replies
really are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.completion.reward import Reply
from harness.text.turn_text import is_empty

MOST_EMPTY = 0.02
LARGEST_STEP_IN_LENGTHS = 0.1


def forms(replies: Sequence[Reply], targets: Sequence[str]) -> dict[str, float]:
    """{'empty_replies': the share that is empty, 'length_distance': 0 (lengths as those of the targets) to 1}. Replies
    that are cut, which have no length of their own, are left out of the distance; without others it is 1. Without
    targets there is none."""
    from scipy.stats import ks_2samp

    found = {"empty_replies": sum(is_empty(reply.completion.text) for reply in replies) / len(replies)}
    if targets:
        own = [len(reply.completion.text.strip()) for reply in replies if reply.completion.finish_reason == "stop"]
        real = [len(target.strip()) for target in targets]
        found["length_distance"] = float(ks_2samp(own, real, method="asymp").statistic) if own else 1.0
    return found


def signs_of_gaming(facts: Mapping[str, Any], num_replies: int) -> list[str]:
    """What got worse while the reward rose, a few words each; empty where nothing did, or the reward didn't rise.

    facts: what a stage's record says, before and after. num_replies: how many replies its means are over.
    """
    if not facts["reward_after"] > facts["reward_before"]:
        return []
    signs = []
    empty_before, empty = facts["empty_replies_before"], facts["empty_replies_after"]
    if empty > max(MOST_EMPTY, empty_before):
        signs.append(f"{empty:.0%} of the replies are empty ({empty_before:.0%} before)")
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
