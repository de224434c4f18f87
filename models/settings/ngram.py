"""The options of model=ngram."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, get_args

from models.checks import check_option
from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make

MAX_ORDER = 20
SmoothingName = Literal[
    "modified_kneser_ney",
    "absolute_discounting",
    "witten_bell",
    "katz",
    "jelinek_mercer",
    "add_k",
    "stupid_backoff",
    "maximum_likelihood",
]
GIVING_ZEROS: tuple[SmoothingName, ...] = ("stupid_backoff", "maximum_likelihood")
"""Smoothings under which an n-gram that is left out may have no probability at all."""


@dataclass(frozen=True)
class NGramConfig(ModelConfig):
    """N-grams under one of several smoothings."""

    family: ClassVar[str] = "ngram"
    version: ClassVar[int] = 2
    prunes: ClassVar[bool] = True

    order: int | Literal["inf"] = 7
    """Tokens in the longest n-gram, the predicted one included; 1 to 20. inf: contexts of any length."""
    smoothing: SmoothingName = "modified_kneser_ney"
    """How counts become probabilities: one of `SmoothingName`; models/ngrams/smoothing.py says what each is."""
    pseudo_count: float = 0.01
    """Of add_k: what is added to every count; above 0."""
    backoff_factor: float = 0.4
    """Of stupid_backoff: what a shorter context's score is multiplied by; above 0, up to 1."""
    cutoffs: list[int] = field(default_factory=lambda: [0])
    """By n-gram length from 1 up: n-grams that occur at most this often are left out; the last holds for all longer
    ones. It begins with 0 (single tokens stay), and never falls."""
    prune_threshold: float = 0.0
    """N-grams that raise the perplexity by less than this share of it are left out (Stolcke 1998); 0 or more."""
    keep_counts: bool = False
    """Whether the fit keeps its counts, so that it can be continued with more text."""
    counting_megabytes: int = field(default=1024, metadata={"changes_results": False})
    """Most memory for counting, without the finished model; above it, sorted runs go to disk. 1 or more."""

    def __post_init__(self) -> None:
        check_option(
            self,
            "order",
            self.order == "inf" or 1 <= self.order <= MAX_ORDER,
            f"1 to {MAX_ORDER}, or inf for contexts of any length",
        )
        names = get_args(SmoothingName)
        check_option(self, "smoothing", self.smoothing in names, f"one of {', '.join(names)}")
        check_option(self, "pseudo_count", self.pseudo_count > 0, "above 0")
        check_option(self, "backoff_factor", 0 < self.backoff_factor <= 1, "above 0, up to 1")
        check_option(
            self,
            "cutoffs",
            self.cutoffs[:1] == [0] and self.cutoffs == sorted(self.cutoffs),
            "whole numbers, 0 first (single tokens stay) and none smaller than the one before it, as [0, 0, 1]",
        )
        prunable = self.smoothing not in GIVING_ZEROS
        check_option(self, "prune_threshold", self.prune_threshold >= 0, "0 or more")
        check_option(
            self,
            "prune_threshold",
            prunable or not self.prune_threshold,
            f"0 with smoothing={self.smoothing}, which gives what it leaves out no probability (cutoffs work)",
        )
        check_option(self, "counting_megabytes", self.counting_megabytes >= 1, "1 or more")
        check_option(
            self,
            "keep_counts",
            not (self.keep_counts and (max(self.cutoffs) or self.prune_threshold)),
            "false where n-grams are left out, by cutoffs or by prune_threshold",
        )

    @property
    def is_backoff(self) -> bool:
        return self.order != "inf"

    @property
    def is_deterministic(self) -> bool:
        return True

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.ngram.make_ngram", self, vocab_size, start_token)

    def for_counting_on(self) -> Self:
        return replace(self, keep_counts=True)
