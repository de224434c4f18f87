"""A fit as an lm_eval model: `--model bakeoff --model_args run=RUN`.

lm_eval's conventions hold. Trailing spaces of a context are scored with the continuation. Both are tokenized together
and split where the context ends; where a token would cross that place, each is tokenized alone. Generation is greedy
unless a task or --gen_kwargs say otherwise; the run's own decoding strategy isn't used. These conventions are ours:
- The start token is read before every context, as everywhere in bakeoff (lm_eval's models for transformers do so with
  add_bos_token=True).
- Windows slide (models/windowed.py), so nothing of a long context is cut off. Rolling log-likelihoods score each token
  once, from the start token, with more context than adjacent windows would give. Families without a window read
  everything.
- Answers depend neither on the batch size nor on the order. Cached answers (--use_cache) belong to one fit; another fit
  never gets them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import CacheHook, TemplateLM
from lm_eval.utils import simple_parse_args_string

from harness.common.errors import UserError, closest
from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.completion.engine import Engine
from harness.completion.sequence import Prompt
from harness.lm_eval import messages as chat
from harness.lm_eval.generation import GenerationRequest
from harness.runs.lookup import find_fit
from harness.scoring.answers import Likelihood
from harness.scoring.likelihood import document_logprobs, likelihood, nats, score_targets
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE
from harness.text.tokenizers.tokenizer import encode_continuation
from harness.training.fits import Fit, load_fit, pick_device

_ARGUMENTS = ("run", "results", "seed", "model", "batch_size", "max_batch_size", "device")
Pair = tuple[tuple[str, str], list[int], list[int]]
"""One lm_eval request: (context, continuation), and the tokens of each."""


class BakeoffLM(TemplateLM):  # type: ignore[misc]
    """Any family under lm_eval."""

    def __init__(self, fit: Fit, batch_size: int = DEFAULT_BATCH_SIZE, seed: int | None = None) -> None:
        """seed: for sampling; None: torch's seed, which lm_eval's --seed sets."""
        super().__init__()
        self.fit = fit
        self.batch_size = batch_size
        self._seed = torch.initial_seed() if seed is None else seed
        self._encode = fit.tokenizer.encode
        self._chats = False

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: Mapping[str, Any], additional_config: Mapping[str, Any] | None = None
    ) -> Self:
        """From --model_args: `run` (an id, a unique prefix of one, or a folder), `results` (the results folder;
        'results'), `seed`; `model` is a name for lm_eval's own files. UserError for anything else."""
        options = {
            **arg_dict,
            **{name: value for name, value in (additional_config or {}).items() if value is not None},
        }
        unknown = [name for name in options if name not in _ARGUMENTS]
        if unknown or "run" not in options:
            wrong = f"has no {unknown[0]!r}.{closest(unknown[0], _ARGUMENTS)}" if unknown else "needs run=RUN."
            raise UserError(
                f"--model bakeoff {wrong} Allowed: --model_args run=RUN,results=DIR,seed=N; run is required."
            )
        device = str(options.get("device", "auto"))
        if device.startswith("cuda") and not torch.cuda.is_available():
            device = "auto"  # lm_eval passes cuda:0 by default
        folder = find_fit(str(options["run"]), Path(str(options.get("results", "results"))))
        return cls(
            load_fit(folder, pick_device(device)), _batch_size(options.get("batch_size", "auto")), options.get("seed")
        )

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: Mapping[str, Any] | None = None) -> Self:
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @property
    def eot_token_id(self) -> int:
        return self.fit.tokenizer.start_token

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """The tokens without the start token, which our models read by themselves."""
        tokens: list[int] = self._encode(string).tolist()
        return tokens

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """As in evals of bakeoff (`encode_continuation`)."""
        kept = context.rstrip()
        pair = encode_continuation(self.fit.tokenizer, kept, context[len(kept) :] + continuation)
        return pair[0].tolist(), pair[1].tolist()

    def _loglikelihood_tokens(
        self, requests: Sequence[Pair], disable_tqdm: bool = False, **kwargs: Any
    ) -> list[tuple[float, bool]]:
        answers: dict[int, tuple[float, bool]] = {}
        order = sorted(range(len(requests)), key=lambda at: (len(requests[at][1]), *requests[at][1:]))
        with Progress("loglikelihood", len(requests), "requests") as progress:
            for batch in self._batches(order):
                # lm_eval gives the start token for an empty context
                contexts = [[] if requests[at][1] == [self.eot_token_id] else requests[at][1] for at in batch]
                likelihoods = score_targets(
                    self.fit.model,
                    [np.array(context, dtype=np.int64) for context in contexts],
                    [np.array(requests[at][2], dtype=np.int64) for at in batch],
                    self.batch_size,
                    progress.advance,
                )
                for at, scored in zip(batch, likelihoods, strict=True):
                    answers[at] = self._logprob(scored), bool(scored.is_greedy)
                    self.cache_hook.add_partial("loglikelihood", requests[at][0], answers[at])
        return [answers[at] for at in range(len(requests))]

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        texts = [request.args[0] for request in requests]
        encoded = [self._encode(text) for text in texts]
        answers: dict[int, float] = {}
        with Progress("loglikelihood_rolling", sum(map(len, encoded)), "tokens") as progress:
            for batch in self._batches(sorted(range(len(texts)), key=lambda at: len(encoded[at]))):
                logprobs_of_batch = document_logprobs(self.fit.model, [encoded[at] for at in batch], progress.advance)
                for at, logprobs in zip(batch, logprobs_of_batch, strict=True):
                    answers[at] = self._logprob(likelihood(self.fit.model, nats(logprobs), len(logprobs)))
                    self.cache_hook.add_partial("loglikelihood_rolling", (texts[at],), answers[at])
        return [answers[at] for at in range(len(texts))]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        generations = [GenerationRequest.of(request.args[0], request.args[1], self._chats) for request in requests]
        seeds = self._seeds([request.args for request in requests])
        alike: dict[str, list[int]] = {}
        for at, generation in enumerate(generations):
            alike.setdefault(repr(generation.options), []).append(at)
        model, tokenizer = self.fit.model, self.fit.tokenizer
        engines = [
            (Engine(model, tokenizer, generations[batch[0]].strategy(), self.batch_size), batch)
            for batch in alike.values()
        ]
        answers: dict[int, str] = {}
        with Progress("generate_until", len(requests), "requests") as progress:
            for engine, of_engine in engines:
                for batch in self._batches(sorted(of_engine, key=lambda at: len(generations[at].prompt))):
                    prompts = [
                        Prompt(generations[at].prompt, generations[at].max_new_tokens, generations[at].stop, seeds[at])
                        for at in batch
                    ]
                    for at, completion in zip(batch, engine.complete(prompts, progress.advance), strict=True):
                        answers[at] = generations[at].finish(tokenizer.decode(completion.tokens))
                        self.cache_hook.add_partial("generate_until", requests[at].args, answers[at])
        return [answers[at] for at in range(len(requests))]

    def apply_chat_template(self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        self._chats = True
        return chat.render(chat_history, add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str:
        """The format's name, for lm_eval's records; UserError for another one."""
        if isinstance(chat_template, str) and chat_template != chat.FORMAT.name:
            raise UserError(f"--apply_chat_template {chat_template!r} isn't known. Allowed: {chat.FORMAT.name}.")
        self._chats = self._chats or bool(chat_template)
        return chat.FORMAT.name if chat_template else ""

    @property
    def tokenizer_name(self) -> str:
        return f"{chat.FORMAT.name}-{self.fit.tokenizer.fingerprint[:12]}"

    def set_cache_hook(self, cache_hook: CacheHook) -> None:
        """Add the fit's id to the keys of the cache: lm_eval's own keys are only the requests."""
        super().set_cache_hook(cache_hook)
        if cache_hook.dbdict is not None:
            of_fit = f"bakeoff fit {self.fit.id}: "
            cache_hook.dbdict.encode_key = lambda key: of_fit + key
            cache_hook.dbdict.decode_key = lambda key: key.removeprefix(of_fit)

    def get_model_info(self) -> dict[str, Any]:
        """Facts about the model for lm_eval's results."""
        return {
            "model_family": self.fit.model.config.family,
            "model_num_parameters": self.fit.model.cost().num_params,
            "model_fit_id": self.fit.id,
        }

    def _batches(self, order: Sequence[int]) -> Iterator[Sequence[int]]:
        """The requests in batches. One batch is answered and cached (--use_cache) before the next."""
        return (order[begin : begin + self.batch_size] for begin in range(0, len(order), self.batch_size))

    def _logprob(self, scored: Likelihood) -> float:
        if self.fit.model.why_no_distribution is not None:
            raise UserError(f"lm_eval asks for log-likelihoods, but {self.fit.model.why_no_distribution}.")
        return -math.inf if scored.nats is None else -scored.nats

    def _seeds(self, requests: Iterable[tuple[Any, ...]]) -> list[int]:
        """One seed for each request; equal requests get different seeds."""
        times: dict[str, int] = {}
        seeds = []
        for request in map(repr, requests):
            times[request] = times.get(request, 0) + 1
            seeds.append(seed_of(self._seed, request, times[request]))
        return seeds


def _batch_size(value: Any) -> int:
    """lm_eval's --batch_size: a number, 'auto' or 'auto:N'."""
    if str(value).partition(":")[0] == "auto":
        return DEFAULT_BATCH_SIZE
    try:
        size = int(value)
    except ValueError:
        size = 0
    if size < 1:
        raise UserError(f"batch_size={value} is not allowed: it must be a number from 1 up, or auto.")
    return size
