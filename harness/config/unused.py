"""Settings that would change nothing: what only some stages and searches use, where a run has none of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.common.errors import UserError

_ADVICE = {
    "rewards": (
        "no stage of post= and no decoding strategy uses rewards. Add one, as 'post=[sft,rloo]' or "
        "decoding=best_by_reward"
    ),
    "ratings": (
        "nothing learns from ratings. Add a stage that does, as 'post=[sft,rloo]' 'rewards=[preference_model]', or "
        "'post=[sft,dpo]' post.dpo.pairs=rated"
    ),
    "preference": (
        "nothing makes a preference model. Add a stage that does, as 'post=[sft,rloo]' 'rewards=[preference_model]'"
    ),
}


def refuse_unused(overrides: Sequence[str], configs: Iterable[Mapping[str, Any]]) -> None:
    """UserError where an override sets what none of the configurations uses. overrides: of the user."""
    asked = {override.lstrip("+~").partition("=")[0].partition(".")[0]: override for override in reversed(overrides)}
    left = {group: asked[group] for group in _ADVICE if group in asked}
    for config in configs if left else ():
        left = {group: override for group, override in left.items() if not _is_used(group, config)}
    for group, override in left.items():
        raise UserError(f"{override} changes nothing: {_ADVICE[group]}; or leave it out.")


def _is_used(group: str, config: Mapping[str, Any]) -> bool:
    """Whether a stage or the decoding strategy holds the options of a group, as rloo holds rewards."""
    return _holds(group, config["post"]) or _holds(group, config["decoding"])


def _holds(group: str, part: Any) -> bool:
    if isinstance(part, Mapping):
        return group in part or any(_holds(group, inner) for inner in part.values())
    return isinstance(part, list) and any(_holds(group, inner) for inner in part)
