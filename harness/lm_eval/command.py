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
from harness.lm_eval.flags import with_underscores
from harness.lm_eval.questions import explained
from harness.runs.record import RunRecord


def evaluate(run: Path, arguments: Sequence[str]) -> None:
    """Evaluate a run on lm_eval's tasks.

    run: its folder. arguments: flags of `lm_eval run`, with hyphens or underscores. --model and --model_args are added.
    Our tasks are added to lm_eval's and to those of --include_path. UserError for wrong flags.
    """
    register()
    model = {"run": str(run.resolve()), "model": RunRecord.read(run).run_id}
    user_flags = [with_underscores(argument) for argument in arguments]
    added_flags = ["--model", MODEL_NAME, "--model_args", json.dumps(model), "--batch_size", "auto"]
    setup_logging()
    with _command_line(["lm_eval", "run", *added_flags, *user_flags]), explained():
        command = HarnessCLI()
        options = command.parse_args()
        # the command line takes one folder, the library several
        options.include_path = [str(TASKS_FOLDER), *([options.include_path] if options.include_path else [])]
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


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
