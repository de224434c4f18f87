"""The window of a transformers model, as lm_eval's --model_args name it, and prompts that fit into it.

lm_eval cuts what is too long at its beginning, in the midst of a turn, and the start token with it. Here a conversation
loses whole turns instead, the first ones first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from harness.common.errors import UserError
from harness.text.transcript import Transcript
from harness.text.transcript_format import TranscriptFormat


@dataclass(frozen=True)
class Window:
    """How many tokens a model reads, and how it counts them."""

    length: int
    tokenizer: Any
    """transformers' own."""
    opens: bool | None
    """Whether lm_eval opens a text with the start token (add_bos_token); None: as the tokenizer does."""

    @classmethod
    def of(cls, model_args: Mapping[str, Any]) -> Self | None:
        """The window of the model that `pretrained` names; None where there is no such argument, or transformers can't
        read its files: lm_eval then says so itself."""
        pretrained = model_args.get("pretrained")
        if not isinstance(pretrained, str):
            return None
        from lm_eval.models.utils import resolve_max_length
        from transformers import AutoConfig, AutoTokenizer

        options = {name: model_args[name] for name in ("revision", "trust_remote_code") if name in model_args}
        opens = model_args.get("add_bos_token")
        try:
            config = AutoConfig.from_pretrained(pretrained, **options)
            tokenizer = AutoTokenizer.from_pretrained(str(model_args.get("tokenizer") or pretrained), **options)
        except (OSError, ValueError):
            return None
        return cls(int(model_args.get("max_length") or resolve_max_length(config, tokenizer)), tokenizer, opens)

    @property
    def opens_texts(self) -> bool:
        """Whether the first token that the model reads is the start token."""
        return self.num_tokens("") > 0

    def num_tokens(self, text: str) -> int:
        """The tokens of a text, a start token included where lm_eval puts one before it."""
        special = {} if self.opens is None else {"add_special_tokens": bool(self.opens)}
        return len(self.tokenizer.encode(text, **special))

    def shortened(self, prompt: str, num_more: int, form: TranscriptFormat) -> str:
        """The longest end of a conversation that consists of whole turns and leaves room for `num_more` tokens; at
        least its last turn. Any other prompt stays as it is.

        form: how conversations are written.
        """
        if self.num_tokens(prompt) + num_more <= self.length:
            return prompt
        try:
            *said, last = form.parse(prompt).turns
        except UserError:
            return prompt

        def after(begin: int) -> str:
            return form.open_turn(Transcript(tuple(said[begin:])), last.speaker) + form.body(last)

        if after(0) != prompt:
            return prompt
        fitting = (
            after(begin) for begin in range(1, len(said)) if self.num_tokens(after(begin)) + num_more <= self.length
        )
        return next(fitting, after(len(said)))
