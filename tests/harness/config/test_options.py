"""What can be picked, and what a saved configuration may ask for."""

from __future__ import annotations

from harness.config.options import known_targets, relocated


def test_no_two_classes_that_options_of_a_group_name_share_a_name() -> None:
    names = [(group, target.rpartition(".")[2]) for target, group in known_targets().items()]
    assert len(set(names)) == len(names)


def test_a_saved_configuration_finds_a_class_that_has_moved_since() -> None:
    saved = {
        "model": {"_target_": "harness.attic.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.x.Perplexity"}],
    }
    assert relocated(saved) == {
        "model": {"_target_": "models.lstm.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.perplexity.Perplexity"}],
    }
    for stranger in (
        "os.system",
        "elsewhere.LSTMConfig",
        "harness.attic.Nothing",
        "bakeoff_file.mine_0123456789ab.LSTMConfig",
    ):
        assert relocated({"_target_": stranger}) == {"_target_": stranger}


def test_a_saved_configuration_may_only_ask_for_what_conf_names() -> None:
    targets = known_targets()
    assert targets["models.lstm.LSTMConfig"] == "model"
    assert "os.system" not in targets
