"""Which conversations ratings are about, and which of these are held out: by a hash, so that all processes agree.

The unit is the cluster, a conversation: its replies are alike, so it is always on one side. Needs no torch.
"""

from __future__ import annotations

from harness.common.seeds import seed_of

_HELD_OUT_EVERY = 5


def is_for_ratings(cluster: str) -> bool:
    """Whether ratings are about replies to this conversation of the training text; a stage whose reward is made of
    ratings asks the other half."""
    return seed_of("half for ratings", cluster) % 2 == 0


def is_held_out(cluster: str) -> bool:
    """Whether ratings about this conversation measure preference models, which then don't learn from them: a fifth."""
    return seed_of("ratings held out", cluster) % _HELD_OUT_EVERY == 0
