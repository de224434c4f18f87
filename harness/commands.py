"""What each command of `bakeoff` does. Every function takes the parsed options and returns an exit status.

Imports stand inside the functions: a usage error must answer before torch is loaded.
"""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.decoding import DecodingStrategy
    from harness.fits import Fit

_COMPARE = "experiment=families"


def run(options: Namespace) -> int:
    """`bakeoff run`: one run, or a sweep."""
    from harness import config

    if options.config_from is not None:
        if options.overrides or options.multirun:
            raise UserError(
                f"--config-from {options.config_from} takes the whole configuration of that run, so it "
                "allows neither -m nor "
                f"overrides (got {' '.join(options.overrides) or '-m'}). Leave them out."
            )
        from harness.runs import find_run

        composed = config.from_saved(find_run(options.config_from, Path("results")) / "config.yaml")
        return _run_one(composed)
    if options.multirun:
        return _sweep(options.overrides)
    return _run_one(config.compose(options.overrides))


def compare(options: Namespace) -> int:
    """`bakeoff compare`: the sweep of an experiment, then the report over it."""
    from harness import sweep

    named = any(override.split("=")[0] == "experiment" for override in options.overrides)
    overrides = options.overrides if named else [_COMPARE, *options.overrides]
    first, *_ = sweep.check(overrides)
    status = _sweep(overrides)

    from harness import config

    settings = config.typed(config.compose(first))
    folder = settings.results_dir / settings.experiment_name
    page = folder / "report" / "report.html"
    before = page.read_bytes() if page.exists() else None
    _report(folder, None)
    # the same records give the same page, byte by byte
    if page.read_bytes() != before:
        from harness.tracking import mirror_report

        mirror_report(settings.experiment_name, folder / "report", settings.tracking, settings.results_dir)
    return status


def report(options: Namespace) -> int:
    """`bakeoff report`: tables and plots from what lies in a folder."""
    _report(Path(options.results), None if options.out is None else Path(options.out))
    return 0


def list_(options: Namespace) -> int:
    """`bakeoff list`: options of a group with the first line of their description, or runs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    if options.what == "runs":
        from harness.runs import all_runs

        for column in ("run", "experiment", "status", "finished"):
            table.add_column(column, overflow="fold")
        for row in all_runs(Path(options.results)):
            table.add_row(*row)
    else:
        from harness.config import conf_dir
        from harness.config import options as names

        group = {"data": "data", "evals": "evals"}.get(options.what, options.what.removesuffix("s"))
        table.add_column(f"{group}=")
        table.add_column("what it is", overflow="fold")
        for name in names(group):
            lines = (conf_dir() / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
            about = [
                line.removeprefix("# ") for line in lines if line.startswith("# ") and not line.startswith("# @package")
            ]
            table.add_row(name, about[0] if about else "")
    Console().print(table)
    return 0


def score(options: Namespace) -> int:
    """`bakeoff score`: how likely a fitted model finds any text."""
    from harness import arpa, describing

    if options.run.endswith(arpa.SUFFIX):
        if options.per_token:
            raise UserError("--per-token is for runs: the tokens of an ARPA file are its words. Leave it out.")
        found = arpa.score_files(Path(options.run), options.files)
    else:
        found = describing.score_files(_fit(options), options.files, per_token=options.per_token)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from harness.display import visible

    console = Console()
    table = Table(box=box.SIMPLE)
    for column in ("file", "bytes", "tokens", "nats", "bits/byte", "byte perplexity", "token perplexity"):
        table.add_column(column, justify="left" if column == "file" else "right")
    for row in [*found["files"], found["total"]]:
        table.add_row(
            visible(row["file"]),
            f"{row['num_bytes']:,}",
            f"{row['num_tokens']:,}",
            "-" if row["nats"] is None else f"{row['nats']:,.3f}",
            *(
                "-" if row[name] is None else f"{row[name]:.4f}"
                for name in ("bits_per_byte", "byte_perplexity", "token_perplexity")
            ),
        )
    console.print(table)
    for row in found["files"]:
        for token in row.get("tokens", ()):
            logprob = -math.inf if token["logprob"] is None else token["logprob"]
            print(f"{logprob:10.4f}  {visible(json.dumps(token['text'], ensure_ascii=False))}")
    return 0


def complete(options: Namespace) -> int:
    """`bakeoff complete`: what a fitted model writes after a prompt."""
    import dataclasses

    from harness.completion import Completion, Prompt, seed_of, stream
    from harness.display import visible

    if not options.prompt:
        raise UserError(
            "the prompt '' is nothing to go on from. Give some text, as in: bakeoff complete RUN 'ROMEO:'. "
            "(What each model writes at the opening of a document is in the report's showcase.)"
        )
    _at_least("--max-new-tokens", options.max_new_tokens, 0)
    _at_least("--samples", options.samples, 1)
    if "" in options.stop:
        raise UserError(
            "--stop '' is not allowed: an empty stop text would stop everything. Leave it out to go on to the length."
        )
    fit, strategy = _fit(options), _strategy(options)
    written = []
    for number in range(options.samples):
        prompt = Prompt(
            options.prompt, options.max_new_tokens, tuple(options.stop), seed_of(options.seed, "complete", number)
        )
        if not options.json:
            if options.samples > 1:
                print(f"--- sample {number} ---")
            print(visible(options.prompt), end="", flush=True)
        for piece in stream(fit.model, fit.tokenizer, prompt, strategy):
            if isinstance(piece, Completion):
                written.append(piece)
            elif not options.json:
                print(visible(piece), end="", flush=True)
        if not options.json:
            print()
    if options.json:
        print(json.dumps({"prompt": options.prompt, "completions": [dataclasses.asdict(one) for one in written]}))
    return 0


def chat(options: Namespace) -> int:
    """`bakeoff chat`: a conversation in the terminal."""
    from harness.chat import Chatbot, talk

    _at_least("--max-new-tokens", options.max_new_tokens, 1)
    fit = _fit(options)
    talk(Chatbot(fit.model, fit.tokenizer, _strategy(options), options.max_new_tokens, options.seed))
    return 0


def export_arpa(options: Namespace) -> int:
    """`bakeoff arpa`: a run's n-grams as an ARPA file."""
    from harness.arpa import export

    export(_fit(options), Path(options.file))
    print(f"written: {options.file}")
    return 0


def fetch(options: Namespace) -> int:
    """`bakeoff fetch`: the plays, once."""
    from harness.text.shakespeare import fetch_shakespeare

    print(f"the plays are in {fetch_shakespeare()}")
    return 0


COMMANDS = {
    "run": run,
    "compare": compare,
    "report": report,
    "list": list_,
    "score": score,
    "complete": complete,
    "chat": chat,
    "arpa": export_arpa,
    "fetch": fetch,
}


def _run_one(composed: dict[str, Any]) -> int:
    from harness import config
    from harness.run import run as do

    record = do(config.typed(composed))
    print(f"{record.run_id}: {record.status}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    return 0 if record.status == "complete" else 1


def _sweep(overrides: list[str]) -> int:
    from harness import config, sweep

    statuses: list[str] = []
    refused: list[UserError] = []

    def job(own: list[str]) -> None:
        from harness.run import run as do

        # after one refusal the rest of the sweep would only bury the message
        if refused:
            return
        try:
            statuses.append(do(config.typed(config.compose(own))).status)
        except UserError as error:
            refused.append(UserError(f"{error} (in {' '.join(own)})"))

    sweep.launch(overrides, job)
    if refused:
        raise refused[0]
    return 0 if all(status == "complete" for status in statuses) else 1


def _report(results: Path, out: Path | None) -> None:
    from harness.report import write_report

    made = write_report(results, out)
    print(made.table.to_string(index=False))
    for page in made.pages:
        print(f"report: {page}")


def _print_headlines(metrics: Any) -> None:
    for metric in metrics:
        if metric.slice == "all" and metric.value is not None:
            interval = "" if metric.ci_low is None else f"  [{metric.ci_low:.4g}, {metric.ci_high:.4g}]"
            print(
                f"  {metric.eval:<12} {metric.metric:<24} {metric.value:10.4f} {metric.unit}{interval}  "
                f"n={metric.n}/{metric.n_total}"
            )


def _fit(options: Namespace) -> Fit:
    from harness.fits import load_fit, pick_device
    from harness.record import RunRecord
    from harness.runs import find_run

    folder = find_run(options.run, Path(options.results))
    record = RunRecord.read(folder)
    return load_fit(folder.parent.parent / "fits" / record.fit_id, pick_device("auto"))


def _strategy(options: Namespace) -> DecodingStrategy:
    from harness import config
    from harness.decoding import DecodingStrategy
    from harness.runs import find_run
    from harness.settings import build

    if options.decoding is None:
        saved = config.from_saved(find_run(options.run, Path(options.results)) / "config.yaml")
        return build(saved["decoding"], DecodingStrategy, "decoding")
    return build(config.compose([f"decoding={options.decoding}"])["decoding"], DecodingStrategy, "decoding")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"{name} {value} is not allowed: it must be {least} or more.")
