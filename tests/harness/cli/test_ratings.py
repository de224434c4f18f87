"""`bakeoff rate` and `bakeoff ratings`, as a user runs them: whole processes, with lines from a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.ratings.bank import Bank
from tests.commands import Fork, bakeoff
from tests.harness.ratings.made import rating

RUN = ("run", "model=ngram", "data=chatterbot", "tracking=none", "evals=[]", "budget.tokens=60000")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rate")
    bakeoff(made, *RUN)
    return made


def rate(folder: Path, keys: str, *options: str) -> str:
    typed = "".join(f"{key}\n" for key in keys).encode()
    done = Fork(folder, "rate", "ngram", "--bank", "mine", "--pairs", "12", *options, typed=typed).done()
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_person_rates_and_the_table_says_how(folder: Path) -> None:
    shown = rate(folder, "abtabababab")
    assert "Which reply is better?" in shown
    assert "11 answers added to" in shown
    assert len(Bank(folder / "results" / "ratings" / "mine").ratings()) == 11
    rate(folder, "aaq", "--rater", "bert")
    table = bakeoff(folder, "ratings", "mine").stdout
    for line in ("ratings by person", "ratings by bert", "same answer when asked again", "kappa of bert and person"):
        assert line in table
    told = json.loads(bakeoff(folder, "ratings", "mine", "--json").stdout)
    assert told["raters"] == {"person": 11, "bert": 2}
    assert told["self_agreement"]["n"] == 1


def test_a_simulated_rater_makes_a_whole_bank(folder: Path) -> None:
    options = ("rate", "ngram", "--bank", "simulated", "--pairs", "30", "--rater", "simulated")
    bakeoff(folder, *options)
    bank = Bank(folder / "results" / "ratings" / "simulated")
    assert len(bank.ratings()) == 30 == len(bank.gold())
    assert "makes a whole bank of its own" in bakeoff(folder, *options, status=2).stderr


def test_the_banks_that_are_there_are_listed(tmp_path: Path) -> None:
    assert "no banks in results/ratings. `bakeoff rate" in bakeoff(tmp_path, "ratings").stdout
    banks = tmp_path / "results" / "ratings"
    Bank(banks / "mine").add(rating(rater="anna"))
    Bank(banks / "made").write([rating(rater="simulated")], {}, {"writer": "a fit"})
    Bank(banks / "bad").add(rating())
    Bank(banks / "bad").path.write_text("nonsense\n")
    listed = bakeoff(tmp_path, "ratings")
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert ["made", "1", "simulated", "a", "program"] in lines
    assert ["mine", "1", "anna", "people"] in lines
    assert "bad/pairs.jsonl is no rating" in listed.stderr
    assert {bank["bank"] for bank in json.loads(bakeoff(tmp_path, "ratings", "--json").stdout)} == {
        "bad",
        "made",
        "mine",
    }


def test_wrong_names_are_told_of(folder: Path) -> None:
    assert "there are no ratings in" in bakeoff(folder, "ratings", "none", status=2).stderr
    assert "can't name a bank" in bakeoff(folder, "ratings", "../x", status=2).stderr
    assert "no run 'none'" in bakeoff(folder, "rate", "none", "--bank", "x", status=2).stderr
    assert "--rater" in bakeoff(folder, "rate", "ngram", "--bank", "x", "--rater", " ", status=2).stderr


def test_a_hostile_bank_can_t_control_the_terminal(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "results" / "ratings" / "bad")
    bank.add(rating(rater="\x1b[2J", writers=("\x1b]0;x", "y")))
    assert "\x1b" not in bakeoff(tmp_path, "ratings", "bad").stdout
