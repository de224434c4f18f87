"""Seeds made from names."""

from __future__ import annotations

import hashlib
import itertools

from harness.common.seeds import seed_of


def test_a_seed_is_the_first_eight_bytes_of_a_hash_of_the_names() -> None:
    by_hand = hashlib.sha256(b"3\x1fchat\x1f0").hexdigest()[:16]
    assert seed_of(3, "chat", 0).to_bytes(8, "little").hex() == by_hand


def test_other_names_orders_and_boundaries_give_other_seeds() -> None:
    names = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", ""), ("ab", "d")]
    for one, other in itertools.combinations(names, 2):
        assert seed_of(*one) != seed_of(*other)


def test_any_string_names_a_seed() -> None:
    assert seed_of("\ud800") != seed_of("\ud801")
