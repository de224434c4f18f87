from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.completion.engine import DecodingStrategy
from harness.config.settings import build
from harness.dashboard.strategies import DRAFT, filled, in_words, names, settings, values_in
from harness.runs.engines import strategy_named


@pytest.mark.parametrize("name", names())
def test_every_strategy_as_it_stands_is_that_of_the_command_line(name: str) -> None:
    values = {setting.name: setting.value for setting in settings(name, {})}
    assert in_words(name, values) == name
    if name != "speculative":  # needs the name of a draft
        built = build(filled(name, values), DecodingStrategy, "decoding")
        assert built == strategy_named(name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("top_p", {"transforms.top_p.p": "0.5", "transforms.temperature.temperature": "2"}),
        ("beam", {"search.num_beams": "2", "search.early_stopping": "never"}),
        ("beam", {"search.early_stopping": "true", "at_context_limit": "stop"}),
        ("constrained", {"transforms.constrained.pattern": " [a-z]+ \"'${oc.env:HOME}\\d"}),
        ("constrained", {"transforms.constrained.pattern": "null", "transforms.constrained.texts": '["a b", "no"]'}),
    ],
)
def test_what_is_set_is_what_the_words_for_a_terminal_set(name: str, values: dict[str, str]) -> None:
    built = build(filled(name, values), DecodingStrategy, "decoding")
    assert built == strategy_named(in_words(name, values))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("./mine.py", {}, "no decoding strategy"),
        ("topp", {}, "Did you mean 'top_p'"),
        ("top_p", {"transforms.top_p._target_": "os.system"}, "no setting"),
        ("top_p", {"chooser": "{}"}, "no setting 'chooser'"),
        ("top_p", {"transforms.top_p.p": "much"}, "a number"),
        ("top_k", {"transforms.top_k.k": "1000000"}, "at most 10,000"),
        ("best_of_n", {"search.num_samples": "100000"}, "at most 64"),
    ],
)
def test_only_installed_strategies_and_their_settings_can_be_set(
    name: str, values: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        filled(name, values)


def test_a_setting_says_what_it_is_and_what_is_allowed() -> None:
    by_name = {setting.name: setting for name in names() for setting in settings(name, {})}
    assert by_name["transforms.top_p.p"].ends == (0.05, 1.0, 0.05)
    assert by_name["search.early_stopping"].choices == ("true", "false", "never")
    assert by_name["search.scorer"].kind == "choice"
    assert by_name[DRAFT].kind == "run"
    assert all(setting.about for setting in by_name.values())
    assert settings("top_p", {"transforms.top_p.p": "<b>"})[1].value == "<b>"


def test_the_settings_of_a_side_are_those_with_its_prefix() -> None:
    assert values_in({"set_a.x.y": "1", "set_b.x.y": "2", "q": "3"}, "set_a.") == {"x.y": "1"}
