"""lm_eval's generate_until requests as our prompts, by lm_eval's rules.

- The text ends before the first stop text (`until`) that was written; a stop text that begins in the prompt doesn't
  count.
- At most `max_gen_toks` tokens (256 by default; max_new_tokens and max_tokens are other names).
- Greedy, unless `do_sample` or a `temperature` above 0 asks for sampling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval.defaults import DEFAULT_MAX_GEN_TOKS
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transform import Transform
from harness.completion.decoding.transforms import MinP, Temperature, TopK, TopP
from harness.completion.engine import DecodingStrategy
from harness.lm_eval.messages import REPLY_OPENING, TURN_END
from harness.text.utf8 import replace_surrogates

# transformers' names, in the order in which they are applied, and the values that change nothing.
_SAMPLING: Mapping[str, Callable[[Any], Transform]] = {
    "temperature": Temperature,
    "top_k": TopK,
    "top_p": TopP,
    "min_p": MinP,
}
_CHANGES_NOTHING = {"temperature": (1.0,), "top_k": (0, None), "top_p": (1.0, None), "min_p": (0.0, None)}


@dataclass(frozen=True)
class GenerationRequest:
    """One text that lm_eval asks for."""

    prompt: str
    max_new_tokens: int
    stop: tuple[str, ...]
    """The stop texts for our engine; `finish` cuts at the rest of `until`."""
    until: tuple[str, ...]
    opens_reply: bool
    """Whether the prompt's last space was cut off, because it belongs to the reply."""
    options: Mapping[str, Any]
    """lm_eval's options for picking tokens; see `strategy`."""

    @classmethod
    def of(cls, context: str, options: Mapping[str, Any], chat: bool) -> GenerationRequest:
        """context, options: the arguments of a generate_until request. chat: whether the context is one of our
        transcripts: then a reply ends where the human's turn begins."""
        options = dict(normalize_gen_kwargs(dict(options), DEFAULT_MAX_GEN_TOKS))
        max_new_tokens, stop_texts = options.pop("max_gen_toks"), options.pop("until")
        until = tuple(text for text in stop_texts if text) + ((TURN_END,) if chat else ())
        opens_reply = chat and context.endswith(REPLY_OPENING)
        prompt = context[:-1] if opens_reply else context
        stop = tuple(text for text in until if not _begins_at_the_end_of(prompt, text))
        return cls(prompt, max_new_tokens, stop, until, opens_reply, options)

    def finish(self, written: str) -> str:
        """What lm_eval gets of the text that was written. lm_eval writes it to files, so it has no lone surrogates."""
        text = replace_surrogates(written.removeprefix(" ") if self.opens_reply else written)
        return str(postprocess_generated_text(text, list(self.until), None))

    def strategy(self) -> DecodingStrategy:
        """The decoding strategy that lm_eval's options ask for. UserError for an unknown option or a wrong value."""
        options = dict(self.options)
        does_sample, beams = options.pop("do_sample"), options.pop("num_beams", 1)
        unknown = sorted(options.keys() - _SAMPLING.keys())
        if unknown or beams != 1:
            raise UserError(
                f"a task asks for generation with {', '.join(unknown) or f'num_beams={beams}'}. Allowed: until, "
                f"max_gen_toks, do_sample, {', '.join(_SAMPLING)}. Leave the others out (--gen_kwargs), or use a "
                "decoding strategy of bakeoff: bakeoff run evals=[lm_eval] decoding=..."
            )
        if not does_sample:
            return DecodingStrategy(Greedy())
        names = [name for name in _SAMPLING if name in options and options[name] not in _CHANGES_NOTHING[name]]
        try:
            return DecodingStrategy(Draw(), {name: _SAMPLING[name](options[name]) for name in names})
        except ValueError as error:
            raise UserError(f"a task asks for generation with {error}.") from None


def _begins_at_the_end_of(prompt: str, text: str) -> bool:
    return any(prompt.endswith(text[:size]) for size in range(1, len(text)))
