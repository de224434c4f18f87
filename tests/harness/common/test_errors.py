"""Messages for users."""

from __future__ import annotations

import pytest

from harness.common.errors import PluginError, UserError, closest, one_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "ValueError: a b"),
        (KeyError("x"), "KeyError: 'x'"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_an_exception_fits_on_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


def test_the_closest_word_is_named_and_a_strange_one_has_none() -> None:
    assert closest("hamlett", ["macbeth", "hamlet"]) == " Did you mean 'hamlet'?"
    assert closest("xyz", ["macbeth", "hamlet"]) == ""
    assert closest("xyz", []) == ""
    assert closest("LSTM", ["gru", "lstm"]) == " Did you mean 'lstm'?"
    assert closest("hamlet", ["Macbeth", "HAMLET"]) == " Did you mean 'HAMLET'?"


def test_a_word_that_one_allowed_word_begins_with_means_that_one() -> None:
    allowed = ["reward_weighted_likelihood", "rejection"]
    assert closest("rewar", allowed) == " Did you mean 'reward_weighted_likelihood'?"
    assert closest("rewar", [*allowed, "reward_model_of_a_preference"]) == ""
    assert closest("rew", allowed) == ""


def test_a_plugin_s_error_names_it_and_keeps_the_traceback() -> None:
    try:
        int("missing")
    except ValueError as cause:
        error = PluginError("my_eval.py can't be imported", cause)
    assert isinstance(error, UserError)
    assert str(error).startswith("my_eval.py can't be imported: ValueError: invalid literal")
    assert 'int("missing")' in error.details
