"""Wrong flags are refused before lm_eval is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.lm_eval.flags import check_flags, our_tasks, with_underscores

OURS = [
    "bakeoff_arithmetic",
    "bakeoff_arithmetic_chat",
    "bakeoff_arithmetic_plain",
    "bakeoff_arithmetic_qa",
    "bakeoff_format_questions",
    "bakeoff_turn_taking",
]


def test_our_tasks_and_their_group_are_known_by_name() -> None:
    assert our_tasks() == OURS


@pytest.mark.parametrize(
    ("argument", "spelled"),
    [("--include-path", "--include_path"), ("--a-b=c-d", "--a_b=c-d"), ("a-b", "a-b"), ("-t", "-t")],
)
def test_flags_are_written_as_lm_eval_writes_them(argument: str, spelled: str) -> None:
    assert with_underscores(argument) == spelled


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "needs the names of tasks, as --tasks bakeoff_arithmetic,wikitext. bakeoff's own: bakeoff_arithmetic, "),
        ("--tasks", "needs the names of tasks"),
        ("--tasks ,", "needs the names of tasks"),
        ("--tasks wikitext,bakeoff_arithmetik", "no task 'bakeoff_arithmetik'. Did you mean 'bakeoff_arithmetic'?"),
        ("-t wikitext bakeoff_sums", "no task 'bakeoff_sums'. .*bakeoff's own: bakeoff_arithmetic, "),
        ("--tasks x --limit -3", "--limit -3 is not allowed: it must be above 0"),
        ("--tasks x -L 0", "--limit 0 is not allowed"),
        ("--tasks x --limit nan", "--limit nan is not allowed"),
        ("--tasks x --limit=many", "--limit many is not allowed"),
        ("--tasks x --num-fewshot -1", "--num_fewshot -1 is not allowed: it must be 0 or more"),
        ("--tasks x --model hf", "--model and --model_args are not for .*: the model is that of RUN. Leave them out."),
        ("--tasks x -a pretrained=gpt2", "--model and --model_args are not for "),
        ("--tasks x --include-path /nowhere", "--include-path /nowhere is no folder"),
        ("--tasks x --include_path=/nowhere", "--include-path /nowhere is no folder"),
    ],
)
def test_wrong_flags_are_refused(flags: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        check_flags(flags.split())


@pytest.mark.parametrize(
    "flags",
    [
        "--tasks bakeoff_arithmetic",
        "--tasks bakeoff_* wikitext,lambada_openai --limit 0.5 --num_fewshot 0",
        "--tasks bakeoff_mine --include_path {here}",
        "--tasks {here}/bakeoff_mine.yaml",
        "--config file.yaml --log_samples",
    ],
)
def test_what_only_lm_eval_can_judge_passes(flags: str, tmp_path: Path) -> None:
    check_flags(flags.format(here=tmp_path).split())
