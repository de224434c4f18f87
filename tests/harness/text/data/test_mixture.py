from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.arithmetic import Arithmetic
from harness.text.data.arithmetic_problems import problems, split_of
from harness.text.data.arithmetic_wording import Wording, problems_in_text
from harness.text.data.conversations import Chatterbot
from harness.text.data.corpus import SPLITS, Corpus, DataSource, Document
from harness.text.data.mixture import Mixture
from tests.harness.text.formats import CHATML


@dataclass(frozen=True)
class Toy(DataSource):
    """Documents of given lengths in every split."""

    name: ClassVar[str] = "toy"
    lengths: tuple[int, ...] = (10,) * 100
    letter: str = "a"
    splits: tuple[str, ...] = SPLITS
    extra: str = ""

    def load(self) -> Corpus:
        def documents(split: str) -> tuple[Document, ...]:
            if split not in self.splits:
                return ()
            toys = [Document(f"{split}{i}", self.letter * n, "toy", str(i % 3)) for i, n in enumerate(self.lengths)]
            return (*toys, *([Document(f"{split}-extra", self.extra, "toy", "x")] if self.extra else []))

        return Corpus("toy", documents("train"), documents("validation"), documents("test"), notes=("a note",))


def mixture(**options: Any) -> Mixture:
    return Mixture(
        sources={"a": Toy(), "b": Toy(letter="é", lengths=(7, 13) * 40)},
        **{"weights": {"a": 3, "b": 1}, "validation_bytes": None, "test_bytes": None, **options},
    )


def shares(documents: tuple[Document, ...]) -> dict[str, float]:
    sizes: Counter[str] = Counter()
    for document in documents:
        sizes[document.source] += document.num_bytes
    return {name: size / sizes.total() for name, size in sizes.items()}


def test_each_source_has_its_share_of_the_bytes() -> None:
    corpus = mixture().load()
    for split in SPLITS:
        assert shares(corpus.documents(split)) == pytest.approx({"a": 0.75, "b": 0.25}, abs=0.02)


def test_the_scarcest_source_gives_all_it_has() -> None:
    corpus = mixture().load()
    assert sum(document.source == "a" for document in corpus.train) == 100
    assert corpus.num_bytes("train") == pytest.approx(1000 / 0.75, abs=14)  # the smallest document of the other has 14


@settings(max_examples=40)
@given(
    lengths=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=60), min_size=1, max_size=4),
    weights=st.lists(st.floats(0.05, 5), min_size=4, max_size=4),
    cap=st.one_of(st.none(), st.integers(1, 500)),
    seed=st.integers(0, 3),
)
def test_every_beginning_of_a_split_has_about_the_shares(
    lengths: list[list[int]], weights: list[float], cap: int | None, seed: int
) -> None:
    sources: dict[str, DataSource] = {str(i): Toy(tuple(sizes)) for i, sizes in enumerate(lengths)}
    weight = {name: weights[int(name)] for name in sources}
    corpus = Mixture(sources, weight, train_bytes=cap, seed=seed).load()
    given: Counter[str] = Counter()
    total = min(sum(sizes) / (weight[str(i)] / sum(weight.values())) for i, sizes in enumerate(lengths))
    last = {document.source: i for i, document in enumerate(corpus.train)}
    for i, document in enumerate(corpus.train):
        given[document.source] += document.num_bytes
        if any(i >= last[name] for name in sources):
            break
        scaled = [given[name] / weight[name] for name in sources]
        assert max(scaled) - min(scaled) <= 40 / min(weight.values()) + 1e-9
    # Where a share is smaller than any document of its source, the smallest one is still used.
    smallest = sum(min(sizes) for sizes in lengths)
    assert corpus.num_bytes("train") <= min(total, cap or total) + len(sources) + smallest


def test_no_document_is_given_twice_or_to_two_splits() -> None:
    corpus = mixture().load()
    ids = [document.id for _, document in corpus]
    assert len(ids) == len(set(ids))


def test_a_cap_holds_by_whole_documents() -> None:
    corpus = mixture(train_bytes=200, test_bytes=100, validation_bytes=50).load()
    for split, cap in (("train", 200), ("test", 100), ("validation", 50)):
        assert cap - 20 <= corpus.num_bytes(split) <= cap
    assert {len(document.text) for _, document in corpus} <= {7, 10, 13}


def test_a_share_smaller_than_any_document_still_gives_one() -> None:
    corpus = mixture(test_bytes=1).load()
    assert sorted(document.source for document in corpus.test) == ["a", "b"]


def test_only_ratios_of_weights_count() -> None:
    assert mixture().load().fingerprint == mixture(weights={"a": 0.75, "b": 0.25}).load().fingerprint


def test_the_seed_and_nothing_else_decides_the_order() -> None:
    assert mixture().load().fingerprint == mixture().load().fingerprint != mixture(seed=1).load().fingerprint


def test_documents_are_named_after_their_source() -> None:
    document = mixture().load().train[0]
    assert document.source in ("a", "b")
    assert document.id.startswith(f"{document.source}/train")
    assert document.cluster.startswith(f"{document.source}/")


def test_a_weight_of_zero_leaves_a_source_unread() -> None:
    unreadable = Toy(lengths=(-1,), splits=())
    corpus = Mixture({"a": Toy(), "b": unreadable}, {"a": 1, "b": 0}).load()
    assert {document.source for _, document in corpus} == {"a"}


def test_notes_say_which_source_they_are_about() -> None:
    assert mixture().load().notes == ("a: a note", "b: a note")


def test_a_source_without_a_split_is_refused() -> None:
    with pytest.raises(UserError, match=r"b has no test documents.*data\.weights\.b=0"):
        Mixture({"a": Toy(), "b": Toy(splits=("train", "validation"))}, {"a": 1, "b": 1}).load()


def test_training_documents_with_a_held_out_problem_are_left_out() -> None:
    leak = "".join(Wording("qa").render(problems("test", 1, seed=5)[0]))
    assert any(split_of(problem) == "test" for problem in problems_in_text(leak))
    arithmetic = Arithmetic(train_documents=20, validation_documents=5, test_documents=5)
    leaking: dict[str, DataSource] = {"toy": Toy(extra=leak), "arithmetic": arithmetic}
    with_arithmetic = Mixture(leaking, {"toy": 1, "arithmetic": 1})
    corpus = with_arithmetic.load()
    assert "toy: 1 training document left out because they contain test problems" in corpus.notes
    assert all(leak not in document.text for document in corpus.train)
    alone = replace(with_arithmetic, weights={"toy": 1, "arithmetic": 0}).load()
    assert any(leak in document.text for document in alone.train)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": {"a": 1}}, "Give each source a weight"),
        ({"weights": {"a": 1, "b": 1, "c": 1}}, "Give each source a weight"),
        ({"weights": {"a": 1, "b": -1}}, "weights.b=-1 must be 0 or more"),
        ({"weights": {"a": 1, "b": float("nan")}}, "weights.b=nan"),
        ({"weights": {"a": 0, "b": 0}}, "no source has a weight above 0"),
        ({"train_bytes": 0}, "train_bytes=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mixture(**wrong)


def test_a_source_that_is_no_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sources\.a is 'chat', which is not a data set"):
        Mixture({"a": "chat"}, {"a": 1})  # type: ignore[dict-item]


def test_no_sources_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="no source has a weight above 0"):
        Mixture()


def test_a_mixture_has_the_formats_of_the_sources_that_have_a_share() -> None:
    sources: dict[str, DataSource] = {
        "chat": Chatterbot(format=CHATML),
        "sums": Arithmetic(style="chat", train_documents=5),
        "none": Chatterbot(),
    }
    corpus = Mixture(sources, {"chat": 1, "sums": 1, "none": 0}).load()
    assert corpus.chat_format == CHATML
    forms = [corpus.format_of(document) for _, document in corpus]
    assert {form.name for form in forms if form is not None} == {"chatml", "human_assistant"}


@pytest.mark.usefixtures("plays")
def test_the_default_mixture_is_as_described() -> None:
    source = typed(compose(["data=mixture"])).data
    weights = {"shakespeare": 0.35, "chat": 0.35, "arithmetic": 0.3}
    corpus = source.load()
    for split, tolerance in (("train", 0.005), ("validation", 0.05), ("test", 0.02)):
        assert shares(corpus.documents(split)) == pytest.approx(weights, abs=tolerance)
    assert corpus.num_bytes("test") == pytest.approx(300_000, rel=0.01)
    assert corpus.num_bytes("validation") == pytest.approx(100_000, rel=0.02)
    assert corpus.num_bytes("train") > 5_000_000
    # sums have no labels, so that they are no conversations
    formats = {(document.source, document.format) for document in corpus.train}
    assert formats == {("shakespeare", "play"), ("chat", "human_assistant"), ("arithmetic", None)}
    clusters = {source: {d.cluster for d in corpus.test if d.source == source} for source in weights}
    assert {source: len(names) for source, names in clusters.items()}["shakespeare"] == 10
    assert min(map(len, clusters.values())) >= 10
    held_out = {
        problem
        for document in corpus.test
        if document.source == "arithmetic"
        for problem in problems_in_text(document.text)
    }
    trained_on = {problem for document in corpus.train for problem in problems_in_text(document.text)}
    assert all(split_of(problem) == "test" for problem in held_out)
    assert not any(split_of(problem) == "test" for problem in trained_on)
    assert len(trained_on) > 5_000


def test_clusters_take_turns() -> None:
    """A small split has a document of every cluster before it has two of one."""
    source = Toy(lengths=(10,) * 90)
    corpus = Mixture({"a": source}, {"a": 1}, test_bytes=70).load()
    assert Counter(document.cluster for document in corpus.test).most_common() in (
        [(first, 3), (second, 2), (third, 2)] for first, second, third in permutations(["a/0", "a/1", "a/2"])
    )
