"""N-grams: the next token depends on the last few, by counts of the tokens that followed them in training.

A model is a back-off model over a trie of n-grams, and what it remembers of the past is one node of it
(models/ngrams/trie.py): the longest end of the text that is a context. Training counts (models/ngrams/counting.py),
smooths (models/ngrams/smoothing.py), and leaves out what the options or a parameter budget ask for
(models/ngrams/pruning.py).

Documents are cut: no context reaches past the start token. Where it ends a document, the start token is predicted like
any other token, as KenLM's </s>; where it opens one it is only context, as KenLM's <s>.

Shape legend: B rows, T tokens, V vocabulary size, X nodes of the trie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models.checks import Impossible, check_tokens, stored_array
from models.inner import Evidence, Inner
from models.language_model import Cost, CountingModel, OnStep, State, ignore
from models.ngrams import smoothing as methods
from models.ngrams.backoff import BackoffModel
from models.ngrams.counting import Counter, Counts
from models.ngrams.pruning import cut_off, prune
from models.ngrams.stored import stored_counts, stored_model
from models.ngrams.trie import ROOT, Floats
from models.ngrams.unbounded import BASE_ORDER, UnboundedNGram
from models.settings.ngram import NGramConfig, SmoothingName


def make_ngram(config: NGramConfig, vocab_size: int, start_token: int) -> CountingModel:
    """A new model with these options."""
    if config.order == "inf":
        factors = {"stupid_backoff": config.backoff_factor, "maximum_likelihood": 0.0}
        base = NGram(replace(config, order=BASE_ORDER), vocab_size, start_token)
        return UnboundedNGram(config, base, factors.get(config.smoothing))
    return NGram(config, vocab_size, start_token)


def make_smoothing(config: NGramConfig) -> methods.Smoothing:
    """The smoothing that the options name."""
    by_name: dict[SmoothingName, methods.Smoothing] = {
        "modified_kneser_ney": methods.ModifiedKneserNey(),
        "absolute_discounting": methods.AbsoluteDiscounting(),
        "witten_bell": methods.WittenBell(),
        "katz": methods.Katz(),
        "jelinek_mercer": methods.JelinekMercer(),
        "add_k": methods.AddK(config.pseudo_count),
        "stupid_backoff": methods.StupidBackoff(config.backoff_factor),
        "maximum_likelihood": methods.MaximumLikelihood(),
    }
    return by_name[config.smoothing]


@dataclass(frozen=True, eq=False)
class NGramState(State):
    """logprobs (B, V), and by row the longest context that matters (B,): a node of the trie."""

    logprobs: Tensor
    contexts: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], self.contexts[index])


class NGram(CountingModel):
    """A back-off model over the n-grams of a training stream."""

    config: NGramConfig
    order: int
    """As in the config, where it is a number."""
    parameters: Floats
    """(order, P): what the smoothing estimated for all contexts of a length, as Kneser-Ney's three discounts."""

    def __init__(self, config: NGramConfig, vocab_size: int, start_token: int) -> None:
        assert config.order != "inf", "make_ngram makes an UnboundedNGram of it"
        self.config = config
        self.order = config.order
        self.vocab_size = vocab_size
        self.start_token = start_token
        self.scratch_folder: Path | None = None
        self._counter: Counter | None = None
        self._counts: Counts | None = None
        self._fitted: BackoffModel | None = None

    @property
    def context_length(self) -> int:
        return self.order - 1

    @property
    def why_no_distribution(self) -> str | None:
        if make_smoothing(self.config).is_distribution:
            return None
        return f"smoothing={self.config.smoothing} gives scores that don't sum to one, not probabilities"

    @property
    def backoff_model(self) -> BackoffModel:
        """What was fitted."""
        if self._fitted is None:
            raise RuntimeError("This ngram model has counted nothing: call count, then finish, or load.")
        return self._fitted

    def count(self, tokens: Tensor) -> None:
        stretch = tokens.numpy()
        check_tokens(stretch, self.vocab_size)
        if self._counter is None:
            self._counter = self._new_counter()
        if not self._counter.num_tokens and len(stretch) and stretch[0] != self.start_token:
            raise ValueError(
                f"The training stream opens with token {stretch[0]}, not the start token {self.start_token}."
            )
        self._counter.add(stretch)

    def _new_counter(self) -> Counter:
        config = self.config
        counter = Counter(
            self.order, self.vocab_size, self.start_token, config.counting_megabytes << 20, self.scratch_folder
        )
        if self._fitted is not None:
            if self._counts is None:
                raise Impossible(
                    "this ngram fit can't be continued, because it didn't store its counts. Fit it with "
                    "model.keep_counts=true, and without budget.num_params, which leaves n-grams out."
                )
            counter.go_on_from(self._counts)
        return counter

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        with self._counter or self._new_counter() as counter:
            counts = counter.counts()
        self._counter = None
        on_step(0.4)
        config, method = self.config, make_smoothing(self.config)
        tallies = methods.tally(counts, self.start_token, method.adjusted, cut_off(counts, config.cutoffs))
        documents = [document.numpy() for document in held_out]
        self.parameters = method.parameters(tallies, documents)
        probabilities, backoffs = method.estimate(tallies, self.parameters, lambda share: on_step(0.4 + 0.5 * share))
        with np.errstate(divide="ignore"):  # no probability is minus infinity
            model = BackoffModel(tallies.trie, np.log(probabilities), np.log(backoffs))
        model.log_backoffs[ROOT] = 0.0  # below single tokens there is nothing to back off to
        if num_params is not None and method.gives_zeros and model.num_params > num_params:
            raise Impossible(
                f"budget.num_params={num_params:,} can't be met by model=ngram with smoothing={config.smoothing}, "
                f"which has {model.num_params:,} parameters and can't be pruned. Allow at least that many, "
                "lower model.order, raise model.cutoffs, or pick another smoothing."
            )
        model = prune(model, tallies.context_shares, config.prune_threshold, num_params)
        self._fitted = model
        self._counts = counts if config.keep_counts and model.trie.num_nodes == counts.trie.num_nodes else None
        on_step(1.0)

    def start(self, num_rows: int = 1) -> NGramState:
        model = self.backoff_model
        contexts = np.repeat(model.context_after(ROOT, self.start_token), num_rows)
        return NGramState(torch.from_numpy(model.distributions(contexts)), torch.from_numpy(contexts))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, NGramState)
        num_rows, num_tokens = tokens.shape
        check_tokens(tokens.numpy(), self.vocab_size)
        model = self.backoff_model
        passed = model.contexts_after(state.contexts.numpy(), tokens.numpy())
        after = torch.from_numpy(model.distributions(passed.ravel())).view(num_rows, num_tokens, self.vocab_size)
        if lengths is None:
            lengths = torch.full((num_rows,), num_tokens)
        row = torch.arange(num_rows)
        contexts = torch.cat([state.contexts[:, None], torch.from_numpy(passed)], dim=1)[row, lengths]
        logprobs = state.logprobs
        if num_tokens:
            logprobs = torch.where((lengths > 0)[:, None], after[row, (lengths - 1).clamp(min=0)], logprobs)
        return after, NGramState(logprobs, contexts)

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        check_tokens(tokens.numpy(), self.vocab_size)
        num_rows, num_tokens = tokens.shape
        ends = np.full(num_rows, num_tokens) if lengths is None else lengths.numpy()
        contexts = np.repeat(self.backoff_model.context_after(ROOT, self.start_token), num_rows)
        return torch.from_numpy(self.backoff_model.score(contexts, tokens.numpy(), ends, torch.get_num_threads()))

    def inner(self, tokens: Tensor) -> Inner:
        """Counts are there where the fit kept them (`keep_counts`)."""
        model, text = self.backoff_model, [self.start_token, *tokens.tolist()]
        context, evidence = model.context_after(ROOT, self.start_token), []
        for position, token in enumerate(text[1:], 1):
            contexts, ngram = model.backed_off(context, token)
            evidence.append(
                tuple(
                    Evidence(
                        tuple(text[position - model.trie.length(node) : position]),
                        float(np.exp(model.logprobs[ngram])) if is_last else 0.0,
                        0.0 if is_last else float(np.exp(model.log_backoffs[node])),
                        *self._counted(node, ngram if is_last else None),
                    )
                    for node in contexts
                    for is_last in [node == contexts[-1]]
                )
            )
            context = model.context_after(context, token)
        return Inner(evidence=tuple(evidence))

    def _counted(self, context: int, ngram: int | None) -> tuple[int | None, int | None]:
        """How often an n-gram occurs (None: never), and how often its context is followed by any token; None where the
        fit kept no counts."""
        if self._counts is None:
            return None, None
        first_child, counts = self._counts.trie.first_child, self._counts.counts
        total = int(counts[first_child[context] : first_child[context + 1]].sum())
        return 0 if ngram is None else int(counts[ngram]), total

    def cost(self) -> Cost:
        """What a parameter of an n-gram is: `BackoffModel.num_params`."""
        return Cost(
            num_params=self.backoff_model.num_params,
            model_bytes=sum(tensor.nbytes for tensor in self.tensors().values()),
            flops_per_token=0,
            state_bytes_at_context=4 * self.vocab_size + 8,
        )

    def tensors(self) -> dict[str, Tensor]:
        model = self.backoff_model
        arrays = {
            "tokens": model.trie.tokens,
            "first_child": model.trie.first_child,
            "level_begins": np.array(model.trie.level_begins),
            "logprobs": model.logprobs,
            "log_backoffs": model.log_backoffs,
            "parameters": self.parameters,
        }
        if self._counts is not None:
            counted = self._counts
            arrays |= {
                "counts": counted.counts,
                "tail": counted.tail,
                "num_tokens": np.array([counted.num_tokens]),
            }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the arrays are no model of these options."""
        model = stored_model(tensors, self.order, self.vocab_size, self.start_token)
        self.parameters = stored_array(tensors, "parameters", torch.float64, (self.order, None)).numpy()
        self._counts = stored_counts(tensors, model.trie, self.start_token)
        self._fitted = model
