"""Another process, in which texts have other hashes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from harness.plugin_kit.elsewhere import is_the_same_elsewhere


@dataclass
class Trial:
    """Its digest is that of its name: by itself, by a hash that differs from process to process, or not to be had."""

    name: str
    overrides: Sequence[str]

    def digest(self) -> str:
        if "raises" in self.overrides and str(os.getpid()) not in self.overrides:
            raise ValueError("no digest")
        return str(hash(self.name)) if "hash" in self.overrides else self.name + "".join(self.overrides)


@pytest.mark.parametrize(("overrides", "same"), [(["a=b c", "d=é"], True), (["hash"], False)])
def test_what_hangs_on_the_hash_of_a_text_is_another_there(overrides: list[str], same: bool) -> None:
    assert is_the_same_elsewhere(Trial("my trial", overrides)) is same


def test_what_fails_there_is_told() -> None:
    with pytest.raises(AssertionError, match=r"another process could not make it: .*ValueError: no digest"):
        is_the_same_elsewhere(Trial("mine", ["raises", str(os.getpid())]))
