"""Tasks of lm-evaluation-harness as an eval: their results are in our records and reports, sample by sample.

Documents, prompts, filters, scoring and aggregation are lm_eval's (see harness/lm_eval). Requests are answered in our
batches, and text is generated with the run's decoding strategy. A metric's name is `task.metric`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material, metric_of
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Answer, Complete, Request, Sample, Score, ScoreContinuation, ScoreText
from harness.evaluation.rows import parsed
from harness.lm_eval import prepare
from harness.lm_eval.flags import check_tasks
from harness.scoring.answers import Likelihood
from harness.text.utf8 import encode_utf8

if TYPE_CHECKING:
    import pandas as pd

    from harness.lm_eval.questions import Questions, Response


@dataclass(frozen=True)
class LmEval(Eval):
    """Options of the lm_eval eval, named as on lm_eval's command line."""

    name: ClassVar[str] = "lm_eval"
    version: ClassVar[int] = 2
    why_no_samples: ClassVar[str] = "the tasks have no documents"

    tasks: list[str] = field(default_factory=lambda: ["bakeoff_arithmetic"])
    """Names of tasks, groups or tags; also patterns such as mmlu_*."""
    include_path: str | None = None
    """A folder with tasks of your own, beside lm_eval's and bakeoff's; None: none."""
    num_fewshot: int | None = None
    """Solved examples in each prompt, 0 or more; None: as the task says."""
    limit: float | None = None
    """How many documents of each task are asked, from the first on; below 1: that share of them; None: all."""
    apply_chat_template: bool = False
    """Whether prompts are written as a transcript."""

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("tasks is empty: name some, as evals.lm_eval.tasks=[arithmetic_2da,wikitext]")
        if self.include_path is None:
            check_tasks(self.tasks)
        elif not os.path.isdir(os.path.expanduser(self.include_path)):
            raise ValueError(
                f"include_path={self.include_path} is no folder: name one with YAML files of tasks, or null for none"
            )
        if self.num_fewshot is not None and self.num_fewshot < 0:
            raise ValueError(f"num_fewshot={self.num_fewshot} is not allowed: it must be 0 or more, or null")
        if self.limit is not None and not self.limit > 0:
            raise ValueError(f"limit={self.limit} is not allowed: it must be above 0, or null for all documents")

    @property
    def uses_decoding(self) -> bool:  # type: ignore[override]
        return self._questions.generates

    @property
    def content_sha256(self) -> str:
        """SHA-256 (hex) of all questions: other documents under the same names make another eval."""
        return self._questions.content_sha256

    @property
    def _questions(self) -> Questions:
        prepare()
        from harness.lm_eval.questions import TaskSelection, load

        return load(
            TaskSelection(tuple(self.tasks), self.include_path, self.num_fewshot, self.limit, self.apply_chat_template)
        )

    def samples(self, material: Material) -> Iterable[Sample]:
        for question in self._questions.by_id.values():
            yield Sample(question.id, question.prompt, question.target)

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return self._questions.by_id[sample.id].requests

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        from harness.lm_eval.metrics import numbers

        question = self._questions.by_id[sample.id]
        responses = question.responses(answers, material.tokenizer)
        known = [response for response in responses if response is not None]
        measures = numbers(question, known) if len(known) == len(responses) else {}
        texts = [response for response in known if isinstance(response, str)]
        about = _about(question.requests[0], answers[0]) if len(answers) == 1 else {}
        return Score({**_stored(responses), **measures}, answer=_as_one(texts), **about)

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        from harness.lm_eval.metrics import findings

        questions = self._questions
        responses = {
            name: _restored(questions.by_id[name].requests, parsed(values), answer)
            for name, values, answer in zip(rows["sample_id"], rows["values"], rows["answer"], strict=True)
        }
        return [
            metric_of(
                self,
                finding.name,
                finding.estimate,
                finding.unit,
                finding.higher_is_better,
                chance=finding.chance,
                formed_by=finding.formed_by,
                uses_decoding=finding.uses_decoding,
            )
            for finding in findings(questions, responses)
        ]


def _about(request: Request, answer: Answer) -> dict[str, Any]:
    """The facts that a row stores about its only answer."""
    if isinstance(answer, Completion):
        return {"finish_reason": answer.finish_reason, "num_tokens": len(answer.tokens)}
    assert isinstance(answer, Likelihood)
    assert isinstance(request, ScoreText | ScoreContinuation)
    text = request.text if isinstance(request, ScoreText) else request.continuation
    return {"nats": answer.nats, "num_tokens": answer.num_tokens, "num_bytes": len(encode_utf8(text))}


# A row stores all that lm_eval's scoring needs: log-likelihoods as numbered measures, texts as the answer.


def _stored(responses: Sequence[Response | None]) -> dict[str, float | None]:
    stored: dict[str, float | None] = {}
    for index, response in enumerate(responses):
        if isinstance(response, str):
            continue
        stored[f"loglikelihood.{index}"] = response[0] if isinstance(response, tuple) else response
        if isinstance(response, tuple):
            stored[f"is_greedy.{index}"] = response[1]
    return stored


def _as_one(texts: Sequence[str]) -> str:
    """One text unchanged; several as a JSON list."""
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False) if texts else ""


def _restored(requests: Sequence[Request], values: Mapping[str, float | None], answer: str) -> list[Response] | None:
    """The responses that a row was made from; None where a probability is missing."""
    num_texts = sum(isinstance(request, Complete) for request in requests)
    texts = iter([answer] if num_texts == 1 else json.loads(answer) if num_texts else [])
    restored: list[Response] = []
    for index, request in enumerate(requests):
        if isinstance(request, Complete):
            restored.append(next(texts))
            continue
        loglikelihood = values[f"loglikelihood.{index}"]
        if loglikelihood is None:
            return None
        greedy = values.get(f"is_greedy.{index}")
        restored.append(loglikelihood if greedy is None else (loglikelihood, bool(greedy)))
    return restored
