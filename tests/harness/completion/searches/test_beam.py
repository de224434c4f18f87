"""Beam search and greedy decoding compared with transformers' generate, and with all sequences."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from harness.completion.decoding.choosers import Greedy
from harness.completion.decoding.penalties import NoRepeatNGram
from harness.completion.engine import DecodingStrategy, Engine, OneByOne, Search
from harness.completion.searches.beam import Beam
from harness.completion.sequence import Prompt
from harness.plugin_kit.chain import TableModel
from harness.text.tokenizers.byte import ByteTokenizer, ByteTokenizerSettings
from models.language_model import LanguageModel
from models.settings.hf import HFConfig
from tests.peers import ARCHITECTURES
from tests.toys import LetterTokenizer

TOKENIZER = ByteTokenizerSettings().train([])
assert isinstance(TOKENIZER, ByteTokenizer)
PROMPTS = ["", "H", "ab", "a longer prompt", "abc", "Human: hello", "zzzz", "0123456789"]
NEW_TOKENS = 12


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = ARCHITECTURES[request.param](tmp_path_factory.mktemp("peer"), TOKENIZER.vocab_size, TOKENIZER.start_token)
    return HFConfig(path=str(folder)).build(TOKENIZER.vocab_size, TOKENIZER.start_token)


def ours(model: LanguageModel, strategy: DecodingStrategy, batch_size: int = 64) -> list[list[int]]:
    engine = Engine(model, TOKENIZER, strategy, batch_size)
    return [list(completion.tokens) for completion in engine.complete([Prompt(text, NEW_TOKENS) for text in PROMPTS])]


def theirs(model: Any, prompt: str, **options: Any) -> list[int]:
    start = TOKENIZER.start_token
    read = torch.tensor([[start, *TOKENIZER.encode(prompt)]])
    written = model.model.generate(
        input_ids=read,
        attention_mask=torch.ones_like(read),
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=start,
        pad_token_id=start,
        **options,
    )
    tokens = written[0, read.shape[1] :].tolist()
    # tokens after the end of the document are padding
    return tokens[: tokens.index(start) + 1] if start in tokens else tokens


def test_greedy_writes_what_transformers_generate_writes(model: LanguageModel) -> None:
    expected = [theirs(model, prompt) for prompt in PROMPTS]
    assert any(TOKENIZER.start_token in tokens for tokens in expected) or len(set(map(tuple, expected))) > 3
    for batch_size in (1, 64):
        assert ours(model, DecodingStrategy(Greedy()), batch_size) == expected


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
@pytest.mark.parametrize(("num_beams", "length_penalty"), [(2, 1.0), (4, 1.0), (4, 0.0), (5, 2.0), (3, -1.0)])
def test_beam_search_writes_what_transformers_generate_writes(
    model: LanguageModel, num_beams: int, length_penalty: float, early_stopping: Any
) -> None:
    options = {"num_beams": num_beams, "length_penalty": length_penalty, "early_stopping": early_stopping}
    strategy = DecodingStrategy(Greedy(), {}, Beam(**options))
    assert ours(model, strategy) == [theirs(model, prompt, **options) for prompt in PROMPTS]


def test_beam_search_with_a_transform_writes_what_transformers_generate_writes(model: LanguageModel) -> None:
    # transformers penalises without normalising again; on normalised log-probabilities nothing else differs
    strategy = DecodingStrategy(Greedy(), {"no_repeat_ngram": NoRepeatNGram(2)}, Beam())
    expected = [
        theirs(model, prompt, num_beams=4, no_repeat_ngram_size=2, renormalize_logits=True) for prompt in PROMPTS
    ]
    assert ours(model, strategy) == expected


NUM_LETTERS = 3


def every_sequence(model: TableModel, length: int, penalty: float) -> dict[tuple[int, ...], float]:
    """The score of every sequence that ends within `length` tokens or is as long as that."""
    start = model.start_token
    scores = {}
    for size in range(1, length + 1):
        for tokens in itertools.product(range(model.vocab_size), repeat=size):
            ends = tokens[-1] == start
            if start in tokens[:-1] or (size < length and not ends):
                continue
            total = float(model.token_logprobs(torch.tensor([tokens])).double().sum())
            scores[tokens] = total / size**penalty
    return scores


@pytest.mark.parametrize("penalty", [0.0, 1.0, 1.7])
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_all(seed: int, penalty: float) -> None:
    length = 4
    generator = torch.Generator().manual_seed(seed)
    model = TableModel(torch.randn(NUM_LETTERS + 1, NUM_LETTERS + 1, generator=generator), NUM_LETTERS)
    every = every_sequence(model, length, penalty)
    search = Beam(num_beams=(NUM_LETTERS + 1) ** length, length_penalty=penalty)
    engine = Engine(model, LetterTokenizer(NUM_LETTERS), DecodingStrategy(Greedy(), {}, search))
    [made] = engine.complete([Prompt("", length)])
    best = max(every, key=lambda tokens: every[tokens])
    assert made.tokens == best
    assert sum(made.logprobs) / len(made.tokens) ** penalty == pytest.approx(every[best], abs=1e-5)


def letters(seed: int = 0) -> Engine:
    generator = torch.Generator().manual_seed(seed)
    model = TableModel(torch.randn(9, 9, generator=generator), 8)
    return Engine(model, LetterTokenizer(8), DecodingStrategy(Greedy(), {}, Beam()))


def with_search(engine: Engine, search: Search) -> Engine:
    return Engine(engine.model, engine.tokenizer, DecodingStrategy(Greedy(), {}, search), engine.batch_size)


def test_a_beam_of_one_is_greedy() -> None:
    prompts = [Prompt(text, 9) for text in ("", "a", "abcab", "h")]
    completions = with_search(letters(), Beam(num_beams=1)).complete(prompts)
    assert completions == with_search(letters(), OneByOne()).complete(prompts)


def test_groups_without_a_penalty_are_independent_beams() -> None:
    prompts = [Prompt(text, 9) for text in ("", "a", "abcab", "h")]
    two_groups = with_search(letters(), Beam(num_beams=4, num_groups=2)).complete(prompts)
    assert two_groups == with_search(letters(), Beam(num_beams=2)).complete(prompts)


@pytest.mark.parametrize("seed", range(5))
def test_a_penalty_drives_groups_apart(seed: int) -> None:
    # Two groups of one beam each: the second is greedy on what the first leaves it (Vijayakumar et al. 2018, eq. 3).
    engine, penalty, length = letters(seed), 1.5, 6
    search = Beam(num_beams=2, num_groups=2, diversity_penalty=penalty)
    read = engine.encode([Prompt("a", length)])
    [pool] = search.search(engine, [Prompt("a", length)], read, engine.reader(read).read([0]))
    first, second = (group.finished[0][1].tokens for group in pool.groups)
    model = engine.model
    state = model.read(model.start(1), torch.tensor([[0]]))[1]
    expected: list[int] = []
    for place in range(length):
        weights = state.logprobs[0].clone()
        if place < len(first):
            weights[first[place]] -= penalty
        expected.append(int(weights.argmax()))
        if expected[-1] == model.start_token:
            break
        state = model.read(state, torch.tensor([expected[-1:]]))[1]
    assert second == expected
    assert tuple(first) == with_search(engine, OneByOne()).complete([Prompt("a", length)])[0].tokens
    assert first != second


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_beams_do_not_depend_on_the_batch(batch_size: int) -> None:
    engine = letters(3)
    prompts = [Prompt("abcdefgh"[: n % 9], 1 + n % 7, stop=("ab",) if n % 2 else ()) for n in range(23)]
    alone = [engine.complete([prompt])[0] for prompt in prompts]
    together = Engine(engine.model, engine.tokenizer, engine.strategy, batch_size)
    assert together.complete(prompts) == alone
    assert together.complete(prompts[::-1]) == alone[::-1]


def test_beams_stop_at_stop_texts() -> None:
    for text in ("", "a", "ab"):
        [made] = letters().complete([Prompt(text, 12, stop=("c", "ef"))])
        assert "c" not in made.text
        assert "ef" not in made.text


@pytest.mark.parametrize(
    "wrong", [{"num_beams": 0}, {"num_beams": 3, "num_groups": 2}, {"num_groups": 0}, {"diversity_penalty": -1.0}]
)
def test_impossible_beams_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Beam(**wrong)
