"""Windows that slide, in a model that says what is in its window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest
import torch
from torch import Tensor, nn

from models.language_model import Cost, ModelConfig
from models.windowed import WindowCache, WindowedModel, WindowedState

VOCAB_SIZE, START = 6, 5


@dataclass(frozen=True)
class SeenConfig(ModelConfig):
    family: ClassVar[str] = "seen"

    context_length: int = 6
    stride: int = 2

    def build(self, vocab_size: int, start_token: int) -> Seen:
        return Seen(self, vocab_size, start_token)


class SeenCache(WindowCache):
    """The tokens in each row's window."""

    def __init__(self, rows: Sequence[list[int]]) -> None:
        self.rows = rows
        self.lengths = tuple(map(len, rows))

    def select(self, rows: Sequence[int]) -> Self:
        return type(self)([self.rows[row] for row in rows])

    def shortened(self, lengths: Sequence[int]) -> Self:
        return type(self)([row[:length] for row, length in zip(self.rows, lengths, strict=True)])

    def replace(self, rows: Sequence[int], other: Self) -> Self:
        new = dict(zip(rows, other.rows, strict=True))
        return type(self)([new.get(row, tokens) for row, tokens in enumerate(self.rows)])


class Seen(WindowedModel):
    """Weighs each token by its count in the window plus one."""

    config: SeenConfig

    def __init__(self, config: SeenConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config, self.vocab_size, self.start_token = config, vocab_size, start_token
        self.unused = nn.Parameter(torch.zeros(1))

    @property
    def context_length(self) -> int:
        return self.config.context_length

    @property
    def stride(self) -> int:
        return self.config.stride

    def new_cache(self, num_rows: int) -> SeenCache:
        return SeenCache([[]] * num_rows)

    def run_window(
        self, tokens: Tensor, counts: Sequence[int], cache: WindowCache | None
    ) -> tuple[Tensor, WindowCache | None]:
        held = cache.rows if isinstance(cache, SeenCache) else [[]] * len(counts)
        hidden = torch.zeros(*tokens.shape, self.vocab_size)
        grown = []
        for row, (before, count) in enumerate(zip(held, counts, strict=True)):
            grown.append([*before, *tokens[row, :count].tolist()])
            assert len(grown[-1]) <= self.context_length
            for step in range(count):
                seen = torch.tensor(grown[-1][: len(before) + step + 1])
                hidden[row, step] = torch.bincount(seen, minlength=self.vocab_size)
        return hidden, None if cache is None else SeenCache(grown)

    def logits(self, hidden: Tensor) -> Tensor:
        return (hidden + 1).log()

    def forward(self, tokens: Tensor, carry: Any = None) -> tuple[Tensor, None]:
        raise NotImplementedError

    def cost(self) -> Cost:
        return Cost(0, 0, 0, 0)


MODEL = SeenConfig().build(VOCAB_SIZE, START)
TEXT = [0, 1, 2, 3, 4, 0, 1, 1, 2, 0, 3, 3]
# What is in the window once each of START, *TEXT was read, from the drawing in models/windowed.py: windows begin at 0,
# 2, 4, ... and the token at position 6 is the first that is scored in the second one.
WINDOWS = [
    [5],
    [5, 0],
    [5, 0, 1],
    [5, 0, 1, 2],
    [5, 0, 1, 2, 3],
    [5, 0, 1, 2, 3, 4],
    [1, 2, 3, 4, 0],
    [1, 2, 3, 4, 0, 1],
    [3, 4, 0, 1, 1],
    [3, 4, 0, 1, 1, 2],
    [0, 1, 1, 2, 0],
    [0, 1, 1, 2, 0, 3],
    [1, 2, 0, 3, 3],
]
EXPECTED = torch.tensor([[(w.count(token) + 1) / (len(w) + 6) for token in range(6)] for w in WINDOWS]).log()


def test_each_token_is_expected_from_what_its_window_holds() -> None:
    torch.testing.assert_close(MODEL.logprobs(torch.tensor([TEXT]))[0], EXPECTED)
    assert MODEL.num_context_tokens(13).tolist() == [len(window) for window in WINDOWS]


@pytest.mark.parametrize("at_once", [1, 6, 1000])
def test_windows_side_by_side_score_the_same(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.windowed._MAX_TOKENS_AT_ONCE", at_once)
    rows = torch.tensor([TEXT, TEXT, TEXT])
    scores = MODEL.token_logprobs(rows, torch.tensor([12, 0, 7]))
    expected = EXPECTED[:-1].gather(1, rows[0, :, None])[:, 0]
    torch.testing.assert_close(scores[0], expected)
    torch.testing.assert_close(scores[2, :7], expected[:7])


def test_rows_slide_by_themselves_in_pieces_of_any_length() -> None:
    state, done = MODEL.start(3), [0, 0, 0]
    for counts in ([3, 0, 7], [1, 5, 2], [5, 1, 0], [2, 6, 3]):
        part = torch.stack([torch.tensor(TEXT).roll(-at)[: max(counts)] for at in done])
        after, state = MODEL.read(state, part, torch.tensor(counts))
        for row, count in enumerate(counts):
            torch.testing.assert_close(after[row, :count], EXPECTED[done[row] + 1 : done[row] + count + 1])
            done[row] += count
        torch.testing.assert_close(state.logprobs, EXPECTED[done])
    assert done == [11, 12, 12]
    torch.testing.assert_close(state.select([1, 0]).logprobs, EXPECTED[[12, 11]])


def test_part_of_what_was_read_can_be_taken_back_unless_a_window_has_slid() -> None:
    before = MODEL.start(2)
    logprobs, after = MODEL.read(before, torch.tensor([TEXT[:4]] * 2))
    partway = MODEL.partway(before, after, logprobs, [3, 0])
    assert isinstance(partway, WindowedState)
    torch.testing.assert_close(partway.logprobs, EXPECTED[[3, 0]])
    more, _ = MODEL.read(partway, torch.tensor([TEXT[3:7], TEXT[:4]]))
    torch.testing.assert_close(more, torch.stack([EXPECTED[4:8], EXPECTED[1:5]]))
    logprobs, later = MODEL.read(after, torch.tensor([TEXT[4:8]] * 2))
    assert MODEL.partway(after, later, logprobs, [1, 1]) is None
