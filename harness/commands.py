"""What each command of `bakeoff` does. Every function takes the parsed options and returns an exit status.

Imports stand inside the functions: a usage error must answer before torch is loaded.
"""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.completion import Engine
    from harness.decoding.strategy import DecodingStrategy
    from harness.fits import Fit
    from harness.record import RunRecord

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
        return _sweep(options.overrides, options.plugin)
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
        from harness.options import option
        from harness.options import options as names

        group = {"data": "data", "evals": "evals"}.get(options.what, options.what.removesuffix("s"))
        for column in (f"{group}=", "what it is", "from"):
            table.add_column(column, overflow="fold")
        for name in names(group):
            found = option(group, name)
            table.add_row(name, found.about, found.source)
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
    if options.html is not None and not options.explain:
        raise UserError("--html is for --explain: it names the page to write. Add --explain.")
    engine = _engine(options)
    if options.explain:
        return _explain(engine, options)
    written = []
    for number in range(options.samples):
        prompt = Prompt(
            options.prompt, options.max_new_tokens, tuple(options.stop), seed_of(options.seed, "complete", number)
        )
        if not options.json:
            if options.samples > 1:
                print(f"--- sample {number} ---")
            print(visible(options.prompt), end="", flush=True)
        for piece in stream(engine, prompt):
            if isinstance(piece, Completion):
                written.append(piece)
            elif not options.json:
                print(visible(piece), end="", flush=True)
        if not options.json:
            print()
    if options.json:
        print(json.dumps({"prompt": options.prompt, "completions": [dataclasses.asdict(one) for one in written]}))
    return 0


def rescore(options: Namespace) -> int:
    """`bakeoff rescore`: score a run's stored answers again."""
    from harness.rescoring import rescore as do
    from harness.runs import find_run

    record = do(find_run(options.run, Path(options.results)))
    return _told(record)


def chat(options: Namespace) -> int:
    """`bakeoff chat`: a conversation in the terminal."""
    from harness.chat import Chatbot
    from harness.settings import build
    from harness.talking import Talk
    from harness.text.corpus import DataSource
    from harness.text.transcript import chat_format

    if options.max_new_tokens is not None:
        _at_least("--max-new-tokens", options.max_new_tokens, 1)
    data = build(_saved(options, "data"), DataSource, "data")  # type: ignore[type-abstract]
    chatbot = Chatbot(
        _engine(options),
        chat_format(data.formats, (options.person, options.partner)),
        person=options.person,
        partner=options.partner,
        system=options.system,
        max_new_tokens=options.max_new_tokens,
        stops=not options.no_stop,
        seed=options.seed,
    )
    Talk(chatbot, _strategy_named).run()
    return 0


def lm_eval(options: Namespace) -> int:
    """`bakeoff lm-eval`: lm_eval's own command on a run."""
    from harness.lm_eval import TASKS_FOLDER, prepare

    if options.print_include_path:
        print(TASKS_FOLDER)
        return 0
    if options.run is None:
        raise UserError("lm-eval needs a RUN, as in: bakeoff lm-eval lstm-top_p --tasks bakeoff_arithmetic.")
    prepare()
    from harness.lm_eval.command import evaluate

    evaluate(options.run, Path(options.results), options.rest)
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


def new(options: Namespace) -> int:
    """`bakeoff new`: a plugin to start from."""
    from harness.options import quoted
    from harness.starting import GROUPS, start

    paths = start(options.kind, options.name, Path(options.folder))
    for path in paths:
        print(f"written: {path}")
    group, file = GROUPS[options.kind], f"{'' if paths[0].is_absolute() else './'}{paths[0]}"
    pick = f"{group}=[perplexity,{quoted(file)}]" if group == "evals" else f"{group}={quoted(file)}"
    print(f'next: bakeoff check {options.kind} "{file}"')
    print(f'      bakeoff run "{pick}"')
    print(f'      python -m pytest "{paths[-1]}"')
    return 0


def check(options: Namespace) -> int:
    """`bakeoff check`: a contract, against an option or a file."""
    from harness.checking.outcome import Outcome, outcomes_of
    from harness.errors import PluginError

    made: list[Outcome] = []
    try:
        for outcome in outcomes_of(options.kind, options.name, options.overrides):
            made.append(outcome)
            print(outcome, flush=True)
    except PluginError as error:
        made.append(Outcome("it can be imported", "FAIL", str(error)))
        print(error.details, file=sys.stderr)
        print(made[-1])
    counts = Counter(outcome.verdict for outcome in made)
    print(f"{options.kind} {options.name}: {counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


COMMANDS = {
    "run": run,
    "compare": compare,
    "report": report,
    "list": list_,
    "score": score,
    "complete": complete,
    "rescore": rescore,
    "chat": chat,
    "lm-eval": lm_eval,
    "arpa": export_arpa,
    "new": new,
    "check": check,
    "fetch": fetch,
}


def _run_one(composed: dict[str, Any]) -> int:
    from harness import config
    from harness.run import run as do

    return _told(do(config.typed(composed)))


def _told(record: RunRecord) -> int:
    """Say what a run found; the exit status."""
    print(f"{record.run_id}: {record.status}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    return 0 if record.status == "complete" else 1


def _sweep(overrides: list[str], files: Sequence[str] = ()) -> int:
    """files: plugin files that the user named beside the overrides."""
    from harness import config, plugins, sweep

    statuses: list[str] = []
    refused: list[UserError] = []

    def job(own: list[str]) -> None:
        from harness.run import run as do

        # after one refusal the rest of the sweep would only bury the message
        if refused:
            return
        plugins.load(files)  # a launcher's job may run in a process that has not met them yet
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
    from harness.fits import fit_of_run, pick_device

    return fit_of_run(options.run, Path(options.results), pick_device("auto"))


def _engine(options: Namespace) -> Engine:
    """The completion engine of a run, decoding by the strategy that is asked for, else by the run's own."""
    from harness.completion import Engine
    from harness.fits import model_finder, pick_device

    fit = _fit(options)
    strategy = _own_strategy(options) if options.decoding is None else _strategy_named(options.decoding)
    find_model = model_finder(Path(options.results), pick_device("auto"))
    return Engine(fit.model, fit.tokenizer, strategy, find_model=find_model)


def _own_strategy(options: Namespace) -> DecodingStrategy:
    from harness.decoding.strategy import DecodingStrategy
    from harness.settings import build

    return build(_saved(options, "decoding"), DecodingStrategy, "decoding")


def _strategy_named(asked: str) -> DecodingStrategy:
    """The strategy of 'top_p', '[repetition_penalty,top_p]' or 'top_p decoding.transforms.top_p.p=0.8'."""
    from harness import config
    from harness.decoding.strategy import DecodingStrategy
    from harness.options import options as names
    from harness.settings import build

    words = asked.split()
    values = [word for word in words if "=" in word]
    name = "".join(word for word in words if "=" not in word)
    if not name:
        raise UserError(f"name a decoding strategy. Allowed: {', '.join(names('decoding'))}.")
    if foreign := [value for value in values if not value.startswith("decoding.")]:
        raise UserError(f"{foreign[0]} is no option of decoding. Write it as decoding.transforms.top_p.p=0.8.")
    return build(config.compose([f"decoding={name}", *values])["decoding"], DecodingStrategy, "decoding")


def _saved(options: Namespace, part: str) -> dict[str, Any]:
    """A part of the configuration that a run was made with."""
    from harness import config
    from harness.runs import find_run

    found: dict[str, Any] = config.from_saved(find_run(options.run, Path(options.results)) / "config.yaml", (part,))[
        part
    ]
    return found


def _explain(engine: Engine, options: Namespace) -> int:
    from harness.completion import Prompt, seed_of
    from harness.explaining.steps import explain
    from harness.record import write_bytes

    _at_least("--candidates", options.candidates, 1)
    if options.samples > 1 or options.json:
        raise UserError("--explain explains one completion, in tables or with --html. Leave --samples and --json out.")
    seed = seed_of(options.seed, "complete", 0)
    prompt = Prompt(options.prompt, options.max_new_tokens, tuple(options.stop), seed)
    explanation = explain(engine, prompt, options.candidates)
    if options.html is None:
        from rich.console import Console

        from harness.explaining.table import tables

        console = Console()
        for table in tables(explanation):
            console.print(table)
    else:
        from harness.explaining.page import page

        write_bytes(Path(options.html), page(explanation, f"What {options.run} wrote, and why").encode())
        print(f"written: {options.html}")
    return 0


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"{name} {value} is not allowed: it must be {least} or more.")
