"""A small eval to be run: how long a text is, and how it begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Measure
from harness.evaluation.requests import Answer, Complete, Request, Sample, Score
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings


@dataclass(frozen=True)
class Counting(Eval):
    name, version = "counting", 2
    measures = (Measure("right", chance=0.5), Measure("length", "chars", None))

    ids: tuple[str, ...] = ("a", "b", "c")

    def samples(self, material: Material) -> Iterable[Sample]:
        return [
            Sample(id, f"{id}:", target=id, slices={"kind": "vowel" if id in "aeiou" else "other"}) for id in self.ids
        ]

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [Complete(sample.prompt, 5), Complete(sample.prompt * 2, 5)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [first, _] = answers
        assert isinstance(first, Completion)
        return Score({"right": float(first.text == sample.target), "length": len(first.text)}, first.text)


MATERIAL = Material(
    Corpus("c", (Document("1", "ab", "s", "1"),), (Document("2", "ba", "s", "2"),), ()),
    ByteTokenizerSettings().train([]),
)
