"""ratings=bank takes ratings that are there, and names them by what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.identity import identity
from harness.ratings.bank import Bank
from harness.ratings.source import RatedBank
from tests.harness.ratings.made import material, rating


def test_a_bank_is_found_and_named_by_its_content(tmp_path: Path) -> None:
    for name in ("mine", "copied"):
        Bank(tmp_path / "ratings" / name).add(rating())
    mine, copied = (RatedBank(name=name, folder=str(tmp_path / "ratings")) for name in ("mine", "copied"))
    assert mine.bank(material(tmp_path, [])).ratings() == [rating()]
    assert mine.content_sha256 == copied.content_sha256
    assert identity(mine) == identity(copied)


@pytest.mark.parametrize(("name", "message"), [("none", "there are no ratings in"), ("../x", "can't name a bank")])
def test_a_bank_that_isn_t_there_is_told_of_before_anything_is_trained(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        identity(RatedBank(name=name, folder=str(tmp_path)))
