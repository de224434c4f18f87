"""An eval of bakeoff as an lm_eval task, for any model of lm_eval. The exported tasks are in tasks/.

The eval's own code makes the samples and scores the answers, so both programs give the same numbers. A task's YAML
names the eval as bakeoff's command line does:

    task: bakeoff_arithmetic_qa
    class: !function harness.lm_eval.exported.EvalTask
    overrides: ["evals=[arithmetic]", "evals.arithmetic.style=qa"]
    metric_list: ...    the eval's measures to report

`--metadata '{"overrides": ["evals.arithmetic.max_digits=5"]}'` adds overrides. Differences from a run of bakeoff: there
is no tokenizer of ours, so evals count bytes instead of tokens. Generation is greedy and without stop texts; these are
found afterwards, so that the eval can tell whether the model wrote one. The probabilities of single tokens aren't
known. A conversation that is longer than a transformers model's window loses whole turns at its beginning
(harness/lm_eval/window.py).
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from harness.common.errors import UserError
from harness.completion.sequence import Completion, StopFinder
from harness.config.compose import compose
from harness.evaluation.eval import Eval, Material
from harness.evaluation.requests import Answer, Complete, Compress, Request, Sample, ScoreContinuation, ScoreText
from harness.lm_eval.window import Window
from harness.runs.settings import typed
from harness.scoring.answers import Likelihood
from harness.text.tokenizers.byte import ByteTokenizerSettings

log = logging.getLogger("bakeoff")


@dataclass(frozen=True)
class _Exported:
    """An eval and its samples."""

    eval: Eval
    material: Material
    samples: Mapping[str, Sample]

    def requests(self, doc: Mapping[str, Any]) -> Sequence[Request]:
        return self.eval.requests(self.samples[doc["id"]], self.material)


class EvalTask(ConfigurableTask):  # type: ignore[misc]
    """One of our evals as an lm_eval task (see the module)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        own_config = {name: value for name, value in config.items() if name not in ("class", "overrides")}
        metadata = own_config.get("metadata") or {}
        self._exported = _export([*config["overrides"], *metadata.get("overrides", [])])
        self._window = Window.of(metadata)
        if self._window is not None and not self._window.opens_texts:
            log.warning(
                "%s: texts don't begin with a start token, so scores differ from those of `bakeoff run model=hf`. Add "
                "add_bos_token=True to --model_args",
                config["task"],
            )
        super().__init__(
            config={
                **own_config,
                "output_type": "generate_until",
                "generation_kwargs": {"until": [], "do_sample": False, **(own_config.get("generation_kwargs") or {})},
                "test_split": "test",
                "doc_to_text": "prompt",
                "doc_to_target": "target",
                "num_fewshot": 0,
                "process_results": "the eval's own",
            }
        )

    def download(self, dataset_kwargs: Any = None, **kwargs: Any) -> None:
        """Make the samples: nothing is downloaded."""
        samples = self._exported.samples.values()
        docs = [{"id": sample.id, "prompt": sample.prompt, "target": sample.target} for sample in samples]
        self.dataset = {"test": Dataset.from_list(docs)}

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """The requests that lm_eval asks, each once."""
        about = kwargs["metadata"]
        instances: list[Instance] = []
        for kind, *arguments in self._distinct_requests(doc).values():
            # lm_eval may have changed the prompt
            prompt = self._fitting(*arguments) if ctx == doc["prompt"] else ctx
            final_arguments = tuple(prompt if argument == doc["prompt"] else argument for argument in arguments)
            instances.append(Instance(kind, doc, final_arguments, len(instances), about))
        return instances

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
        """The eval's values. A measure without a value, or not of this kind of sample, is left out."""
        exported = self._exported
        results_by_key = dict(zip(self._distinct_requests(doc), results, strict=True))
        answers = [
            _answer(request, results_by_key[self._key(request)], exported.material)
            for request in exported.requests(doc)
        ]
        values = exported.eval.score(exported.samples[doc["id"]], answers, exported.material).values
        return {name: float(value) for name in self._metric_fn_list if (value := values.get(name)) is not None}

    def _fitting(self, prompt: str, following: str | Mapping[str, Any] = "") -> str:
        """A prompt that fits into the model's window with what follows: a continuation, or the options of a
        generation."""
        if self._window is None:
            return prompt
        num_more = self._window.num_tokens(following) if isinstance(following, str) else following["max_gen_toks"]
        return self._window.shortened(prompt, num_more, self._exported.material.corpus.chat_format)

    def _distinct_requests(self, doc: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        """A document's requests without repetitions, in order, by key."""
        requests = self._exported.requests(doc)
        return {self._key(request): _arguments(request, self.config.generation_kwargs) for request in requests}

    def _key(self, request: Request) -> str:
        return json.dumps(_arguments(request, self.config.generation_kwargs))


def _export(overrides: Sequence[str]) -> _Exported:
    settings = typed(compose(overrides))
    [eval] = settings.evals.values()
    material = Material(settings.data.load(), ByteTokenizerSettings().train([]))
    return _Exported(eval, material, {sample.id: sample for sample in eval.samples(material)})


def _arguments(request: Request, options: Mapping[str, Any]) -> tuple[Any, ...]:
    """lm_eval's name for a kind of request, and its arguments."""
    match request:
        case ScoreText(text):
            return "loglikelihood_rolling", text
        case ScoreContinuation(prompt, continuation):
            return "loglikelihood", prompt, continuation
        case Complete(prompt, max_new_tokens):
            return "generate_until", prompt, {**options, "max_gen_toks": max_new_tokens}
        case Compress():
            raise UserError("lm_eval's models can't compress a text. Use `bakeoff run` for this eval.")


def _answer(request: Request, result: Any, material: Material) -> Answer:
    """The response of lm_eval's model, as one of our answers."""
    encode = material.tokenizer.encode
    if isinstance(request, Complete):
        met = StopFinder(request.stop, request.prompt).find(result)
        text, stop_text = (result, None) if met is None else (result[: met[0]], met[1])
        tokens = tuple(encode(text).tolist())
        return Completion(text, tokens, (), (), "length" if met is None else "stop", stop_text)
    assert isinstance(request, ScoreText | ScoreContinuation)
    loglikelihood, is_greedy = result if isinstance(request, ScoreContinuation) else (result, None)
    scored = request.continuation if isinstance(request, ScoreContinuation) else request.text
    nats = -loglikelihood if math.isfinite(loglikelihood) else None
    return Likelihood(nats, len(encode(scored)), is_greedy, "no probability" if nats is None else None)
