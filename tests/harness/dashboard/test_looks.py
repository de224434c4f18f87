from __future__ import annotations

from harness.dashboard.looks import looks, shortened


def test_a_familys_look_depends_on_the_families_and_on_nothing_else() -> None:
    names = [f"family{number:02d}" for number in range(30)]
    assert looks(names) == looks(reversed(names * 2))
    assert len(set(looks(names).values())) == 30  # colour and marker together tell them apart


def test_a_long_name_keeps_both_ends() -> None:
    assert shortened("short") == "short"
    assert shortened("transformer, num_layers=12", 12) == "trans…ers=12"
    assert len(shortened("x" * 100)) <= 18
