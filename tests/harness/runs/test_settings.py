"""Typed settings: what can be picked, and what is refused before a run begins."""

from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.runs.settings import typed


def test_members_are_other_options_of_model() -> None:
    config = compose(["model=mixture", "model@model.members.second=bigram", "+model@model.members.third=unigram"])
    families = {name: member.family for name, member in typed(config).model.members.items()}
    assert families == {"first": "ngram", "second": "bigram", "third": "unigram"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.members.second.d_modle=3", "d_modle.*Did you mean"),
        ("model@model.members.second=lstn", "lstn is not known.*lstm"),
        ("model.members.second.d_model=-1", "d_model"),
        ("model@model.members.sacond=gru", "Did you mean 'model@model.members.second'.*With a \\+ in front"),
    ],
)
def test_what_is_wrong_in_a_member_is_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        typed(compose(["model=mixture", override]))
