"""The command `bakeoff`: reads the command line and hands over to `harness.cli`.

Exit status: 0 done; 1 the run or part of it failed (its record says what); 2 the user's input is wrong (one message, no
traceback). Heavy libraries are imported only by the commands that need them.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence

from harness.common.environment import check_packages
from harness.common.errors import PluginError, UserError

LISTABLE = ("models", "tokenizers", "data", "formats", "decodings", "evals", "experiments", "runs")

_EXAMPLES = """\
examples:
  bakeoff compare                                     every family on the same data and budget, then a report
  bakeoff run model=lstm decoding=top_p seed=1        one run
  bakeoff run -m model=ngram,lstm seed=0,1,2          a sweep
  bakeoff complete lstm-top_p "ROMEO:"                let a fitted model go on from a prompt
  bakeoff lm-eval lstm-top_p --tasks bakeoff_arithmetic   lm-evaluation-harness's tasks, and ours in its format
  bakeoff list models                                 what model= accepts
  bakeoff new eval my_eval                            an eval of your own, to start from
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(status_of(sys.argv[1:] if arguments is None else arguments))


def status_of(arguments: Sequence[str]) -> int:
    """Run the command line; its exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(_overrides_last(arguments))
    if rest and options.command != "lm-eval":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    log = logging.getLogger("bakeoff")
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    log.setLevel(logging.INFO)
    log.propagate = False
    # Nothing is looked for on a network at run time; the libraries read these when they load.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", os.environ["HF_HUB_OFFLINE"])
    # Threads that wait by spinning for long make small operations several times slower beside any other busy program;
    # threads that sleep at once make them twice as slow on an idle machine (results/LOG.md). Read when torch loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # The matrices of a compiled step are too small to be shared out among threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        check_packages()
        from harness.cli import COMMANDS

        if named := getattr(options, "plugin", ()):
            from harness.config.plugins import load

            load(named)
        return COMMANDS[options.command](options)
    except UserError as error:
        if isinstance(error, PluginError):
            print(error.details, file=sys.stderr)
        print(f"bakeoff: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbakeoff: interrupted. Nothing finished is lost; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
            raise
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"bakeoff: the system refused to write or read{where}: {error.strerror}. Nothing finished is lost. "
            "Free space or mend the permissions, or name another folder with results_dir=, then run "
            "the same command again.",
            file=sys.stderr,
        )
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bakeoff",
        description="Compare families of language models, trained from scratch, on equal terms.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", allow_abbrev=False)

    def overrides(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "overrides",
            nargs="*",
            type=_override,
            metavar="OVERRIDE",
            help="group=option or key=value, as model=lstm budget.tokens=1e6 seed=1",
        )

    def plugin(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--plugin",
            action="append",
            default=[],
            metavar="FILE",
            help="a Python file that a run was made with; may be given more than once",
        )

    def finished_run(made: argparse.ArgumentParser, or_else: str = "") -> None:
        plugin(made)
        made.add_argument("run", metavar="RUN", help=f"a run id, a unique prefix of one, or a run's folder{or_else}")
        made.add_argument(
            "--results", default="results", metavar="DIR", help="where runs are looked for (default: results)"
        )

    def decoding(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--decoding",
            metavar="NAME",
            help="a decoding strategy, several ('[repetition_penalty,top_p]'), or one with other values ('top_p "
            "decoding.transforms.top_p.p=0.8'); default: the run's own",
        )
        made.add_argument("--seed", type=int, default=0, help="of the random draws (default: 0)")

    made = command("compare", "every family on the same data and budget, all evals, then the report")
    overrides(made)

    made = command("run", "one run, or with -m a sweep over comma lists")
    made.add_argument(
        "-m", "--multirun", action="store_true", help="a sweep: one run for every combination of comma lists"
    )
    made.add_argument(
        "--config-from", metavar="RUN", help="take the configuration of an earlier run (its id or folder)"
    )
    plugin(made)
    overrides(made)

    made = command("report", "tables and plots from finished runs; never trains")
    made.add_argument(
        "results",
        nargs="?",
        default="results",
        metavar="RESULTS",
        help="a results, experiment or run folder (default: results)",
    )
    made.add_argument("--out", metavar="DIR", help="where the report is written (default: RESULTS/report)")

    made = command("list", "what can be picked, or what has been run")
    made.add_argument("what", choices=LISTABLE)
    made.add_argument(
        "--results", default="results", metavar="DIR", help="where runs are looked for (default: results)"
    )

    made = command("score", "log-likelihood, bits per byte and perplexity of any text")
    finished_run(made, ", or an .arpa file of any toolkit")
    made.add_argument("files", nargs="+", metavar="FILE", help="text files in UTF-8; - for standard input")
    made.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    made.add_argument("--per-token", action="store_true", help="every token with its log-probability")

    made = command("complete", "let a fitted model go on from a prompt")
    finished_run(made)
    made.add_argument("prompt", metavar="PROMPT", help="text to go on from")
    decoding(made)
    made.add_argument("--max-new-tokens", type=int, default=200, metavar="N", help="default: 200")
    made.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be given more than once"
    )
    made.add_argument("--samples", type=int, default=1, metavar="N", help="completions to write (default: 1)")
    made.add_argument("--json", action="store_true", help="one JSON object instead of text")
    made.add_argument(
        "--explain",
        action="store_true",
        help="of each token: what else might have been, what every transform left of it, what was picked",
    )
    made.add_argument(
        "--candidates", type=int, default=8, metavar="N", help="tokens that --explain shows at each step (default: 8)"
    )
    made.add_argument("--html", metavar="FILE", help="with --explain: a coloured page instead of tables")

    made = command("rescore", "score a run's stored answers again, without the model, after a scorer changed")
    finished_run(made)

    made = command("chat", "talk with a fitted model")
    finished_run(made)
    decoding(made)
    made.add_argument(
        "--max-new-tokens",
        type=int,
        metavar="N",
        help="of each reply (default: 300, or half of the model's window where that is less)",
    )
    made.add_argument("--system", default="", metavar="TEXT", help="a system turn at the beginning")
    made.add_argument(
        "--as", dest="person", default="Human", metavar="NAME", help="who you are, as HAMLET (default: Human)"
    )
    made.add_argument(
        "--with", dest="partner", default="Assistant", metavar="NAME", help="who answers (default: Assistant)"
    )
    made.add_argument(
        "--no-stop", action="store_true", help="let the model go on after its turn and write your lines too"
    )

    made = command("lm-eval", "ask a fitted model lm-evaluation-harness's tasks, by its own command")
    plugin(made)
    made.usage = "bakeoff lm-eval RUN --tasks A,B [--include-path DIR] [--limit N] [any other flag of `lm_eval run`]"
    made.add_argument("run", nargs="?", metavar="RUN", help="a run id, a unique prefix of one, or a run's folder")
    made.add_argument(
        "--results", default="results", metavar="DIR", help="where runs are looked for (default: results)"
    )
    made.add_argument(
        "--print-include-path",
        action="store_true",
        help="print the folder of bakeoff's own tasks, for lm_eval's --include_path with any model, and end",
    )

    made = command("arpa", "write a run's n-grams as an ARPA file, which SRILM and KenLM read")
    finished_run(made)
    made.add_argument("file", metavar="FILE", help="the file to write, as lm.arpa")

    made = command("new", "write an eval, a model or a decoding strategy to start from: code, options and test")
    made.add_argument("kind", choices=("eval", "model", "decoding"))
    made.add_argument("name", metavar="NAME", help="what to call it, as my_eval")
    made.add_argument("--folder", default=".", metavar="DIR", help="where it is written (default: here)")

    made = command("check", "hold an eval, a model or a decoding strategy to what every one of its kind keeps to")
    made.add_argument("kind", choices=("eval", "model", "decoding"))
    made.add_argument("name", metavar="NAME", help="an option's name, or a Python file")
    overrides(made)

    command("fetch", "download the plays for data=shakespeare into the cache (needs a network, once)")
    return parser


def _override(text: str) -> str:
    """An override whose value begins at the user's home, as model.path=~/gpt2: Hydra takes no bare ~."""
    key, equals, value = text.partition("=")
    return key + equals + (os.path.expanduser(value) if value.startswith("~/") else value)


def _overrides_last(arguments: Sequence[str]) -> list[str]:
    """`run` takes options and overrides in any order; argparse wants options together."""
    arguments = list(arguments)
    if not arguments or arguments[0] != "run":
        return arguments
    options: list[str] = []
    plain: list[str] = []
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in ("--config-from", "--plugin"):
            options += [argument, *([following] if (following := next(rest, None)) is not None else [])]
        else:
            (options if argument.startswith("-") else plain).append(argument)
    return ["run", *options, *plain]


if __name__ == "__main__":
    main()
