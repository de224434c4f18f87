"""Command that plans a comparison: power."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import Command, add_results, real_number, whole_number
from harness.common.errors import UserError
from harness.common.terminal import announce_loading, say, say_table

if TYPE_CHECKING:
    from harness.statistics.power import PairDesign

_SEEDS = (3, 5, 10, 20)
_MORE_TEXT = (1, 2, 4)


def _power_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="*", default=[], metavar="WHAT", help="runs or experiments with the spreads to expect"
    )
    parser.add_argument("--measure", metavar="NAME", help="a measure, as exact_match (default: bits per byte)")
    parser.add_argument("--models", nargs=2, metavar="MODEL", help="two models (default: the median of all pairs)")
    parser.add_argument(
        "--difference", type=real_number(), metavar="D", help="how many seeds does it take to tell so much apart?"
    )
    parser.add_argument(
        "--power", type=real_number(1), default=0.8, metavar="P", help="how often it is to be found (default: 0.8)"
    )
    parser.add_argument(
        "--comparisons",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="of how many that are tested, each at 0.05 / N (default: 1)",
    )
    stated = parser.add_argument_group("without runs, the spreads are stated, in the measure's unit (a share: 0 to 1)")
    stated.add_argument(
        "--clusters", type=whole_number(5), metavar="K", help="independent groups of test samples, as documents"
    )
    stated.add_argument(
        "--sd-clusters", type=real_number(), metavar="SD", help="of the models' difference, from cluster to cluster"
    )
    stated.add_argument(
        "--sd-seeds",
        type=real_number(),
        metavar="SD",
        help="of the measure, from seed to seed of a model (left out: no model depends on its seed)",
    )
    add_results(parser)


def power(arguments: Namespace) -> int:
    """`bakeoff power`: what can be told apart with how many seeds and how much test text."""
    stated = {"--clusters": arguments.clusters, "--sd-clusters": arguments.sd_clusters}
    missing = [name for name, value in stated.items() if value is None]
    if len(missing) == 1:
        raise UserError(f"{missing[0]} is missing: --clusters and --sd-clusters are stated together, as {_EXAMPLE}.")
    if not missing and (arguments.what or arguments.measure or arguments.models):
        raise UserError(
            "Spreads come from runs or are stated, not both: leave out WHAT, --measure and --models, or --clusters "
            "and --sd-clusters."
        )
    if missing and arguments.sd_seeds is not None:
        raise UserError(f"--sd-seeds goes with --clusters and --sd-clusters, as {_EXAMPLE}.")
    from harness.common.numerals import number, sign
    from harness.statistics.power import PairDesign

    if missing:
        design, about, unit = _of_runs(arguments)
    else:
        varying = 2 if arguments.sd_seeds else 0
        design = PairDesign(
            arguments.clusters, _SEEDS[0], arguments.sd_clusters, arguments.sd_seeds or 0.0, 0.0, varying
        )
        about, unit = "as stated", ""
    design = replace(design, level=0.05 / arguments.comparisons)
    of_seeds = f"a model by {number(design.sd_seeds, unit)}{sign(unit)} from seed to seed"
    say(
        f"{design.num_clusters:,} test clusters; a difference varies by {number(design.sd_clusters, unit)}{sign(unit)} "
        f"from cluster to cluster, {of_seeds if design.num_varying else 'and no model depends on its seed'} ({about})."
    )
    _say_detectable(design, unit, arguments)
    if arguments.difference is not None:
        _say_seeds(design, unit, arguments)
    return 0


def _of_runs(arguments: Namespace) -> tuple[PairDesign, str, str]:
    """The design, where it is from, and the measure's unit."""
    from harness.cli.results import reported

    folders = [reported(name, Path(arguments.results)) for name in arguments.what] or [Path(arguments.results)]
    announce_loading("pandas")
    from harness.report.power import typical_pair
    from harness.report.results import load

    [results] = load(*folders, whole=True)
    typical = typical_pair(results, arguments.measure, arguments.models)
    whose = "of these two" if arguments.models else f"the medians of {typical.num_pairs} pairs"
    return typical.design, f"{typical.measure.name}, {whose}", typical.measure.unit


def _say_detectable(design: PairDesign, unit: str, arguments: Namespace) -> None:
    from harness.common.numerals import number, sign
    from harness.statistics.power import detectable

    seeds = _SEEDS if design.num_varying else (design.num_seeds,)
    counts = [design.num_clusters * factor for factor in _MORE_TEXT]
    rows = [
        [
            str(num_seeds) if design.num_varying else "any",
            *(
                number(detectable(replace(design, num_seeds=num_seeds, num_clusters=count), arguments.power), unit)
                + sign(unit)
                for count in counts
            ),
        ]
        for num_seeds in seeds
    ]
    say(
        f"The smallest difference that is significant with {arguments.power:.0%} power{_among(arguments)}:".replace(
            "%", " %"
        )
    )
    names = ["seeds a model", *(f"{count:,} clusters" for count in counts)]
    say_table(names, rows, right=names)


def _say_seeds(design: PairDesign, unit: str, arguments: Namespace) -> None:
    from harness.common.numerals import number, sign
    from harness.statistics.power import MOST_SEEDS, power_of, seeds_needed

    wanted = f"{number(arguments.difference, unit)}{sign(unit)}"
    for factor in _MORE_TEXT:
        more = replace(design, num_clusters=design.num_clusters * factor)
        needed = seeds_needed(more, arguments.difference, arguments.power)
        most = MOST_SEEDS if design.num_varying else 1
        reached = f"{100 * power_of(replace(more, num_seeds=most), arguments.difference):.0f} % power"
        if not design.num_varying:
            enough = f"one fit of each has {reached}"
        elif needed is None:
            enough = f"no number of seeds is enough ({reached} with {most:,})"
        else:
            enough = f"{needed} seeds a model"
        say(f"To tell {wanted} apart with {more.num_clusters:,} clusters: {enough}.")


def _among(arguments: Namespace) -> str:
    count = int(arguments.comparisons)
    return f", as one of {count:,} comparisons" if count > 1 else ", as the only comparison"


_EXAMPLE = "in: bakeoff power --clusters 60 --sd-clusters 0.08 --sd-seeds 0.02"

COMMANDS = (
    Command(
        "power",
        "what difference can be told apart with how many seeds and how much test text",
        _power_arguments,
        power,
    ),
)
