"""An eval of bakeoff as a task of lm_eval's, for any model that lm_eval knows. Those that are offered are in tasks/.

The eval's own code makes the samples and scores the answers, so a number here is the number there. A task's YAML names
it as on bakeoff's command line:

    task: bakeoff_arithmetic_qa
    class: !function harness.lm_eval.exported.EvalTask
    overrides: ["evals=[arithmetic]", "evals.arithmetic.style=qa"]
    metric_list: ...    those of the eval's measures that are reported

and `--metadata '{"overrides": ["evals.arithmetic.max_digits=5"]}'` adds to that. What differs from a run of bakeoff:
there is no tokenizer of ours, so what an eval counts in tokens it counts in bytes; text is written greedily and without
stop texts, which are found afterwards, so that the eval can tell whether the model came to one; how likely single
tokens were isn't known; and a conversation that is longer than a transformers model's window loses whole turns at its
beginning (harness/lm_eval/window.py).
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
    """An eval, and what it asks."""

    eval: Eval
    material: Material
    samples: Mapping[str, Sample]

    def requests(self, doc: Mapping[str, Any]) -> Sequence[Request]:
        return self.eval.requests(self.samples[doc["id"]], self.material)


class EvalTask(ConfigurableTask):  # type: ignore[misc]
    """See the module."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        given = {name: value for name, value in config.items() if name not in ("class", "overrides")}
        about = given.get("metadata") or {}
        self._exported = _export([*config["overrides"], *about.get("overrides", [])])
        self._window = Window.of(about)
        if self._window is not None and not self._window.opens_texts:
            log.warning(
                "%s: texts are not opened with a start token, so scores differ from those of `bakeoff run model=hf`. "
                "Add add_bos_token=True to --model_args",
                config["task"],
            )
        super().__init__(
            config={
                **given,
                "output_type": "generate_until",
                "generation_kwargs": {"until": [], "do_sample": False, **(given.get("generation_kwargs") or {})},
                "test_split": "test",
                "doc_to_text": "prompt",
                "doc_to_target": "target",
                "num_fewshot": 0,
                "process_results": "the eval's own",
            }
        )

    def download(self, dataset_kwargs: Any = None, **kwargs: Any) -> None:
        """The samples are made here and now."""
        samples = self._exported.samples.values()
        docs = [{"id": sample.id, "prompt": sample.prompt, "target": sample.target} for sample in samples]
        self.dataset = {"test": Dataset.from_list(docs)}

    def construct_requests(self, doc: Mapping[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """What lm_eval is to ask: each thing once."""
        about = kwargs["metadata"]
        instances: list[Instance] = []
        for kind, *arguments in self._asked(doc).values():
            prompt = self._fitting(*arguments) if ctx == doc["prompt"] else ctx
            # what lm_eval has made of the prompt takes its place
            put = tuple(prompt if argument == doc["prompt"] else argument for argument in arguments)
            instances.append(Instance(kind, doc, put, len(instances), about))
        return instances

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
        """The eval's measures; one that could not be had, or isn't of this kind of sample, is left out."""
        exported = self._exported
        given = dict(zip(self._asked(doc), results, strict=True))
        answers = [_answer(request, given[self._key(request)], exported.material) for request in exported.requests(doc)]
        values = exported.eval.score(exported.samples[doc["id"]], answers, exported.material).values
        return {name: float(value) for name in self._metric_fn_list if (value := values.get(name)) is not None}

    def _fitting(self, prompt: str, target: str | Mapping[str, Any] = "") -> str:
        """A prompt that fits into the model's window together with what comes after it: a continuation, or the tokens
        that a completion may take."""
        if self._window is None:
            return prompt
        num_more = self._window.num_tokens(target) if isinstance(target, str) else target["max_gen_toks"]
        return self._window.shortened(prompt, num_more, self._exported.material.corpus.chat_format)

    def _asked(self, doc: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        """The different ones among a document's requests, in their order."""
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
            raise UserError("lm_eval's models can't be asked to compress a text. Leave this eval to `bakeoff run`.")


def _answer(request: Request, result: Any, material: Material) -> Answer:
    """What lm_eval's model said, as an answer of ours."""
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
