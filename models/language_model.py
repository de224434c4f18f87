"""The contract that every family of language models meets.

A language model gives, for the text read so far, a probability for every next token. Families differ in how they
compute it; nothing else in bakeoff needs to know how. A model knows only token ids: no text, no
user's files, no configuration tool, no eval.

Which row scores which token. `logprobs(tokens)` of T tokens has T + 1 rows:

    tokens            t0    t1    t2
    row         0     1     2     3
                |     |     |     +-- what comes after t2
                |     |     +-------- what comes after t1: row 2 scores t2
                |     +-------------- what comes after t0: row 1 scores t1
                +-------------------- what opens a document: row 0 scores t0

so row t scores token t, the first token of a document is scored too, and the empty prompt has a distribution. No caller
ever adds a start token: `start()` has read it already, and no family scores it.

Two ways to ask, which must agree (tests/models/test_language_model.py):
- all at once: `logprobs`, `token_logprobs`;
- step by step: `start()`, then `read(state, tokens)` again and again. A `State` is a value: reading from it twice,
  in any order, gives the same answers, so it can be kept, forked with `select`, and resumed.

torch is imported only where a method computes, so that a family's options are checked without it. What families of
torch modules share is in models/neural_model.py.

Shape legend: B rows (sequences), T tokens, V vocabulary size. Log-probabilities are natural logarithms, float32, and
every (V,) row sums to one in probability.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from models.inner import Inner

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WEIGHTS_FILE = "weights.safetensors"
OnStep = Callable[[float], None]
"""Called with the fraction of the work that is done, from 0 to 1."""
OptimizerName = Literal["adamw", "muon", "sgd"]
HOW_TRAINED = ("learning_rate", "optimizer")
"""The options of a neural family that say how it is trained, not what it is: its weights fit any values of them."""
# No temporary of more than this many float32 values while a long text is scored.
_MAX_VALUES_AT_ONCE = 1 << 24


def ignore(fraction: float) -> None:
    """An `OnStep` that does nothing."""


@dataclass(frozen=True)
class Cost:
    """What a model costs, whatever its family."""

    num_params: int
    """Numbers that the fit chose (weights, or stored counts), embeddings included."""
    model_bytes: int
    """Size of the weights on disk, in bytes."""
    flops_per_token: int
    """Floating-point operations to score one token, forward only; a table look-up counts as zero."""
    state_bytes_at_context: int
    """Size of one row's state after `context_length` tokens (1,024 where that is unbounded), in bytes."""


@dataclass(frozen=True)
class ModelConfig(ABC):
    """What a user can choose about a family: one subclass a family, one field an option.

    A wrong value raises ValueError with a sentence for the user, when the config is made.
    """

    family: ClassVar[str]
    """The family's name, as in `model=`."""
    version: ClassVar[int] = 1
    """Increment it when the same options give a different model, so that old fits aren't used again."""
    width_field: ClassVar[str | None] = None
    """The option that a parameter budget solves for; None where a family has no width."""
    width_step: ClassVar[int] = 1
    """Widths are multiples of this; a config may narrow it (see `width_multiple`)."""

    prunes: ClassVar[bool] = False
    """Whether a parameter budget is met by leaving parameters out once the model is fitted."""
    is_fitted: ClassVar[bool] = False
    """Whether the family comes with its weights, so that there is nothing to train."""

    @property
    def width_multiple(self) -> int:
        """What the width must be a multiple of, given the other options."""
        return self.width_step

    @property
    def is_deterministic(self) -> bool:
        """Whether every seed gives the same fit, as where counts decide."""
        return False

    @property
    def uses_num_params(self) -> bool:
        """Whether a parameter budget changes how large the model gets."""
        return self.width_field is not None or self.prunes

    @property
    def trained_from(self) -> ModelConfig:
        """The options of the model that was picked, where post-training has made another one of it; else these."""
        return self

    @property
    def is_backoff(self) -> bool:
        """Whether the model is an n-gram model with an order, which an ARPA file can hold."""
        return False

    def for_counting_on(self) -> Self:
        """The same options, for a model that can continue counting after it has been saved and loaded."""
        return self

    @property
    def num_stored_params(self) -> int | None:
        """Of weights that were trained elsewhere; None: there are none."""
        return None

    @property
    def window_length(self) -> int | None:
        """The tokens, the start token included, after which a window must slide; None: there is no window, or it isn't
        known before the model is built."""
        return None

    @abstractmethod
    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        """A new, untrained model over `vocab_size` tokens, whose documents open with `start_token`.

        Neural weights are drawn from torch's current generator: seed it around this call.
        """


@dataclass(frozen=True, kw_only=True)
class NeuralModelConfig(ModelConfig):
    """What training needs to know about a family that learns by gradients, apart from the batch and the budget.

    A family gives `learning_rate` a default, and `optimizer` another one where it learns better with it.
    """

    learning_rate: float
    """Highest learning rate of the schedule; each family's default suits its default size."""
    optimizer: OptimizerName = "adamw"
    """adamw (Loshchilov & Hutter 2019), muon (Jordan et al. 2024: hidden matrices; adamw for the rest), or sgd."""

    def trained_as(self, other: NeuralModelConfig) -> Self:
        """This model, trained in the way of the other: its own options, but for those in HOW_TRAINED."""
        return replace(self, **{name: getattr(other, name) for name in HOW_TRAINED})


class State(ABC):
    """What a model has read, as a value: never changed once handed out.

    `logprobs` (B, V) float32: what each row expects next.
    """

    logprobs: Tensor

    @property
    def num_rows(self) -> int:
        return self.logprobs.shape[0]

    @abstractmethod
    def select(self, rows: Tensor | Sequence[int]) -> Self:
        """The state of these rows, in this order; a row may be named never, once or many times."""


class LanguageModel(ABC):
    """Probabilities for the next token, whatever the family. See the module's drawing."""

    config: ModelConfig
    vocab_size: int
    start_token: int
    """The id that opens every document. Part of the vocabulary: giving it a probability says 'the document ends'."""

    @property
    def why_no_distribution(self) -> str | None:
        """Why this model's scores aren't log-probabilities; None where they are, as in nearly every family.

        Without log-probabilities text can be generated (the engine makes each row sum to one), but not scored.
        """
        return None

    @property
    def context_length(self) -> int | None:
        """The most tokens that a prediction can depend on; None where that is unbounded."""
        return None

    @property
    def num_stored_params(self) -> int | None:
        """Of weights that were trained elsewhere; None: there are none."""
        return None

    @property
    def window_length(self) -> int | None:
        """The tokens, the start token included, after which a window must slide; None for families without a window."""
        return None

    def num_context_tokens(self, num_tokens: int) -> Tensor:
        """How many tokens before it, the start token included, each token of a document can depend on: (T,) int64."""
        import torch

        num_before = torch.arange(1, num_tokens + 1)
        return num_before if self.context_length is None else num_before.clamp(max=self.context_length)

    @abstractmethod
    def start(self, num_rows: int = 1) -> State:
        """The state of `num_rows` rows that have read nothing yet."""

    @abstractmethod
    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Read more tokens from a state.

        tokens: (B, T) int64, T >= 0; row b counts as `tokens[b, :lengths[b]]` (all T where lengths is None; 0 is
        allowed and leaves that row as it was). Ids past a row's length may be anything in the vocabulary. Returns
        (logprobs (B, T, V), the state after each row's last token). Row [b, t] is the distribution after tokens[b, :t +
        1]; rows past a row's length are unspecified. Where a row grows past `context_length`, the oldest tokens are
        forgotten by a rule that depends on that row's own length alone.
        """

    def partway(self, before: State, after: State, logprobs: Tensor, counts: Sequence[int]) -> State | None:
        """The state after only the first `counts[b]` of the tokens that took each row from `before` to `after`, where a
        family can get it more cheaply than by reading again; None where it can't.

        logprobs: (B, T, V), what `read` gave for these T tokens.
        """
        return None

    def inner(self, tokens: Tensor) -> Inner:
        """What is computed while a text is read, for people to look at.

        tokens: (T,) int64; with the start token they fit into a window, where the family has one.
        """
        return Inner()

    @abstractmethod
    def cost(self) -> Cost:
        """What this model costs now."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Everything that was learnt, by name, for `save`."""

    @abstractmethod
    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Use the values that `tensors()` returned."""

    def logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """All distributions at once. tokens: (B, T) int64. Returns (B, T + 1, V); see the module's drawing."""
        import torch

        state = self.start(tokens.shape[0])
        after, _ = self.read(state, tokens, lengths)
        return torch.cat([state.logprobs[:, None], after], dim=1)

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The log-probability of each token given those before it, from the start of a document.

        tokens: (B, T) int64. Returns (B, T) float32; entries past a row's length are unspecified. Reads in pieces, so a
        long text never needs (B, T, V) at once.
        """
        import torch

        num_rows, num_tokens = tokens.shape
        piece = max(1, _MAX_VALUES_AT_ONCE // max(1, num_rows * self.vocab_size))
        state = self.start(num_rows)
        scored = []
        for begin in range(0, num_tokens, piece):
            part = tokens[:, begin : begin + piece]
            rest = None if lengths is None else (lengths - begin).clamp(0, part.shape[1])
            before = state.logprobs[:, None]
            after, state = self.read(state, part, rest)
            rows = torch.cat([before, after[:, :-1]], dim=1)
            scored.append(rows.gather(2, part[:, :, None].to(rows.device))[:, :, 0])
        return torch.cat(scored, dim=1) if scored else torch.zeros(num_rows, 0)

    def on(self, device: torch.device) -> Self:
        """This model in evaluation mode, on the device if its family can use one."""
        return self

    def save(self, folder: Path) -> None:
        """Write the weights into a folder (safetensors)."""
        from safetensors.torch import save

        packed = save({name: value.contiguous() for name, value in self.tensors().items()})
        (folder / WEIGHTS_FILE).write_bytes(packed)  # not save_file, so that a full disk raises OSError

    def load(self, folder: Path) -> Self:
        """Load the weights that `save` wrote, bit for bit."""
        from safetensors.torch import load_file

        self.load_tensors(load_file(folder / WEIGHTS_FILE))
        return self


class CountingModel(LanguageModel):
    """A family that is trained by counting, in one pass."""

    scratch_folder: Path | None = None
    """Where counting may keep temporary files; None: the system's folder for them."""
    learns: ClassVar[bool] = True
    """Whether counting changes it at all; where it doesn't, post-training doesn't either."""

    @abstractmethod
    def count(self, tokens: Tensor) -> None:
        """Count a stretch of the training stream. tokens: (N,) int64, documents each opened by the start token.

        Stretches follow one another: n-grams that span two calls are counted too. A finished or loaded model can
        continue counting, and is then finished again.
        """

    @abstractmethod
    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        """Turn the counts into probabilities. Called after the last `count`; without it nothing can be scored.

        held_out: documents that were not counted, (N,) int64 each, by which options are chosen. num_params: the most
        parameters to keep; only a family whose config says `prunes` leaves some out. Raises Impossible
        (models/checks.py) where the options or the budget ask for something impossible.
        """
