"""Commands that make many runs: what they say before anything begins."""

from __future__ import annotations

from pathlib import Path

from tests.commands import bakeoff, refused_without_torch


def test_a_sweep_that_can_not_be_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    said = refused_without_torch(
        [
            ["run", "-m", "model=ngram,lstm", "sweep.workers=none"],
            ["run", "-m", "model=ngram,lstm", "launcher=slum"],
            ["compare", "sweep.retry=1"],
            ["compare", "hydra/launcher=submitit"],
            ["work", "families"],
        ],
        tmp_path,
    )
    assert "sweep.workers='none'" in said[0]
    assert "Did you mean 'slurm'" in said[1]
    assert "sweep.retry is not an option" in said[2]
    assert "hydra/launcher=submitit is not known" in said[3]
    assert "There is: none" in said[4]
    assert not (tmp_path / "results").exists()


def test_a_single_run_takes_no_settings_of_sweeps(tmp_path: Path) -> None:
    done = bakeoff(tmp_path, "run", "model=ngram", "sweep.workers=2", status=2)
    assert "`bakeoff run -m ... sweep.workers=2` or `bakeoff compare ... sweep.workers=2`" in done.stderr
    done = bakeoff(tmp_path, "run", "model=ngram", "launcher=slurm", status=2)
    assert "launcher is a setting of a whole sweep, not of a run. Leave it out here." in done.stderr
    for words in (["run"], ["run", "-m"], ["compare"]):
        done = bakeoff(tmp_path, *words, "tune.trials=5", status=2)
        assert "tune.trials is a setting of a search, not of a run" in done.stderr
        assert "`bakeoff tune ... tune.trials=5`" in done.stderr
