"""A preference model of a bank: found, or fitted to four fifths of its conversations and measured on the others.

Gold is read here only to say how well anyone could have predicted a simulated rater; nothing learns from it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.common.errors import NothingToLearn, UserError
from harness.common.files import write_bytes
from harness.common.results_folder import PREFERENCE_FILE, ResultsFolder
from harness.common.sealed import Damaged, read_sealed, write_sealed
from harness.config.identity import content_hash, identity
from harness.preferences.preference import WEIGHTS_FILE, Backbone, Preference, PreferenceModel
from harness.preferences.quality import compared, predicted_by, quality
from harness.ratings.agreement import longer_wins
from harness.ratings.bank import Bank, Gold
from harness.ratings.halves import is_held_out
from harness.ratings.rating import Rating

_FORMAT = 1
_FEWEST_CLUSTERS = 2


def obtained(
    preference: Preference,
    bank: Bank,
    backbone: Backbone,
    fit_id: str,
    results: ResultsFolder,
    say: Callable[[str], None],
) -> tuple[PreferenceModel, Mapping[str, Any]]:
    """(the preference model that these settings describe, what the record says of it). UserError where nothing can be
    learnt from the bank.

    fit_id: of the backbone. What was made before is found under results/preferences, by its content.
    """
    made_of = {"preference": identity(preference), "ratings": bank.content_sha256}
    if preference.needs_fit:
        made_of |= {"fit": fit_id, "seed": backbone.seed}
    folder = results.preference(content_hash({"format": _FORMAT, **made_of}))
    if (folder / PREFERENCE_FILE).is_file():
        try:
            return load(preference, folder, backbone)
        except Damaged as error:
            say(f"{error.damage}. The preference model is fitted again")
    started = time.perf_counter()
    ratings = bank.ratings()
    learnt, held_out = sides(ratings, bank.name)
    model = preference.fit(learnt, backbone)
    facts = {
        "id": folder.name,
        "bank": bank.name,
        "learnt": len(learnt),
        "held_out": len(held_out),
        "longer_wins": longer_wins(held_out).value,
        **measured(model, held_out, bank.gold()),
    }
    _save(preference, model, facts | {"seconds": time.perf_counter() - started}, folder)
    say(f"preference model {folder.name}: {compared(facts)}")
    return load(preference, folder, backbone)


def load(preference: Preference, folder: Path, backbone: Backbone) -> tuple[PreferenceModel, Mapping[str, Any]]:
    """(the preference model in a folder, what the record says of it). Damaged where a file of it is."""
    from safetensors.numpy import load as unpacked

    part_of = f"the preference model {folder.name}"
    if not (folder / PREFERENCE_FILE).is_file():
        raise Damaged(folder / PREFERENCE_FILE, part_of, "it is missing")
    content = read_sealed(folder / PREFERENCE_FILE, part_of)
    if content["settings"] != json.loads(json.dumps(identity(preference))):
        raise UserError(
            f"the preference model {folder.name} was made with other options of preference= than those that are asked "
            "for now. Leave them as they were when it was made, or make another one by a stage of post-training."
        )
    tensors = unpacked((folder / WEIGHTS_FILE).read_bytes())
    return preference.loaded(tensors, content["described"], backbone), content["facts"]


def _save(preference: Preference, model: PreferenceModel, facts: Mapping[str, Any], folder: Path) -> None:
    from safetensors.numpy import save as packed

    write_bytes(folder / WEIGHTS_FILE, packed({name: np.ascontiguousarray(of) for name, of in model.tensors().items()}))
    content = {"facts": dict(facts), "described": dict(model.described()), "settings": identity(preference)}
    write_sealed(folder / PREFERENCE_FILE, content, (WEIGHTS_FILE,))


def sides(ratings: Sequence[Rating], of: str) -> tuple[list[Rating], list[Rating]]:
    """(the ratings to learn from, those to measure on), without skips. UserError where nothing can be learnt from them.
    of: the bank's name."""
    answered = [rating for rating in ratings if rating.p is not None]
    learnt = [rating for rating in answered if not is_held_out(rating.pair.cluster)]
    held_out = [rating for rating in answered if is_held_out(rating.pair.cluster)]
    if not answered:
        raise NothingToLearn(
            f"the bank {of} has no ratings, but {len(ratings)} skips. Rate some pairs: `bakeoff rate RUN --bank {of}`."
        )
    why_not = None
    if all(rating.p == 0.5 for rating in answered):
        why_not = "are ties, which say of no reply that it is better"
    elif len({rating.choice for rating in answered}) == 1:
        why_not = f"say {answered[0].choice}, whatever the replies are. Let their order be drawn"
    elif min(len({rating.pair.cluster for rating in side}) for side in (learnt, held_out)) < _FEWEST_CLUSTERS:
        number = len({rating.pair.cluster for rating in answered})
        why_not = (
            f"are about {number} conversation{'s' * (number != 1)}: too few to learn from some and to measure on others"
            ". Rate replies to more prompts"
        )
    if why_not is not None:
        raise NothingToLearn(f"nothing can be learnt from the bank {of}: all its {len(answered)} ratings {why_not}.")
    return learnt, held_out


def measured(model: PreferenceModel, ratings: Sequence[Rating], gold: Mapping[str, Gold]) -> dict[str, Any]:
    """How well a preference model predicts ratings; and how well the rater's own probabilities do, where they are
    known."""
    prompts = [rating.pair.prompt for rating in ratings]
    scores_a, scores_b = (
        model.scores(prompts, [getattr(rating.pair, side) for rating in ratings]) for side in ("a", "b")
    )
    facts = quality(predicted_by(scores_a, scores_b), ratings).facts()
    if gold:
        known = np.array([gold[rating.pair.id].p for rating in ratings])
        facts |= quality(known, ratings).facts("bayes_")
    return facts
