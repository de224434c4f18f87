"""`bakeoff lm-eval RUN --tasks ...`: run lm_eval's own command on a run, with all its flags."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from lm_eval._cli import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.utils import setup_logging

from harness.common.errors import UserError
from harness.lm_eval import MODEL_NAME, TASKS_FOLDER, register
from harness.lm_eval.questions import explained
from harness.runs.lookup import find_run
from harness.runs.record import RunRecord


def evaluate(run: str, results: Path, arguments: Sequence[str]) -> None:
    """Evaluate a run on lm_eval's tasks.

    arguments: flags of `lm_eval run`, with hyphens or underscores. --model and --model_args are added. Our tasks are
    added to lm_eval's unless there is another --include_path. UserError for wrong flags.
    """
    register()
    folder = find_run(run, results)
    model = {"run": str(folder.resolve()), "model": RunRecord.read(folder).run_id}
    user_flags = [_with_underscores(argument) for argument in arguments]
    added_flags = ["--model", MODEL_NAME, "--model_args", json.dumps(model), "--batch_size", "auto"]
    if not any(argument.partition("=")[0] == "--include_path" for argument in user_flags):
        added_flags += ["--include_path", str(TASKS_FOLDER)]
    setup_logging()
    with _command_line(["lm_eval", "run", *added_flags, *user_flags]), explained():
        command = HarnessCLI()
        options = command.parse_args()
        try:
            command.execute(options)
        except (ValueError, TypeError, FileNotFoundError) as error:
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            if not any(frame.f_globals["__name__"] == EvaluatorConfig.__module__ for frame in frames):
                raise
            raise UserError(
                f"{error}. This is lm_eval's own check. `lm_eval run --help` shows its flags, `lm_eval ls tasks` its "
                "tasks. To add a folder with your own tasks, use --include-path."
            ) from error


def _with_underscores(argument: str) -> str:
    """A flag in lm_eval's spelling: --include-path becomes --include_path."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
