"""A preference model is fitted once, measured on what it didn't learn from, and never sees gold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.preferences.fitting import load, obtained, sides
from harness.preferences.ngram_logistic import NGramLogistic, WeighedNGrams
from harness.preferences.preference import PreferenceModel
from harness.preferences.quality import quality
from harness.ratings.agreement import longer_wins
from harness.ratings.bank import Bank, Gold
from harness.ratings.halves import is_held_out
from harness.ratings.rating import Rating
from tests.harness.preferences.test_preference import NOTHING
from tests.harness.ratings.made import rating, world, written

SETTINGS = NGramLogistic(longest=1, strengths=(0.1,))


def bank(folder: Path, ratings: list[Rating], gold: dict[str, Gold] | None = None) -> Bank:
    made = Bank(folder / "ratings" / "made")
    made.write(ratings, gold or {}, {})
    return made


def fitted(folder: Path, of: Bank, fit_id: str = "f") -> tuple[PreferenceModel, dict[str, Any], list[str]]:
    said: list[str] = []
    model, facts = obtained(SETTINGS, of, NOTHING, fit_id, ResultsFolder(folder), said.append)
    return model, dict(facts), said


def test_it_is_measured_on_ratings_that_it_didn_t_learn_from(tmp_path: Path) -> None:
    ratings, gold = world(400)
    model, facts, said = fitted(tmp_path, bank(tmp_path, ratings, gold))
    held_out = [each for each in ratings if is_held_out(each.pair.cluster)]
    best = quality(np.array([gold[each.pair.id].p for each in held_out]), held_out)
    assert (facts["learnt"], facts["held_out"]) == (400 - len(held_out), len(held_out))
    assert facts["bayes_accuracy"] == best.accuracy.value
    assert facts["bayes_brier"] == best.brier.value
    assert facts["longer_wins"] == longer_wins(held_out).value
    assert facts["accuracy"] > 0.6
    assert "preference model" in said[-1]
    learnt = [each for each in ratings if not is_held_out(each.pair.cluster)]
    same = SETTINGS.fit(learnt, NOTHING)
    assert model.scores([""], [written("abc")]).tolist() == same.scores([""], [written("abc")]).tolist()


def test_what_was_fitted_is_found(tmp_path: Path) -> None:
    of = bank(tmp_path, world(100)[0])
    first, facts, _ = fitted(tmp_path, of)
    again, same, said = fitted(tmp_path, of, fit_id="another fit, on which it doesn't depend")
    assert (facts, said) == (same, [])
    assert first.scores([""], [written("ab")]) == again.scores([""], [written("ab")])
    assert [path.name for path in (tmp_path / "preferences").iterdir()] == [facts["id"]]
    of.add(rating("new", "old"))
    assert fitted(tmp_path, of)[1]["id"] != facts["id"]


def test_a_damaged_one_is_fitted_again(tmp_path: Path) -> None:
    of = bank(tmp_path, world(100)[0])
    _, facts, _ = fitted(tmp_path, of)
    weights = tmp_path / "preferences" / facts["id"] / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    _, _, said = fitted(tmp_path, of)
    assert "is damaged" in said[0]
    assert load(SETTINGS, weights.parent, NOTHING)[1]["id"] == facts["id"]


def test_gold_changes_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    """Without its file, and with lies in it, the same weights come out."""
    ratings, gold = world(200)
    lies = {pair: Gold(-each.a, -each.b, 1 - each.p) for pair, each in gold.items()}
    weights = []
    for name, known in (("none", {}), ("gold", gold), ("lies", lies)):
        of = bank(tmp_path / name, ratings, known)
        if name == "none":
            (of.folder / "gold.jsonl").unlink()
        model = fitted(tmp_path / name, of)[0]
        assert isinstance(model, WeighedNGrams)
        weights.append(model.weights)
    assert weights[0] == weights[1] == weights[2]


def told(number: int, **same: Any) -> list[Rating]:
    return [rating(f"a{n}", f"b{n}", **({"cluster": f"c{n}"} | same)) for n in range(number)]


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([], "has no ratings, but 0 skips"),
        (told(40, choice="skip"), "has no ratings, but 40 skips"),
        (told(40, choice="tie"), "all its 40 ratings are ties"),
        (told(40, choice="a"), "all its 40 ratings say a, whatever the replies are"),
        (told(40, choice="b"), "all its 40 ratings say b"),
        (told(20, cluster="c") + told(20, cluster="c", choice="b"), "are about 1 conversation: too few"),
    ],
)  # fmt: skip
def test_ratings_of_which_nothing_can_be_learnt_are_refused_in_one_sentence(
    ratings: list[Rating], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        sides(ratings, "mine")
    assert "\n" not in str(error.value)


@dataclass(frozen=True, kw_only=True)
class OfAFit(NGramLogistic):
    """As though it were made of the fit."""

    needs_fit = True


def test_one_that_is_made_of_a_fit_is_another_for_each(tmp_path: Path) -> None:
    of = bank(tmp_path, world(100)[0])
    ids = [
        obtained(OfAFit(longest=1, strengths=(0.1,)), of, NOTHING, fit, ResultsFolder(tmp_path), print)[1]["id"]
        for fit in ("one", "other")
    ]
    assert len(set(ids)) == 2
