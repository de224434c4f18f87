"""The arguments that several commands share mean the same to each of them."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

import pytest

from harness.cli import COMMANDS
from harness.cli.command import Command, add_decoding, add_plugins, add_run, whole_number


def test_a_run_is_looked_for_in_results_and_may_need_several_files() -> None:
    parser = ArgumentParser()
    add_run(parser)
    plain = parser.parse_args(["lstm-top_p"])
    assert (plain.run, plain.results, plain.plugin) == ("lstm-top_p", "results", [])
    named = parser.parse_args(["lstm", "--plugin", "a.py", "--results", "there", "--plugin", "b.py"])
    assert (named.run, named.results, named.plugin) == ("lstm", "there", ["a.py", "b.py"])


def test_a_results_folder_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_run(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["lstm", "--results", ""])
    assert ended.value.code == 2
    assert "--results: the folder's name is empty" in capsys.readouterr().err


def test_files_of_one_command_are_not_those_of_the_next() -> None:
    parser = ArgumentParser()
    add_plugins(parser)
    parser.parse_args(["--plugin", "a.py"])
    assert parser.parse_args([]).plugin == []


def test_text_is_written_by_the_run_s_own_strategy_unless_another_is_named() -> None:
    parser = ArgumentParser()
    add_decoding(parser)
    plain = parser.parse_args([])
    assert (plain.decoding, plain.seed) == (None, 0)
    assert parser.parse_args(["--decoding", "top_p", "--seed", "3"]).seed == 3


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999999", "9223372036854775808", "many", "1.5"])
def test_a_seed_that_is_none_is_refused_with_what_is_allowed(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_decoding(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"--seed={seed}"])
    assert ended.value.code == 2
    assert "it must be a whole number from 0 to 9,223,372,036,854,775,807" in capsys.readouterr().err
    assert parser.parse_args([f"--seed={2**63 - 1}"]).seed == 2**63 - 1


@pytest.mark.parametrize("text", ["lots", "1.5", "0", "11", "", "1e1", "1_0", "\N{FULLWIDTH DIGIT TWO}"])
def test_a_number_that_is_none_is_refused_with_what_was_got_and_what_is_allowed(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not allowed: it must be a whole number from 1 to 10"):
        whole_number(1, 10)(text)
    assert [whole_number(1, 10)(text) for text in ("1", "+7", "10")] == [1, 7, 10]
    with pytest.raises(ArgumentTypeError, match="'-1' is not allowed: it must be a whole number, 0 or more"):
        whole_number(0)("-1")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_number_is_left_to_argparse_and_its_words(command: Command) -> None:
    parser = ArgumentParser()
    command.add_arguments(parser)
    assert not [action.dest for action in parser._actions if action.type in (int, float)]
