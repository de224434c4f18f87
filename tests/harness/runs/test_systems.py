"""Systems and decoding strategies are named by their differences."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from harness.config.compose import compose
from harness.runs import RunRecord
from harness.runs.systems import differences, differences_in_experiments, labels, settings_of


def test_a_setting_with_its_strategy_s_name_replaces_the_name() -> None:
    strategies = [{"decoding.name": "temperature", "decoding.transforms.temperature.temperature": t} for t in (0.3, 1)]
    assert labels(strategies, "decoding.name") == ["temperature=0.3", "temperature=1"]
    others = [{"decoding.name": "top_p", "decoding.transforms.top_p.p": p} for p in (0.5, 0.9)]
    assert labels(others, "decoding.name") == ["top_p, p=0.5", "top_p, p=0.9"]


def changed(record: RunRecord, **parts: dict[str, Any]) -> RunRecord:
    """The record with other values in some of its parts."""
    return dataclasses.replace(record, **{part: getattr(record, part) | values for part, values in parts.items()})


def test_differences_are_named_between_items_of_one_name_only(record: RunRecord) -> None:
    orders = [changed(record, model={"name": "ngram", "order": order}) for order in (3, 5)]
    other = changed(record, model={"name": "lstm", "d_model": 8})
    systems, decodings = settings_of([*orders, other], whole=False)
    assert differences(systems, "model.name") == [["order=3"], ["order=5"], []]
    assert labels(systems, "model.name") == ["ngram, order=3", "ngram, order=5", "lstm"]
    assert differences(decodings, "decoding.name") == [[], [], []]


def test_a_failed_run_whose_width_is_not_known_is_of_the_system_of_the_others(record: RunRecord) -> None:
    model = {"name": "gru", "num_layers": 2}
    runs = [changed(record, model=model | width) for width in ({"d_model": 80}, {})]
    systems, _ = settings_of(runs, whole=False)
    assert labels(systems, "model.name") == ["gru", "gru"]


def test_two_settings_of_one_short_name_are_written_in_full(record: RunRecord) -> None:
    runs = [changed(record, model={"size": size}, budget={"size": 3 * size}) for size in (1, 2)]
    systems, _ = settings_of(runs, whole=False)
    assert differences(systems, "model.name") == [["budget.size=3", "model.size=1"], ["budget.size=6", "model.size=2"]]


def test_a_setting_that_several_parts_share_is_named_once(record: RunRecord) -> None:
    shared = [{"config": {"format": {"name": name, "end": end}}} for name, end in (("play", ""), ("chatml", "<|end|>"))]
    runs = [changed(record, data=parts, tokenizer=parts) for parts in shared]
    runs[1] = changed(runs[1], tokenizer={"config": {}})  # it needs no format
    both = [*runs, changed(record, data=shared[1], tokenizer=shared[1])]
    systems, _ = settings_of(both, whole=False)
    assert labels(systems, "model.name") == ["bigram, format=play", "bigram, format=chatml", "bigram, format=chatml"]


def test_what_tells_runs_of_an_experiment_apart_is_said_of_all_that_it_concerns(record: RunRecord) -> None:
    def run(experiment: str, family: str, text: str, **model: Any) -> RunRecord:
        options = {"name": family, **model}
        return dataclasses.replace(record, experiment=experiment, family=family, model=options, data={"name": text})

    runs = [
        run("first", "lstm", "plays", num_layers=1),
        run("first", "lstm", "chat", num_layers=2),
        run("first", "transformer", "chat", num_layers=3),
        run("second", "lstm", "plays", num_layers=1),
    ]
    assert differences_in_experiments(runs) == [
        ("num_layers=1", "data=plays"),
        ("num_layers=2", "data=chat"),
        ("data=chat",),
        (),
    ]


def asked(record: RunRecord, evals: dict[str, Any], num_samples: int = 5) -> RunRecord:
    """The record with these evals only, each with one metric."""
    [first, *_] = record.metrics
    metrics = [dataclasses.replace(first, eval=name, n=num_samples, n_total=num_samples) for name in evals]
    return dataclasses.replace(record, evals=evals, metrics=metrics)


def test_an_eval_s_options_concern_the_runs_in_which_it_measured_something(record: RunRecord) -> None:
    with_sums = [asked(record, {"sums": {"digits": digits}}) for digits in (1, 2)]
    silent = asked(record, {})
    without_samples = asked(record, {"sums": {"digits": 3}}, num_samples=0)
    for_reading = dataclasses.replace(silent, evals={"showcase": {"prompts": ["a"]}})
    systems, _ = settings_of([*with_sums, silent, without_samples, for_reading], whole=False)
    assert labels(systems, "model.name") == ["bigram, digits=1", "bigram, digits=2", "bigram", "bigram", "bigram"]


_PLAY = {"name": "mine", "before": "", "after": ":", "between": "|", "speakers": {"Human": "Human", "System": "S"}}
_CHATML = {"name": "mine", "before": "<|", "after": "|>", "between": "", "speakers": {"Human": "user", "System": "S"}}


def test_two_formats_of_one_name_are_told_apart_by_a_short_hash(record: RunRecord) -> None:
    def named(*formats: dict[str, Any]) -> list[str]:
        sources = [{"config": {name: {"format": form} for name in ("chat", "sums")}} for form in formats]
        runs = [
            changed(record, data=data, tokenizer={"config": {"format": form}})
            for data, form in zip(sources, formats, strict=True)
        ]
        return labels(settings_of(runs, whole=False)[0], "model.name")

    first, second, third, again = named(_PLAY, _CHATML, {**_PLAY, "name": "play"}, _PLAY)
    assert first == again != second
    for name in (first, second):
        assert re.fullmatch("bigram, format=mine-[0-9a-f]{6}", name)
    assert third == "bigram, format=play"
    assert named(_PLAY, _CHATML)[0] == first  # whatever else is there
    assert named(_PLAY, {**_PLAY, "after": ">"}) == ["bigram, after=:", "bigram, after=>"]  # few differences are named


def post_trained(record: RunRecord, stages: str, rewards: str = "", *settings: str) -> RunRecord:
    """The record with stages of post-training, as a run with these settings would have them."""
    overrides = ["data=mixture", f"post=[{stages}]", f"rewards=[{rewards or 'length'}]", *settings]
    return dataclasses.replace(record, post={"name": stages.replace(",", "+") or "none", **compose(overrides)["post"]})


def test_stages_are_told_apart_by_what_they_reward(record: RunRecord) -> None:
    learnt = ("sft,rloo", "hands_back_in_time,preference_model")
    runs = [
        post_trained(record, ""),
        post_trained(record, "sft"),
        post_trained(record, "sft,rloo", "length"),
        post_trained(record, *learnt),
        post_trained(record, *learnt, "preference=head"),
        post_trained(record, "sft,ppo", "length"),
        post_trained(record, "rloo,ppo", "right_answer"),
    ]
    stages = [label.removeprefix("bigram, ") for label in labels(settings_of(runs, whole=False)[0], "model.name")]
    both = "post=sft+rloo, rewards=hands_back_in_time+preference_model"
    assert stages == [
        "post=none",
        "post=sft",
        "post=sft+rloo, rewards=length",
        f"{both}, preference=ngram_logistic",
        f"{both}, preference=head",
        "post=sft+ppo, rewards=length",
        "post=rloo+ppo, rewards=right_answer",
    ]


def test_settings_that_change_no_result_tell_no_runs_apart(record: RunRecord) -> None:
    banks = [("sft,dpo", "length", "ratings=bank", "ratings.name=people", f"ratings.folder={at}") for at in ("a", "b")]
    runs = [post_trained(changed(record, model={"counting_megabytes": 1}), *banks[0]), post_trained(record, *banks[1])]
    systems, _ = settings_of(runs, whole=False)
    assert systems[0] == systems[1]


def test_a_run_that_is_added_changes_no_other_s_hash(record: RunRecord) -> None:
    learnt = ("sft,rloo", "preference_model")
    others = [f"post.rloo.{setting}" for setting in ("beta=0.1", "clip=0.1", "epochs=2", "max_new_tokens=64")]
    runs = [post_trained(record, *learnt), post_trained(record, *learnt, *others)]
    raters = ("agreement=0.8", "flips=0.1", "length_bias=0.1", "position_bias=0.1")
    more = post_trained(record, *learnt, *(f"ratings.rater.{setting}" for setting in raters))
    before, after = (labels(settings_of(all_runs, whole=False)[0], "model.name") for all_runs in (runs, [*runs, more]))
    assert all(re.fullmatch(r"bigram, post=sft\+rloo-[0-9a-f]{6}", label) for label in before)
    assert [label.partition(", rewards=")[0] for label in after[:2]] == before
    assert len(set(after)) == 3


def test_long_values_are_shortened_to_what_differs(record: RunRecord) -> None:
    def named(*values: Any) -> list[str]:
        runs = [changed(record, data={"config": {"paths": value}}) for value in values]
        return labels(settings_of(runs, whole=False)[0], "model.name")

    folder = "/home/somebody/texts/of/long/ago"
    assert named([f"{folder}/plays.txt"], [f"{folder}/novels.txt"]) == [
        "bigram, paths=…plays.txt']",
        "bigram, paths=…novels.txt']",
    ]
    texts = ("All the world's a stage, and all the men", "A rose by any other name would smell as sweet", "brief")
    assert named(*texts) == [  # the hashes are those of sha256sum
        "bigram, paths=All the worl…04c976",
        "bigram, paths=A rose by an…b04393",
        "bigram, paths=brief",
    ]


def file_class(stem: str, digit: str, name: str) -> dict[str, Any]:
    """A class of a plugin file with one of several texts."""
    return {"_target_": f"bakeoff_file.{stem}_{digit * 12}.{name}"}


def test_a_plugin_whose_text_changed_is_another_system_named_without_its_hash(record: RunRecord) -> None:
    later = dataclasses.replace(record, finished_at="2999-01-01")
    own = {"name": "tiny_gru", "width": 8}
    models = [
        changed(later, model={**own, **file_class("tiny_gru", "a", "TinyGRUConfig")}),
        changed(record, model={**own, **file_class("tiny_gru", "b", "TinyGRUConfig")}),
        changed(later, model={**own, "width": 9, **file_class("tiny_gru", "b", "TinyGRUConfig")}),
    ]
    systems, _ = settings_of(models, whole=False)
    assert labels(systems, "model.name") == [
        "tiny_gru=edit 2, width=8",
        "tiny_gru=edit 1, width=8",
        "tiny_gru=edit 1, width=9",
    ]
    systems, _ = settings_of(models[:1], whole=False)
    assert labels(systems, "model.name") == ["tiny_gru"]
    assert systems[0]["model._target_"] == "TinyGRUConfig"

    of_file = [{**file_class("vowels", digit, "Vowels"), "source_sha256": digit * 64} for digit in "ab"]
    of_package = [{"_target_": "theirs.Vowels", "source_sha256": digit * 64} for digit in "ab"]
    for options in (of_file, of_package):
        runs = [
            dataclasses.replace(asked(record, {"vowels": vowels}), finished_at=when)
            for vowels, when in zip(options, ("2025-01-01", "2025-01-02"), strict=True)
        ]
        assert labels(settings_of(runs, whole=False)[0], "model.name") == [
            "bigram, vowels=edit 1",
            "bigram, vowels=edit 2",
        ]
        unasked = asked(record, {})
        assert differences(settings_of([*runs, unasked], whole=False)[0], "model.name")[2] == []

    both = {"transforms": {"mine": file_class("mine", "a", "Mine")}, "chooser": file_class("mine", "a", "Choice")}
    edited = {"transforms": {"mine": file_class("mine", "b", "Mine")}, "chooser": file_class("mine", "b", "Choice")}
    runs = [dataclasses.replace(record, decoding={"name": "mine", **parts}) for parts in (both, edited)]
    assert labels(settings_of(runs, whole=False)[1], "decoding.name") == ["mine=edit 1", "mine=edit 2"]


def test_edits_are_counted_within_an_experiment_as_in_its_report(record: RunRecord) -> None:
    def run(experiment: str, text: str, finished_at: str) -> RunRecord:
        model = {"name": "mine", **file_class("mine", text, "Mine")}
        return dataclasses.replace(record, experiment=experiment, model=model, finished_at=finished_at)

    first = [run("first", "a", "2025-01-01"), run("first", "b", "2025-01-02")]
    second = [run("second", "b", "2025-01-03"), run("second", "a", "2025-01-04")]
    assert differences_in_experiments([*second, *first]) == [("mine=edit 1",), ("mine=edit 2",)] * 2
    assert labels(settings_of(second, whole=False)[0], "model.name") == ["mine=edit 1", "mine=edit 2"]


def test_experiments_are_distinguished_in_one_report_only_where_nothing_else_differs(record: RunRecord) -> None:
    runs = [dataclasses.replace(record, experiment=name) for name in ("a", "b")]
    assert labels(settings_of(runs, whole=True)[0], "model.name") == ["bigram", "bigram"]
    for other in (changed(runs[1], data={"fingerprint": "ef" * 32}), dataclasses.replace(runs[1], fit_id="other")):
        assert labels(settings_of([runs[0], other], whole=False)[0], "model.name") == ["bigram", "bigram"]
        named = labels(settings_of([runs[0], other], whole=True)[0], "model.name")
        assert named == ["bigram, experiment=a", "bigram, experiment=b"]
    other = changed(runs[1], budget={"tokens": 3_000})
    named = labels(settings_of([runs[0], other], whole=True)[0], "model.name")
    assert all("experiment" not in name for name in named)
    assert named[1] == "bigram, tokens=3k"


def test_options_that_follow_from_the_data_set_are_left_out_and_others_are_not(record: RunRecord) -> None:
    own_text = {"name": "text", "config": {"_target_": "OwnText", "separator": "", "encoding": "utf-8"}}
    other = {"name": "chat", "config": {"_target_": "Chat", "share": 0.5}}
    runs = [dataclasses.replace(record, data=data) for data in (own_text, other)]
    assert differences(settings_of(runs, whole=False)[0], "model.name") == [["data=text"], ["data=chat"]]
    third = {"name": "text", "config": {**own_text["config"], "separator": "---"}}
    runs.append(dataclasses.replace(record, data=third))
    systems, _ = settings_of(runs, whole=False)
    assert labels(systems, "model.name") == [
        "bigram, separator=, data=text",
        "bigram, data=chat",
        "bigram, separator=---, data=text",
    ]
