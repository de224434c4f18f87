"""A causal model from a local folder of the transformers library, under the same contract.

Only safetensors weights are read and no code that comes with them is run; transformers itself is an optional extra. The
model isn't trained here, and a fit of it holds no copy of its weights: only their path, and a hash that shows whether
they have changed. Windows slide as in models/windowed.py.

Three things differ from the usual use of transformers. A start token (the folder's bos, or its eos) opens every
text. Where documents end with another token than they open with, the two tokens' logits are swapped, so that the start
token's probability is that of the document's end here too. And tokens that the model has and the tokenizer hasn't
(vocabularies are padded) are left out: the tokenizer's tokens sum to one.

Shape legend: B rows, T new tokens, V vocabulary size, L layers, H heads of keys, E width of a head.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from models.checks import Impossible
from models.hf_parts.belonging import checked_end_token, checked_vocabulary
from models.hf_parts.folder import model_files
from models.hf_parts.left_padded_cache import LeftPaddedCache, rolled
from models.inner import Inner
from models.language_model import Cost, LanguageModel
from models.settings.hf import HFConfig
from models.windowed import WindowCache, WindowedModel

# A longer window than this many float32 values is scored in pieces.
_MAX_VALUES_AT_ONCE = 1 << 26
# To check that a model is read correctly, two rows read a few tokens in these pieces. Then the largest difference
# allowed, in nats: rounding in float32 is a thousand times smaller, and an error in reading is rarely as small.
_PIECES, _TOO_FAR = ([1, 1], [3, 1], [0, 2], [1, 1], [1, 1]), 1e-2


class HFModel(WindowedModel):
    """transformers' AutoModelForCausalLM, in float32."""

    config: HFConfig

    def __init__(self, config: HFConfig, vocab_size: int, start_token: int) -> None:
        """Reads the weights. Raises Impossible where they aren't of a model that can be read here, or where vocabulary
        or start token are another tokenizer's.
        """
        super().__init__()
        self.config = config
        self.vocab_size, self.start_token = vocab_size, start_token
        library = _library()
        self._past = library.past
        self.model = library.load(config.path)
        self.eval()  # it isn't trained here
        self._takes_positions = "position_ids" in inspect.signature(self.model.forward).parameters
        known_tokens, self._cache_shapes = library.first_look(self.model)
        checked_vocabulary(config.path, vocab_size, known_tokens)
        known = self.model.config.get_text_config()
        self._end_token = checked_end_token(config.path, start_token, known.bos_token_id, known.eos_token_id)
        self._context_length = self._checked_context_length(getattr(known, "max_position_embeddings", 0))
        self._check_reading()

    def _checked_context_length(self, longest: int) -> int:
        """longest: how many positions the model knows; 0 or less where it doesn't say."""
        length = self.config.context_length or longest
        if length <= 0:
            raise Impossible(
                f"the model in {self.config.path} doesn't say how many positions it knows. Set model.context_length to "
                "the length of the texts that it was trained on."
            )
        if 0 < longest < length:
            raise Impossible(
                f"model.context_length={length} is more than the {longest} positions that the model in "
                f"{self.config.path} knows. Set it to at most {longest}."
            )
        if (self.config.stride or 1) > length:
            raise Impossible(
                f"model.stride={self.config.stride} is more than the {length} tokens of the window. Set it to at most "
                f"{length}."
            )
        return length

    @torch.no_grad()
    def _check_reading(self) -> None:
        """Impossible where a text gets other probabilities when it is read in pieces, on rows of several lengths."""
        length = max(sum(counts) for counts in zip(*_PIECES, strict=True))
        text = torch.tensor([self.start_token, *range(1, length)]) % self.vocab_size
        hidden, _ = self.run_window(text[None, : self.context_length], [min(length, self.context_length)], None)
        expected = self._expect(hidden[0])
        cache: WindowCache | None = self.new_cache(2)
        done = [0, 0]
        for counts in _PIECES:
            ends = [begin + count for begin, count in zip(done, counts, strict=True)]
            if max(ends) > self.context_length:
                return
            tokens = torch.stack([text.roll(-begin)[: max(counts)] for begin in done])
            piece, cache = self.run_window(tokens, counts, cache)
            for begin, end, row in zip(done, ends, self._expect(piece), strict=True):
                if not torch.allclose(row[: end - begin], expected[begin:end], rtol=0, atol=_TOO_FAR):
                    raise Impossible(
                        f"the {type(self.model).__name__} in {self.config.path} can't be read here: a text read in "
                        "pieces gets other probabilities than the same text read at once. Use another model."
                    )
            done = ends

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def stride(self) -> int:
        return self.config.stride or max(1, self.context_length // 2)

    def new_cache(self, num_rows: int) -> LeftPaddedCache:
        return LeftPaddedCache.empty(self._cache_shapes, num_rows, next(self.parameters()))

    def run_window(
        self, tokens: Tensor, counts: Sequence[int], cache: WindowCache | None
    ) -> tuple[Tensor, WindowCache | None]:
        with self._in_evaluation():
            if cache is None:
                # Padding is at the end, where no token that counts can attend to it.
                return self._adapted(self.model(input_ids=tokens, use_cache=False).logits), None
            assert isinstance(cache, LeftPaddedCache)
            grown = cache.grow(counts)
            rows: dict[str, Tensor] = {}
            if len(set(grown.lengths)) > 1 or len(set(counts)) > 1:
                rows["attention_mask"] = grown.mask()
                if self._takes_positions:
                    rows["position_ids"] = grown.positions()
            output = self.model(
                input_ids=rolled(tokens, [max(counts) - count for count in counts]),
                past_key_values=self._past(grown),
                use_cache=True,
                **rows,
            )
            return self._adapted(rolled(output.logits, [count - max(counts) for count in counts])), grown

    def _adapted(self, logits: Tensor) -> Tensor:
        """The logits of the tokenizer's tokens, with the end of a document at the start token."""
        if self._end_token != self.start_token:
            both = [self.start_token, self._end_token]
            logits[..., both] = logits[..., both[::-1]]
        return logits[..., : self.vocab_size]

    @contextmanager
    def _in_evaluation(self) -> Iterator[None]:
        """Without dropout, whatever mode this model is in."""
        if not self.training:
            yield
            return
        self.model.eval()
        try:
            yield
        finally:
            self.model.train()

    def inner(self, tokens: Tensor) -> Inner:
        """Hidden units are those of the residual stream; the last layer's have passed the model's last norm."""
        places = nn.functional.pad(tokens.to(self.device), (1, 0), value=self.start_token)[None]
        with self._in_evaluation():
            attention, hidden = _library().look_inside(self.model, places)
        embeddings = self.model.get_input_embeddings().weight.detach()[: self.vocab_size]
        return Inner(attention, {f"layer {number}": units for number, units in enumerate(hidden, 1)}, embeddings)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        if min(tokens.shape[1], self.context_length) * self.vocab_size <= _MAX_VALUES_AT_ONCE:
            return super().token_logprobs(tokens, lengths)
        # A window's distributions do not fit into memory at once: each row is read in pieces.
        ends = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        rows = [LanguageModel.token_logprobs(self, row[None, :end])[0] for row, end in zip(tokens, ends, strict=True)]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def tensors(self) -> dict[str, Tensor]:
        """Only the hash of the folder's files, which shows whether the weights have changed."""
        return {"content_sha256": torch.frombuffer(bytearray.fromhex(self.config.content_sha256), dtype=torch.uint8)}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """The weights were read when the model was built; here they are checked to be the same."""
        if not torch.equal(tensors["content_sha256"], self.tensors()["content_sha256"]):
            raise Impossible(
                f"the files in {self.config.path} changed since the fit was made. Put the old weights back, or run the "
                "command again: other weights are another fit."
            )

    def cost(self) -> Cost:
        """FLOPs are counted as models/transformer.py counts them: matrices, and attention to half a full window. Of a
        mixture of experts all experts count.
        """
        looked_up = sum(module.weight.numel() for module in self.modules() if isinstance(module, nn.Embedding))
        output = self.model.get_output_embeddings().weight
        tied = output.numel() if output is self.model.get_input_embeddings().weight else 0
        num_heads = self.model.config.get_text_config().num_attention_heads
        attention = num_heads * sum(width for _, width in self._cache_shapes) * (self.context_length + 1)
        cached = self.context_length * sum(heads * width for heads, width in self._cache_shapes)
        return Cost(
            num_params=self.num_params(),
            model_bytes=sum(f.stat().st_size for f in model_files(self.config.path) if f.suffix == ".safetensors"),
            flops_per_token=2 * (self.num_params() - looked_up + tied) + attention,
            state_bytes_at_context=4 * self.vocab_size + 8 * self.context_length + 4 * cached,
        )


def _library() -> Any:
    """models/hf_parts/library.py, where what it needs is installed."""
    try:
        from models.hf_parts import library
    except ImportError as error:
        raise Impossible(
            f"model=hf needs the package transformers, which can't be imported ({error}). In the folder of "
            "bakeoff's source, install it with: pip install '.[hf]'"
        ) from None
    return library
