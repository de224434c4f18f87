"""`bakeoff check` of data sets: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.plugin_kit import check_data as data
from harness.plugin_kit.check_data import CHECKS, DataOnTrial
from harness.plugin_kit.new import start
from harness.plugin_kit.outcome import outcomes
from tests.harness.plugin_kit.mistakes import changed

ELSEWHERE = data.another_process_loads_the_same_documents_and_the_same_split
AGAIN = data.loading_again_gives_the_same_documents_and_the_same_split
RANGE = "in range(self.num_documents):"
SPLIT = "split_by_hash(document.id, validation_fraction=0.1, test_fraction=0.1)"
TEXT = "    # Documents of one cluster"
WHOLE = "*(tuple(splits[split]) for split in"
MISTAKES: dict[str, tuple[dict[str, str], Callable[[DataOnTrial], None]]] = {
    "texts alone": ({"].append(document)": "].append(document.text)"}, data.it_can_be_loaded),
    "bytes": ({", text, source": ", text.encode(), source"}, data.it_can_be_loaded),
    "another name": ({"Corpus(self.name": 'Corpus("other"'}, data.it_says_its_name),
    "no test text": ({SPLIT: '"train" if number % 9 else "validation"'}, data.every_split_has_documents),
    "an empty document": ({TEXT: f"    text *= number != 7\n        {TEXT}"}, data.every_document_has_text_and_a_place),
    "no cluster": (
        {'cluster=f"{start}-by-{step}"': 'cluster=""'},
        data.every_document_has_text_and_a_place,
    ),
    "one id for several": ({'Document(f"{start}-by-{step}"': 'Document(f"{step}"'}, data.no_id_is_given_twice),
    "one document in two splits": (
        {WHOLE: '*(tuple(splits[split] + splits["test"][:1] * (split == "train")) for split in'},
        data.no_id_is_given_twice,
    ),
    "held-out texts are trained on": (
        {TEXT: f"    text = text if number % 2 else f'{{step}}'\n        {TEXT}"},
        data.what_is_held_out_is_not_trained_on,
    ),
    "the same text but for case and space": (
        {TEXT: f"    text = f'{{step}}  A' if number % 2 else f'{{step}} a'\n        {TEXT}"},
        data.what_is_held_out_is_not_trained_on,
    ),
    "copies are clusters of their own": (
        {TEXT: f"    text = f'{{start}}'\n        {TEXT}"},
        data.copies_share_a_cluster,
    ),
    "a format that isn't there": (
        {"source=self.name,": 'source=self.name, format="sonnet",'},
        data.its_transcripts_are_written_in_its_formats,
    ),
    "no label at the beginning": (
        {"source=self.name,": 'source=self.name, format="human_assistant",'},
        data.its_transcripts_are_written_in_its_formats,
    ),
    "a split by chance": (
        {SPLIT: '__import__("random").choice(["train", "train", "validation", "test"])'},
        AGAIN,
    ),
    "an order by chance": (
        {RANGE: 'in __import__("random").sample(range(self.num_documents), self.num_documents):'},
        AGAIN,
    ),
    "texts by chance": ({TEXT: f'    text += str(__import__("random").random())\n        {TEXT}'}, AGAIN),
    "a split by Python's hash": ({SPLIT: '["train", "validation", "test"][hash(document.id) % 3]'}, ELSEWHERE),
}


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    return start("data", "counting", tmp_path)[0]


@pytest.mark.parametrize("name", ["chatterbot", "chat", "shakespeare"])
def test_a_data_set_of_ours_passes(name: str) -> None:
    made = outcomes([check for check in CHECKS if check is not ELSEWHERE], DataOnTrial(name, ()))
    assert {outcome.verdict for outcome in made} == {"pass"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_in_a_data_set_is_found_by_the_check_meant_for_it(mistake: str, counting: Path) -> None:
    changes, check = MISTAKES[mistake]
    counting.write_text(changed(counting.read_text(), changes))
    with pytest.raises(AssertionError):
        check(DataOnTrial(str(counting), ()))
