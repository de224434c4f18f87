"""Commands about ratings: rate, ratings."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import RUN_HELP, Command, add_plugins, add_results, whole_number
from harness.common.errors import UserError
from harness.common.options import LARGEST
from harness.common.plurals import many
from harness.common.results_folder import ResultsFolder
from harness.common.terminal import announce_loading, say, say_json, say_table, warn

if TYPE_CHECKING:
    from harness.ratings.agreement import Agreement
    from harness.ratings.bank import Bank
    from harness.runs.pairs_to_rate import Writers
    from harness.statistics.estimate import Estimate

_SIMULATED = "simulated"


def _rate_arguments(parser: ArgumentParser) -> None:
    add_plugins(parser)
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help=f"{RUN_HELP}; of several, two that are drawn write a pair"
    )
    parser.add_argument("--bank", required=True, metavar="NAME", help="where ratings are kept: RESULTS/ratings/NAME")
    parser.add_argument(
        "--pairs", type=whole_number(1), default=50, metavar="N", help="ratings to make now (default: 50)"
    )
    parser.add_argument(
        "--rater",
        type=_rater,
        default="person",
        metavar="NAME",
        help="who rates (default: person); simulated: a program with known noise, for a new bank",
    )
    parser.add_argument(
        "--max-new-tokens", type=whole_number(1), default=128, metavar="N", help="most tokens of a reply (default: 128)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0, LARGEST), default=0, metavar="N", help="seed of prompts and replies (default: 0)"
    )
    add_results(parser)


def _rater(text: str) -> str:
    from harness.ratings.questions import rater_name

    try:
        return rater_name(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def rate(arguments: Namespace) -> int:
    """`bakeoff rate`: a person says which of two replies is better, again and again."""
    from harness.ratings.asking import Session
    from harness.ratings.bank import Bank
    from harness.runs.lookup import find_run

    results = Path(arguments.results)
    bank = Bank(ResultsFolder(results).bank(arguments.bank))
    runs = [find_run(name, results) for name in arguments.runs]
    if arguments.rater == _SIMULATED and bank.exists:
        raise UserError(
            f"{bank.folder} has ratings, and a simulated rater makes a whole bank of its own. Name a new one with "
            "--bank."
        )
    announce_loading()
    from harness.runs.pairs_to_rate import Writers

    writers = Writers.of(runs, arguments.max_new_tokens, arguments.seed)
    if arguments.rater == _SIMULATED:
        return _simulate(bank, writers, arguments.pairs)
    Session(bank, arguments.rater, writers.pairs, arguments.pairs, arguments.seed).run()
    return 0


def _simulate(bank: Bank, writers: Writers, number: int) -> int:
    from harness.config.identity import identity
    from harness.ratings.gold import GoldUtility
    from harness.ratings.simulated import RaterOptions, rated

    options = RaterOptions()
    gold = GoldUtility.of(document.text for document in writers.corpus.train)
    ratings, known = rated(writers.pairs(number), gold, options, writers.seed)
    bank.write(ratings, known, {"rater": identity(options), "writers": [fit.id for fit in writers.fits]})
    say(f"{many(len(ratings), 'rating')} written to {bank.path}")
    return 0


def _ratings_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "bank", nargs="?", metavar="BANK", help="the name of a bank, as in RESULTS/ratings/BANK; left out: list them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    add_results(parser)


def ratings(arguments: Namespace) -> int:
    """`bakeoff ratings`: what a bank says of its raters, and of who wrote the replies; or which banks there are."""
    from harness.ratings.agreement import agreement, agreement_rows
    from harness.ratings.bank import Bank

    results = Path(arguments.results)
    if arguments.bank is None:
        return _list_banks(ResultsFolder(results), arguments.json)
    summary = agreement(Bank(ResultsFolder(results).bank(arguments.bank)).ratings())
    if arguments.json:
        say_json(_as_json(summary))
        return 0
    rows = agreement_rows(summary, _runs_of_fits(results) if summary.writers else {})
    say_table(("measure", "value", "95 % interval", "ratings"), rows, right=("value", "ratings"))
    return 0


def _list_banks(results: ResultsFolder, as_json: bool) -> int:
    from harness.ratings.bank import banks_in

    banks: list[dict[str, Any]] = []
    for bank in banks_in(results):
        raters: list[str] = []
        try:
            ratings = bank.ratings()
            raters, state = sorted({rating.rater for rating in ratings}), f"{len(ratings):,}"
        except UserError as error:
            warn(f"bakeoff: {error}")
            state = "damaged or empty"
        made_by = "a program" if bank.is_made_by_a_program else "people"
        banks.append({"bank": bank.name, "ratings": state, "raters": raters, "made by": made_by})
    if as_json:
        say_json(banks)
    elif banks:
        rows = [(bank["bank"], bank["ratings"], ", ".join(bank["raters"]), bank["made by"]) for bank in banks]
        say_table(tuple(banks[0]), rows, right=("ratings",))
    else:
        say(f"no banks in {results.ratings}. `bakeoff rate RUN --bank NAME` makes one.")
    return 0


def _runs_of_fits(results: Path) -> dict[str, str]:
    """By the id of each fit, one of its runs."""
    from harness.runs.index import Index

    index = Index(results)
    index.refresh(at_once=True)
    return {entry.fit_id: entry.id for entry in index.entries()}


def _as_json(summary: Agreement) -> dict[str, Any]:
    def plain(of: Estimate) -> dict[str, Any]:
        return {"value": of.value, "low": of.ci_low, "high": of.ci_high, "n": of.n}

    return {
        "raters": dict(summary.raters),
        "ties": summary.num_ties,
        "skipped": summary.num_skips,
        "conversations": summary.num_clusters,
        "self_agreement": plain(summary.self_agreement),
        "first_chosen": plain(summary.first_chosen),
        "longer_wins": plain(summary.longer_wins),
        "kappas": [
            {"raters": list(both), "kappa": kappa, "n": number} for both, (kappa, number) in summary.kappas.items()
        ],
        "writers": {name: plain(estimate) for name, estimate in summary.writers.items()},
    }


COMMANDS = (
    Command(
        "rate",
        "say which of two replies by fitted models is better; every answer is kept",
        _rate_arguments,
        rate,
        handles_interrupts=True,
    ),
    Command("ratings", "how raters agree in a bank, and who wrote the better replies", _ratings_arguments, ratings),
)
