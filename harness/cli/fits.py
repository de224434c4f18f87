"""Commands that use one run's fit: score, complete, chat, lm-eval, export, arpa."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import logging
import math
import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import RUN_HELP, Command, add_decoding, add_plugins, add_results, add_run, one_of, whole_number
from harness.common.errors import UserError
from harness.common.escapes import unescaped
from harness.common.files import target_file, target_folder, write_bytes
from harness.common.terminal import announce_loading, say, say_json, say_table, show

if TYPE_CHECKING:
    from harness.completion.engine import DecodingStrategy, Engine
    from harness.text.transcript_format import TranscriptFormat
    from harness.training.fits import Fit

log = logging.getLogger("bakeoff")

_ARPA_SUFFIX = ".arpa"
_NUM_CANDIDATES = 8


def _score_arguments(parser: ArgumentParser) -> None:
    add_run(parser, ", or an .arpa file from any toolkit")
    parser.add_argument("files", nargs="+", metavar="FILE", help="text files in UTF-8; - for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--per-token", action="store_true", help="print every token with its log-probability")


def score(arguments: Namespace) -> int:
    """`bakeoff score`: the likelihood of any text under a fitted model."""
    from harness.cli.score_files import read_files, score_texts

    if arguments.run.endswith(_ARPA_SUFFIX):
        if arguments.per_token:
            raise UserError("--per-token works only with a run, not with an .arpa file. Leave it out.")
        if not Path(arguments.run).is_file():
            raise UserError(
                f"{arguments.run} cannot be read: there is no such file. Name an .arpa file that exists, or a run: "
                "`bakeoff list runs` shows them."
            )
        texts = read_files(arguments.files)
        from harness.cli import arpa

        scored = arpa.score_texts(Path(arguments.run), texts)
    else:
        folder = _fit_folder(arguments)
        texts = read_files(arguments.files)
        scored = score_texts(_loaded(folder), texts, per_token=arguments.per_token)
    if arguments.json:
        say_json(scored)
        return 0
    from harness.cli.score_files import remarks

    numbers = ("bytes", "tokens", "nats", "bits/byte", "byte perplexity", "token perplexity")
    rows = [
        (
            row["file"],
            f"{row['num_bytes']:,}",
            f"{row['num_tokens']:,}",
            "-" if row["nats"] is None else f"{row['nats']:,.3f}",
            *(
                "-" if row[name] is None else f"{row[name]:.4f}"
                for name in ("bits_per_byte", "byte_perplexity", "token_perplexity")
            ),
        )
        for row in [*scored["files"], scored["total"]]
    ]
    say_table(("file", *numbers), rows, right=numbers)
    if unknown := scored["total"].get("unknown_words"):
        say(f"{unknown:,} words are not in {arguments.run}: texts with such words have no bits per byte.")
    for remark in remarks(scored["files"]):
        say(remark)
    for row in scored["files"]:
        for token in row.get("tokens", ()):
            logprob = -math.inf if token["logprob"] is None else token["logprob"]
            say(f"{logprob:10.4f}  {json.dumps(token['text'], ensure_ascii=False)}")
    return 0


def _complete_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("prompt", metavar="PROMPT", help="the text to continue (\\n is a line break)")
    add_decoding(parser)
    parser.add_argument(
        "--max-new-tokens", type=whole_number(0), default=200, metavar="N", help="most tokens to write (default: 200)"
    )
    parser.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help="stop before this text (\\n is a line break); may be repeated",
    )
    parser.add_argument(
        "--samples", type=whole_number(1), default=1, metavar="N", help="number of completions (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show for each token: the likeliest candidates, what each transform kept of them, and which was picked",
    )
    parser.add_argument(
        "--candidates",
        type=whole_number(1),
        metavar="N",
        help=f"tokens that --explain shows at each step (default: {_NUM_CANDIDATES})",
    )
    parser.add_argument("--html", metavar="FILE", help="with --explain: write a coloured page instead of tables")


def complete(arguments: Namespace) -> int:
    """`bakeoff complete`: a fitted model's completion of a prompt."""
    if not arguments.prompt:
        raise UserError(
            "the prompt is empty. Give some text, as in: bakeoff complete RUN 'ROMEO:'. "
            "(The report's showcase has completions from the start of a document.)"
        )
    if "" in arguments.stop:
        raise UserError(
            "--stop '' is not allowed: an empty stop text would stop at once. Leave it out to write --max-new-tokens "
            "tokens."
        )
    if arguments.html is not None and not arguments.explain:
        raise UserError("--html works only with --explain, as the file that its page is written to. Add --explain.")
    if arguments.candidates is not None and not arguments.explain:
        raise UserError("--candidates works only with --explain, whose tables have so many tokens. Add --explain.")
    for name, text in (("PROMPT", arguments.prompt), *(("--stop", text) for text in arguments.stop)):
        _refuse_undecodable(name, text)
    page = None if arguments.html is None else target_file(arguments.html, "explained.html")
    engine = _engine(arguments)
    from harness.common.seeds import seed_of
    from harness.completion.sequence import Completion, Prompt

    text = unescaped(arguments.prompt)

    if arguments.explain:
        return _explain(engine, arguments, text, page)
    stop = tuple(map(unescaped, arguments.stop))
    completions = []
    for number in range(arguments.samples):
        prompt = Prompt(
            text,
            arguments.max_new_tokens,
            stop,
            seed_of(arguments.seed, "complete", number),
        )
        pieces = engine.stream(prompt)
        first = next(pieces)  # a prompt that can't be continued is refused before anything is printed
        if not arguments.json:
            if arguments.samples > 1:
                say(f"--- sample {number} ---")
            say(text, end="", flush=True)
        for piece in itertools.chain([first], pieces):
            if isinstance(piece, Completion):
                completions.append(piece)
            elif not arguments.json:
                say(piece, end="", flush=True)
        if not arguments.json:
            say()
    if arguments.json:
        say_json({"prompt": text, "completions": [dataclasses.asdict(completion) for completion in completions]})
    return 0


def _refuse_undecodable(name: str, text: str) -> None:
    """UserError for a word of the command line that wasn't valid UTF-8: Python keeps such bytes as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = os.fsencode(text[error.start])[0]
        raise UserError(
            f"{name} is not UTF-8: its character {error.start} is the byte 0x{byte:02x}. Convert it first, as with "
            "iconv -t utf-8."
        ) from None


def _explain(engine: Engine, arguments: Namespace, text: str, file: Path | None) -> int:
    from harness.common.seeds import seed_of
    from harness.completion.explaining.steps import explain
    from harness.completion.sequence import Prompt

    if arguments.samples > 1 or arguments.json:
        raise UserError("--explain shows one completion, as tables or with --html. Leave --samples and --json out.")
    seed = seed_of(arguments.seed, "complete", 0)
    prompt = Prompt(text, arguments.max_new_tokens, tuple(map(unescaped, arguments.stop)), seed)
    explanation = explain(engine, prompt, arguments.candidates or _NUM_CANDIDATES)
    say(text + explanation.completion.text)
    if file is None:
        from harness.completion.explaining.table import tables

        for table in tables(explanation):
            show(table)
    else:
        from harness.completion.explaining.page import page

        write_bytes(file, page(explanation, f"What {arguments.run} wrote, and why").encode())
        say(f"written: {arguments.html}")
    return 0


def _chat_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_decoding(parser)
    parser.add_argument(
        "--max-new-tokens",
        type=whole_number(1),
        metavar="N",
        help="length limit of each reply (default: 300, or half of the model's window if that is less)",
    )
    parser.add_argument(
        "--system", default="", metavar="TEXT", help="a system turn at the beginning (\\n is a line break)"
    )
    parser.add_argument(
        "--as", dest="person", default="Human", metavar="NAME", help="who you are, as HAMLET (default: Human)"
    )
    parser.add_argument(
        "--with", dest="partner", default="Assistant", metavar="NAME", help="who answers (default: Assistant)"
    )
    parser.add_argument(
        "--no-stop", action="store_true", help="don't stop after the model's turn: it writes your turns too"
    )
    parser.add_argument(
        "--guard", metavar="DIR", help="refuse lines of yours, and replies, that a guard refuses (`bakeoff guard`)"
    )


def chat(arguments: Namespace) -> int:
    """`bakeoff chat`: a conversation in the terminal."""
    _run(arguments)  # refuse a wrong name before heavy imports
    from harness.chat.chatbot import Chatbot
    from harness.chat.terminal import Talk
    from harness.runs.engines import conversation_format, guarded, strategy_named

    _refuse_undecodable("--system", arguments.system)
    if arguments.guard is not None and arguments.no_stop:
        raise UserError("--guard judges replies, and with --no-stop there are none that end. Leave one of them out.")

    def model_named(name: str, speakers: tuple[str, str]) -> tuple[str, Engine, TranscriptFormat]:
        named = Namespace(**{**vars(arguments), "run": name})
        run = _run(named)
        form = conversation_format(run, speakers, named.decoding is None)  # before torch is imported
        return run.name, _engine(named), form

    def behind_the_guard(name: str) -> DecodingStrategy:
        return guarded(strategy_named(name), arguments.guard)

    _, engine, form = model_named(arguments.run, (arguments.person, arguments.partner))
    from harness.completion.guard.guard import load_guard

    chatbot = Chatbot(
        engine,
        form,
        person=arguments.person,
        partner=arguments.partner,
        system=unescaped(arguments.system),
        max_new_tokens=arguments.max_new_tokens,
        stops=not arguments.no_stop,
        seed=arguments.seed,
        guard=None if arguments.guard is None else load_guard(arguments.guard),
    )
    Talk(chatbot, behind_the_guard, model_named).run()
    return 0


def _lm_eval_arguments(parser: ArgumentParser) -> None:
    add_plugins(parser)
    parser.usage = "bakeoff lm-eval RUN --tasks A,B [--include-path DIR] [--limit N] [any other flag of `lm_eval run`]"
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    add_results(parser)
    parser.add_argument(
        "--print-include-path",
        action="store_true",
        help="print the folder of bakeoff's own tasks (for lm_eval's --include_path with any model), and exit",
    )


def lm_eval(arguments: Namespace) -> int:
    """`bakeoff lm-eval`: run lm_eval's command on a run."""
    from harness.lm_eval import TASKS_FOLDER, prepare
    from harness.lm_eval.flags import check_flags

    if arguments.print_include_path:
        say(str(TASKS_FOLDER))
        return 0
    if arguments.run is None:
        raise UserError(
            "lm-eval needs the name of a run, as in: bakeoff lm-eval lstm-top_p --tasks bakeoff_arithmetic."
        )
    run = _run(arguments)
    check_flags(arguments.rest)
    prepare()
    log.info("loading lm_eval and the list of its tasks; this takes some seconds")
    from harness.lm_eval.command import evaluate

    evaluate(run, arguments.rest)
    return 0


def _arpa_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("file", metavar="FILE", help="the file to write, as lm.arpa")


def export_arpa(arguments: Namespace) -> int:
    """`bakeoff arpa`: write a run's n-grams as an ARPA file."""
    file = target_file(arguments.file, "lm.arpa")
    folder = _fit_folder(arguments)
    from harness.cli.arpa import check_export, export
    from harness.training.fits import saved_model

    check_export(saved_model(folder)[0])
    export(_loaded(folder), file)
    say(f"written: {arguments.file}")
    return 0


def _export_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("folder", metavar="DIR", help="the folder to write, which must be new or empty")
    parser.add_argument(
        "--format",
        type=one_of(("program", "transformers")),
        default="program",
        metavar="NAME",
        help="program (the default): the weights and a short program that completes texts with them, which needs only "
        "numpy; transformers: a folder that AutoModelForCausalLM and AutoTokenizer load",
    )


def export(arguments: Namespace) -> int:
    """`bakeoff export`: a run's model as files for use elsewhere."""
    written = target_folder(arguments.folder)
    folder = _fit_folder(arguments)
    from harness.cli.exporting import PROGRAM_FILE, check_export, export_program, export_transformers

    check_export(folder, arguments.format)
    fit = _loaded(folder)
    if arguments.format == "transformers":
        export_transformers(fit, written)
        say(f"written: {arguments.folder}, for AutoModelForCausalLM.from_pretrained and AutoTokenizer.from_pretrained")
    else:
        export_program(fit, written)
        program = shlex.join(["python", str(Path(arguments.folder) / PROGRAM_FILE)])
        say(f"written: {arguments.folder}. Try: {program} 'To be' --max-new-tokens 100")
    return 0


def _fit_folder(arguments: Namespace) -> Path:
    """The folder of the fit of the run that `arguments.run` names."""
    from harness.runs.lookup import find_fit

    with _run_first(arguments):
        return find_fit(arguments.run, Path(arguments.results))


def _loaded(folder: Path) -> Fit:
    from harness.training.fits import load_fit, pick_device

    announce_loading()
    return load_fit(folder, pick_device("auto"))


def _engine(arguments: Namespace) -> Engine:
    """The completion engine of a run, with the strategy of --decoding, else the run's own; behind the guard, if any."""
    from harness.runs.engines import engine_of, guarded, own_strategy, strategy_named

    run = _run(arguments)
    strategy = own_strategy(run) if arguments.decoding is None else strategy_named(arguments.decoding)
    return engine_of(run, guarded(strategy, vars(arguments).get("guard")))


def _run(arguments: Namespace) -> Path:
    """The folder of the run that `arguments.run` names."""
    from harness.runs.lookup import find_run

    with _run_first(arguments):
        return find_run(arguments.run, Path(arguments.results))


@contextlib.contextmanager
def _run_first(arguments: Namespace) -> Iterator[None]:
    """Where the first argument names no run but a later one does, add the right order to the UserError."""
    from harness.runs.lookup import is_named

    try:
        yield
    except UserError as error:
        results, first = Path(arguments.results), arguments.run
        later = [*vars(arguments).get("files", ()), *arguments.rest]
        later += [value for name in ("prompt", "file", "folder") if (value := vars(arguments).get(name))]
        if is_named(first, results) or not (runs := [word for word in later if is_named(word, results)]):
            raise
        words = shlex.join([runs[0], *(first if word == runs[0] else word for word in later)])
        raise UserError(f"{error} The run comes first: bakeoff {arguments.command} {words}.") from None


COMMANDS = (
    Command("score", "log-likelihood, bits per byte and perplexity of any text", _score_arguments, score),
    Command("complete", "let a fitted model continue a prompt", _complete_arguments, complete),
    Command("chat", "talk with a fitted model", _chat_arguments, chat, handles_interrupts=True),
    Command(
        "lm-eval",
        "evaluate a fitted model on tasks of lm-evaluation-harness, with its own command",
        _lm_eval_arguments,
        lm_eval,
        passes_on=True,
    ),
    Command("export", "write a run's model as two files, or for the library transformers", _export_arguments, export),
    Command("arpa", "write a run's n-grams as an ARPA file, which SRILM and KenLM read", _arpa_arguments, export_arpa),
)
