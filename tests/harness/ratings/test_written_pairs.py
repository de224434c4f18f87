"""A bank of pairs that a fit writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.ratings.simulated import Simulated
from tests.harness.ratings.made import material

SAID = [("say cat", f"the cat sat {'on the mat ' * (n % 5)}{n * 'x'}", f"the cat zork {'q ' * n}") for n in range(40)]


def test_a_bank_is_written_once_and_shared(tmp_path: Path) -> None:
    source = Simulated(num_pairs=30)
    bank = source.bank(material(tmp_path, SAID))
    ratings = bank.ratings()
    assert len(ratings) == 30
    assert bank.gold().keys() == {each.pair.id for each in ratings}
    assert {each.pair.a.writer for each in ratings} == {"f00"}
    spent = bank.about()["spent"]
    assert (spent["episodes"], spent["written_tokens"], spent["ratings"]) == (80, 10, 30)
    assert spent["seconds"] > 0
    again = source.bank(material(tmp_path, []))  # nothing can be written: it is found
    assert again.folder == bank.folder
    assert bank.folder.parent == tmp_path / "ratings"
    assert Simulated(num_pairs=20).bank(material(tmp_path, SAID)).folder != bank.folder


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_pairs=9 is not allowed: .*10 or more"):
        Simulated(num_pairs=9)
