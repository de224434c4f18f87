"""The process that sends finished runs to wandb; the only module that imports wandb.

Reads JSON messages from standard input, one a line, and answers each with one line of JSON: {'run_id', 'url'} or
{'warning'}. Ends when its input ends. Everything it sends comes from a run's own files.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import wandb

from harness.common.results_folder import CURVE_FILE, SAMPLES_FILE

_COLUMNS = ["eval", "sample_id", "prompt", "target", "answer", "values", "finish_reason"]


def main() -> None:
    # wandb prints to standard output, which is only for our answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        message = json.loads(line)
        try:
            answer = _mirror_run(message) if message["kind"] == "run" else _mirror_report(message)
        except Exception as error:
            answer = {"warning": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _mirror_run(message: dict[str, Any]) -> dict[str, Any]:
    record, folder = message["record"], Path(message["folder"])
    chosen = (
        "family",
        "model",
        "tokenizer",
        "data",
        "decoding",
        "training",
        "post",
        "evals",
        "seed",
        "budget",
        "cost",
        "spent",
        "device",
        "versions",
        "git",
    )
    run = _open(message, record["run_id"], record["experiment"], {name: record[name] for name in chosen})
    for row in pd.read_parquet(folder / CURVE_FILE).to_dict("records"):
        run.log({f"curve/{name}": value for name, value in row.items() if not _missing(value)}, step=int(row["step"]))
    for metric in record["metrics"]:
        if metric["value"] is not None:
            suffix = "" if metric["slice"] == "all" else f"/{metric['slice']}"
            run.summary[f"{metric['eval']}/{metric['metric']}{suffix}"] = metric["value"]
    rows = pd.read_parquet(folder / SAMPLES_FILE)[_COLUMNS]
    for eval, part in rows.groupby("eval"):
        first_rows = part.head(message["tracking"]["max_samples"]).astype(object).where(part.notna(), None)
        run.log({f"samples/{eval}": wandb.Table(dataframe=first_rows)})
    return _close(run)


def _mirror_report(message: dict[str, Any]) -> dict[str, Any]:
    folder = Path(message["folder"])
    run = _open(message, f"report-{message['experiment']}", message["experiment"], {})
    run.log({f"report/{plot.stem}": wandb.Image(str(plot)) for plot in sorted(folder.glob("*.png"))})
    summary = pd.read_csv(folder / "summary.csv")
    run.log({"report/summary": wandb.Table(dataframe=summary)})
    return _close(run)


def _open(message: dict[str, Any], name: str, experiment: str, config: dict[str, Any]) -> Any:
    tracking = message["tracking"]
    return wandb.init(
        project=tracking["project"],
        entity=tracking["entity"],
        mode=tracking["mode"],
        dir=message["where"],
        name=name,
        group=experiment,
        config=config,
        reinit="create_new",
        settings=wandb.Settings(
            console="off", disable_git=True, disable_code=True, x_disable_stats=True, init_timeout=30
        ),
    )


def _close(run: Any) -> dict[str, Any]:
    answer = {"run_id": run.id, "url": run.url if run.settings.mode == "online" else None}
    run.finish()
    return answer


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


if __name__ == "__main__":
    main()
