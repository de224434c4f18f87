"""Our model under lm_eval gives the same results as lm_eval's own model for transformers, with the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.requests import Complete, ScoreContinuation
from harness.lm_eval.model import BakeoffLM
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Likelihood
from harness.scoring.likelihood import score_targets
from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.fits import Fit
from models.checking.trial import Vocabulary, fit
from models.language_model import LanguageModel
from models.settings.ngram import NGramConfig
from models.settings.unigram import UnigramConfig
from tests.harness.lm_eval import peer
from tests.harness.lm_eval.tasks import SUMS
from tests.models.families import FAMILIES, tiny_config

PAIRS = [
    ("What is 12 plus 7?", " 19"),
    ("Answer: ", "19"),
    ("a line\n", "\n and another"),
    ("", "opens a text"),
    ("Q: 3+4=", "7"),
    ("x" * 10, " and a text that goes on"),
]
LONG = "a text that goes on and on, well over the tokens of one window, so that it must slide and slide again; " * 3
BYTES = ByteTokenizerSettings().train([])
TEXT = "What is AI?\nA good question. What is it? It is what it is. " * 8


def requests(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Instance]:
    return [Instance(kind, {}, pair, 0, ("test", place, 1)) for place, pair in enumerate(arguments)]


def evaluated(model: Any, tasks: Path, *names: str, **options: Any) -> dict[str, Any]:
    results = simple_evaluate(
        model=model, tasks=list(names), task_manager=TaskManager(include_path=tasks), bootstrap_iters=0, **options
    )
    assert results is not None
    return {
        f"{task}.{name}": value
        for task, of_task in results["results"].items()
        for name, value in of_task.items()
        if isinstance(value, float) and "stderr" not in name
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return peer.write(tmp_path_factory.mktemp("peer"))


@pytest.fixture(scope="module")
def ours(folder: Path) -> BakeoffLM:
    return BakeoffLM(peer.our_fit(folder))


@pytest.fixture(scope="module")
def theirs(folder: Path) -> HFLM:
    return peer.their_model(folder)


def test_continuations_are_as_likely_and_as_greedy(ours: BakeoffLM, theirs: HFLM) -> None:
    written = theirs.generate_until(requests("generate_until", [("To be", {"until": [], "max_gen_toks": 6})]))
    lm_requests = requests("loglikelihood", [*PAIRS, ("To be", written[0])])
    mine, peers = ours.loglikelihood(lm_requests), theirs.loglikelihood(lm_requests)
    assert [is_greedy for _, is_greedy in peers] == [False] * len(PAIRS) + [True]
    assert [is_greedy for _, is_greedy in mine] == [is_greedy for _, is_greedy in peers]
    assert [nats for nats, _ in mine] == pytest.approx([nats for nats, _ in peers], abs=1e-4)


def test_a_continuation_that_merges_with_its_context_is_scored_as_by_evals(tmp_path: Path) -> None:
    """BPE writes " cat" as one token, so that none is left for the "t" after "the ca"."""
    tokenizer = BpeTokenizerSettings(vocab_size=270).train([Document("0", "the cat, the cat", "test", "0")])
    assert len(tokenizer.encode("the cat")) == 2
    ids = torch.arange(tokenizer.vocab_size)
    model = fit(UnigramConfig(), Vocabulary(tokenizer.vocab_size, tokenizer.start_token, ids))
    [(logprob, is_greedy)] = BakeoffLM(Fit("unigram", tmp_path, model, tokenizer, {})).loglikelihood(
        requests("loglikelihood", [("the ca", "t")])
    )
    [[answer]] = ask(
        Respondent(model, tokenizer, DecodingStrategy(Greedy())), [[ScoreContinuation("the ca", "t")]], [[0]], "test"
    )
    assert isinstance(answer, Likelihood)
    assert (logprob, is_greedy) == (-answer.nats, answer.is_greedy)
    alone = model.token_logprobs(torch.from_numpy(tokenizer.encode("the catt"))[None])[0, -1]
    assert logprob == pytest.approx(float(alone))
    assert logprob < -1


def test_whole_texts_are_as_likely(folder: Path) -> None:
    theirs = peer.their_model(folder, add_bos_token=False)
    fit = peer.our_fit(folder, stride=peer.CONTEXT_LENGTH)
    windows = fit.tokenizer.decode(fit.tokenizer.encode(LONG)[: 3 * peer.CONTEXT_LENGTH])
    assert len(fit.tokenizer.encode(windows)) == 3 * peer.CONTEXT_LENGTH
    lm_requests = requests("loglikelihood_rolling", [("To be, or not to be",), ("a",), ("",), (windows,)])
    mine = BakeoffLM(fit).loglikelihood_rolling(lm_requests)
    assert mine == pytest.approx(theirs.loglikelihood_rolling(lm_requests), abs=1e-3)


def test_overlapping_windows_score_the_same_tokens_once(ours: BakeoffLM, folder: Path) -> None:
    lm_requests = requests("loglikelihood_rolling", [(LONG,)])
    tokens = ours.fit.tokenizer.encode(LONG)
    [total] = ours.loglikelihood_rolling(lm_requests)
    assert len(tokens) > 2 * peer.CONTEXT_LENGTH
    alone = ours.fit.model.token_logprobs(torch.tensor(tokens)[None])
    assert alone.shape == (1, len(tokens))
    assert total == pytest.approx(float(alone.double().sum()), abs=1e-3)


@pytest.mark.parametrize(
    ("context", "options"),
    [
        ("What is 12 plus 7?", {"until": ["\n"], "max_gen_toks": 20}),
        ("To be", {"until": [" 3 3"], "max_gen_toks": 30}),
        ("To be", {"until": "$", "max_new_tokens": 30, "temperature": 0.0}),
        ("To be", {"until": [], "max_gen_toks": 12, "do_sample": False, "temperature": 0.7}),
        ("a line\n", {"until": ["\n\n", "", "k"], "max_tokens": 12}),
    ],
)
def test_greedy_texts_are_the_same(ours: BakeoffLM, theirs: HFLM, context: str, options: dict[str, Any]) -> None:
    lm_requests = requests("generate_until", [(context, options)])
    assert ours.generate_until(lm_requests) == theirs.generate_until(lm_requests)


def test_a_stop_text_that_begins_in_the_prompt_is_none() -> None:
    """The model always writes b after a, and c after b; lm_eval looks for stop texts in what was written alone."""
    lm = BakeoffLM(chain("abc"))
    assert lm.generate_until(requests("generate_until", [("a", {"until": ["ab"], "max_gen_toks": 4})])) == ["bc"]


def test_whole_tasks_come_out_the_same(ours: BakeoffLM, theirs: HFLM, folder: Path, tasks: Path) -> None:
    names = ("toy_sums", "toy_choices", "toy_written", "toy_filtered")
    assert evaluated(ours, tasks, *names, num_fewshot=1) == pytest.approx(
        evaluated(theirs, tasks, *names, num_fewshot=1), rel=1e-5
    )
    whole = evaluated(ours, tasks, "toy_texts")
    assert {name.partition(".")[2] for name in whole} == {
        "word_perplexity,none",
        "byte_perplexity,none",
        "bits_per_byte,none",
    }
    assert whole == pytest.approx(evaluated(peer.their_model(folder, False), tasks, "toy_texts"), rel=1e-4)


def test_target_greedy_is_lm_eval_s_acc_on_the_same_sums_and_weights(tmp_path: Path, tasks: Path) -> None:
    folder = peer.write(tmp_path)
    peer.teach(folder, ["".join(doc.values()) for doc in SUMS[::2]])
    results = simple_evaluate(
        model=peer.their_model(folder), tasks=["toy_sums"], task_manager=TaskManager(include_path=tasks)
    )
    assert results is not None
    acc = results["results"]["toy_sums"]["acc,none"]
    assert 0.1 < acc < 0.9
    fit = peer.our_fit(folder)
    lm_requests = [[ScoreContinuation(doc["context"], doc["completion"])] for doc in SUMS]
    answers = ask(
        Respondent(fit.model, fit.tokenizer, DecodingStrategy(Greedy())), lm_requests, [[0]] * len(SUMS), "test"
    )
    likelihoods = [answer for [answer] in answers if isinstance(answer, Likelihood)]
    assert sum(bool(likelihood.is_greedy) for likelihood in likelihoods) / len(SUMS) == acc
    theirs = [sample["resps"][0][0][0] for sample in results["samples"]["toy_sums"]]
    assert [-float(likelihood.nats or 0) for likelihood in likelihoods] == pytest.approx(theirs, abs=1e-4)


def test_the_batch_size_changes_nothing(folder: Path) -> None:
    fit = peer.our_fit(folder)
    generations = [(pair[0] or "a", {"until": ["$"], "max_gen_toks": 9}) for pair in PAIRS]
    sizes = [1, 7, 64]
    scored = [BakeoffLM(fit, size).loglikelihood(requests("loglikelihood", PAIRS * 3)) for size in sizes]
    written = [BakeoffLM(fit, size).generate_until(requests("generate_until", generations)) for size in sizes]
    assert written[0] == written[1] == written[2]
    for other in scored[1:]:
        assert [nats for nats, _ in other] == pytest.approx([nats for nats, _ in scored[0]], abs=1e-5)
        assert [is_greedy for _, is_greedy in other] == [is_greedy for _, is_greedy in scored[0]]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "hf"])
def test_every_family_runs(family: str, tasks: Path) -> None:
    ids = torch.tensor([BYTES.start_token, *BYTES.encode(TEXT)])
    model = fit(tiny_config(family), Vocabulary(BYTES.vocab_size, BYTES.start_token, ids))
    lm = BakeoffLM(Fit(family, tasks, model, BYTES, {}))
    [whole] = lm.loglikelihood_rolling(requests("loglikelihood_rolling", [(TEXT[:60],)]))
    parts = lm.loglikelihood(requests("loglikelihood", [("", TEXT[:30]), (TEXT[:30], TEXT[30:60])]))
    assert whole == pytest.approx(sum(nats for nats, _ in parts), abs=1e-3)
    names = ("toy_sums", "toy_choices", "toy_texts", "toy_written")
    results = evaluated(lm, tasks, *names, limit=3)
    assert {name.partition(".")[0] for name in results} == set(names)
    [written] = lm.generate_until(requests("generate_until", [("What", {"until": ["?"], "max_gen_toks": 20})]))
    [mine] = ask(Respondent(model, BYTES, DecodingStrategy(Greedy())), [[Complete("What", 20, ("?",))]], [[0]], "test")
    assert written == mine[0].text  # type: ignore[union-attr]


def test_cached_answers_belong_to_the_fit(tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = str(tmp_path / "answers")
    names = ("toy_sums", "toy_texts", "toy_written")
    models = {name: BakeoffLM(chain(name)) for name in ("ea", "on")}
    fresh = {name: evaluated(lm, tasks, *names, limit=2) for name, lm in models.items()}
    assert fresh["ea"] != fresh["on"]
    for _ in range(2):
        for name, lm in models.items():
            assert evaluated(lm, tasks, *names, limit=2, use_cache=kept) == fresh[name]
        for name in ("score_targets", "document_logprobs", "Engine.complete"):
            monkeypatch.setattr(f"harness.lm_eval.model.{name}", unwanted)


def test_a_crash_loses_at_most_the_batch_in_flight(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def score(model: LanguageModel, prompts: Sequence[np.ndarray], *more: Any) -> list[Likelihood]:
        if len(asked) == 2:
            raise RuntimeError("the machine is gone")
        asked.append(len(prompts))
        return score_targets(model, prompts, *more)

    lm, kept = BakeoffLM(chain("ea"), batch_size=3), str(tmp_path / "answers")
    monkeypatch.setattr("harness.lm_eval.model.score_targets", score)
    with pytest.raises(RuntimeError, match="gone"):
        evaluated(lm, tasks, "toy_sums", limit=8, use_cache=kept)
    assert asked == [3, 3]
    asked.clear()
    results = evaluated(lm, tasks, "toy_sums", limit=8, use_cache=kept)
    assert asked == [2]
    monkeypatch.setattr("harness.lm_eval.model.score_targets", score_targets)
    assert results == evaluated(BakeoffLM(chain("ea")), tasks, "toy_sums", limit=8)


def unwanted(*arguments: Any, **more: Any) -> None:
    raise AssertionError("what is kept is asked again")


def test_draws_follow_the_seed_and_repeats_differ() -> None:
    fit = chain("abc", spread=0.0)
    lm_requests = requests(
        "generate_until", [("a", {"until": [], "max_gen_toks": 16, "do_sample": True, "top_k": 3})] * 3
    )
    written = [BakeoffLM(fit, seed=seed).generate_until(lm_requests) for seed in (0, 0, 1)]
    assert written[0] == written[1] != written[2]
    assert len(set(written[0])) == 3
    torch.manual_seed(1234)
    assert BakeoffLM(fit).generate_until(lm_requests) == BakeoffLM(fit, seed=1234).generate_until(lm_requests)


def test_chat_messages_become_a_transcript_and_the_space_goes_with_the_reply(ours: BakeoffLM) -> None:
    lm = BakeoffLM(ours.fit)
    context = lm.apply_chat_template([{"role": "user", "content": "What is 12 plus 7?"}])
    assert context == "Human: What is 12 plus 7?\n\nAssistant: "
    cases = [("loglikelihood", (context, "19")), ("loglikelihood", (context.rstrip(), " 19"))]
    loglikelihood, plain = (lm.loglikelihood(requests(kind, [arguments]))[0] for kind, arguments in cases)
    assert loglikelihood == plain
    options = {"until": ["\n"], "max_gen_toks": 9}
    [reply] = lm.generate_until(requests("generate_until", [(context, options)]))
    [plain_reply] = ours.generate_until(requests("generate_until", [(context.rstrip(), options)]))
    assert reply == plain_reply.removeprefix(" ")


def test_a_reply_ends_where_the_human_s_turn_begins(tmp_path: Path) -> None:
    reply = " 19 it is.\n\nHuman: "
    lm = BakeoffLM(parrot(f"Assistant:{reply}", tmp_path))
    context = lm.apply_chat_template([{"role": "user", "content": "?"}])
    [written] = lm.generate_until(requests("generate_until", [(context, {"until": ["!"], "max_gen_toks": 40})]))
    assert written == "19 it is."


def test_what_gives_no_probabilities_is_not_scored() -> None:
    model = NGramConfig(smoothing="stupid_backoff", order=2).build(BYTES.vocab_size, BYTES.start_token)
    model.count(torch.tensor([BYTES.start_token, *BYTES.encode(TEXT)]))
    model.finish()
    lm = BakeoffLM(Fit("x", Path(), model, BYTES, {}))
    with pytest.raises(UserError, match="asks for log-likelihoods"):
        lm.loglikelihood(requests("loglikelihood", PAIRS))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs run=RUN"),
        ({"runn": "x"}, "has no 'runn'. Did you mean 'run'?"),
        ({"run": "x", "pretrained": "gpt2"}, "has no 'pretrained'"),
        ({"run": "x", "results": "/nowhere"}, "no run 'x'"),
    ],
)
def test_wrong_model_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        BakeoffLM.create_from_arg_obj(arguments, {"device": "cuda:0", "batch_size": "auto"})


def chain(letters: str, spread: float = 8.0) -> Fit:
    """A model over bytes that writes these letters in a cycle; spread: how sure it is, in nats."""
    logits = torch.zeros(BYTES.vocab_size, BYTES.vocab_size)
    ids = BYTES.encode(letters).tolist()
    for here, following in zip(ids, ids[1:] + ids[:1], strict=True):
        logits[here, following] = spread
    return Fit(letters, Path(), TableModel(logits, BYTES.start_token), BYTES, {})


def parrot(text: str, folder: Path) -> Fit:
    """A model that writes a known text after reading its beginning."""
    model = NGramConfig(order=12).build(BYTES.vocab_size, BYTES.start_token)
    model.count(torch.tensor([BYTES.start_token, *BYTES.encode(text)] * 3))
    model.finish()
    return Fit("parrot", folder, model, BYTES, {})
