"""Commands that put one run's fit to use: score, complete, chat, lm-eval, arpa."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError

if TYPE_CHECKING:
    from harness.completion.engine import DecodingStrategy, Engine
    from harness.training.fits import Fit


def score(options: Namespace) -> int:
    """`bakeoff score`: how likely a fitted model finds any text."""
    from harness.cli import arpa
    from harness.cli import score_files as describing

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

    from harness.text.visible import visible

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

    from harness.common.seeds import seed_of
    from harness.completion.sequence import Completion, Prompt
    from harness.text.visible import visible

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
        for piece in engine.stream(prompt):
            if isinstance(piece, Completion):
                written.append(piece)
            elif not options.json:
                print(visible(piece), end="", flush=True)
        if not options.json:
            print()
    if options.json:
        print(json.dumps({"prompt": options.prompt, "completions": [dataclasses.asdict(one) for one in written]}))
    return 0


def _explain(engine: Engine, options: Namespace) -> int:
    from harness.common.files import write_bytes
    from harness.common.seeds import seed_of
    from harness.completion.explaining.steps import explain
    from harness.completion.sequence import Prompt

    _at_least("--candidates", options.candidates, 1)
    if options.samples > 1 or options.json:
        raise UserError("--explain explains one completion, in tables or with --html. Leave --samples and --json out.")
    seed = seed_of(options.seed, "complete", 0)
    prompt = Prompt(options.prompt, options.max_new_tokens, tuple(options.stop), seed)
    explanation = explain(engine, prompt, options.candidates)
    if options.html is None:
        from rich.console import Console

        from harness.completion.explaining.table import tables

        console = Console()
        for table in tables(explanation):
            console.print(table)
    else:
        from harness.completion.explaining.page import page

        write_bytes(Path(options.html), page(explanation, f"What {options.run} wrote, and why").encode())
        print(f"written: {options.html}")
    return 0


def chat(options: Namespace) -> int:
    """`bakeoff chat`: a conversation in the terminal."""
    from harness.chat.chatbot import Chatbot
    from harness.chat.terminal import Talk
    from harness.config.settings import build
    from harness.text.data.corpus import DataSource
    from harness.text.transcript_format import chat_format

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
    from harness.cli.arpa import export

    export(_fit(options), Path(options.file))
    print(f"written: {options.file}")
    return 0


def _fit(options: Namespace) -> Fit:
    from harness.runs.loading import fit_of_run
    from harness.training.fits import pick_device

    return fit_of_run(options.run, Path(options.results), pick_device("auto"))


def _engine(options: Namespace) -> Engine:
    """The completion engine of a run, decoding by the strategy that is asked for, else by the run's own."""
    from harness.completion.engine import Engine
    from harness.runs.loading import model_finder
    from harness.training.fits import pick_device

    fit = _fit(options)
    strategy = _own_strategy(options) if options.decoding is None else _strategy_named(options.decoding)
    find_model = model_finder(Path(options.results), pick_device("auto"))
    return Engine(fit.model, fit.tokenizer, strategy, find_model=find_model)


def _own_strategy(options: Namespace) -> DecodingStrategy:
    from harness.completion.engine import DecodingStrategy
    from harness.config.settings import build

    return build(_saved(options, "decoding"), DecodingStrategy, "decoding")


def _strategy_named(asked: str) -> DecodingStrategy:
    """The strategy of 'top_p', '[repetition_penalty,top_p]' or 'top_p decoding.transforms.top_p.p=0.8'."""
    from harness.completion.engine import DecodingStrategy
    from harness.config import compose as config
    from harness.config.options import options as names
    from harness.config.settings import build

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
    from harness.config import compose as config
    from harness.runs.lookup import find_run

    found: dict[str, Any] = config.from_saved(find_run(options.run, Path(options.results)) / "config.yaml", (part,))[
        part
    ]
    return found


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"{name} {value} is not allowed: it must be {least} or more.")
