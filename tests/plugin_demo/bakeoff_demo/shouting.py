"""Does a model shout back when it is shouted at?"""

from dataclasses import dataclass

from harness.evaluation import Complete, Eval, Measure, Sample, Score


@dataclass(frozen=True)
class Shouting(Eval):
    name, version = "shouting", 1
    measures = (Measure("capitals", unit="share", higher_is_better=True),)

    shouts: tuple[str, ...] = ("HELP! ", "GO AWAY. ", "WHO ARE YOU? ")

    def samples(self, material):
        return [Sample(f"shout-{n}", shout, target="STOP IT") for n, shout in enumerate(self.shouts)]

    def requests(self, sample, material):
        return [Complete(sample.prompt, max_new_tokens=40)]

    def score(self, sample, answers, material):
        letters = [char for char in answers[0].text if char.isalpha()]
        share = sum(map(str.isupper, letters)) / len(letters) if letters else None
        return Score({"capitals": share}, answers[0].text)
