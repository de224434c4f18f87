"""Encoded symbols come back, in as many bytes as the probabilities promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.entropy_coding import Counts, Decoder, Encoder, frequencies


def encoded(symbols: list[int], totals: list[Counts]) -> bytes:
    encoder = Encoder()
    for symbol, running in zip(symbols, totals, strict=True):
        encoder.encode(running, symbol)
    return encoder.finish()


def decoded(data: bytes, totals: list[Counts]) -> list[int]:
    decoder = Decoder(data)
    return [decoder.decode(running) for running in totals]


def bits(symbols: list[int], totals: list[Counts]) -> float:
    shares = [int(t[s + 1] - t[s]) / int(t[-1]) for s, t in zip(symbols, totals, strict=True)]
    return -math.fsum(map(math.log2, shares))


distributions = st.lists(st.one_of(st.just(1), st.integers(1, 1 << 55), st.integers(1, 300)), min_size=1, max_size=40)
messages = st.lists(st.tuples(distributions, st.integers(0, 39)), max_size=60)


@given(message=messages)
def test_any_symbols_come_back_and_take_the_bytes_that_their_shares_promise(
    message: list[tuple[list[int], int]],
) -> None:
    totals = [np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))]) for counts, _ in message]
    symbols = [symbol % len(counts) for counts, symbol in message]
    data = encoded(symbols, totals)
    assert decoded(data, totals) == symbols
    assert len(data) <= bits(symbols, totals) / 8 + 1.001


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_carry_runs_back_through_any_number_of_bytes(last: int) -> None:
    # The middle symbol keeps the interval around 1/2, whose digits are 0x7fff... below and 0x8000... above.
    around_the_middle = np.array([0, 1, 3, 4])
    for length in range(100):
        symbols = [1] * length + [last]
        totals = [around_the_middle] * len(symbols)
        assert decoded(encoded(symbols, totals), totals) == symbols


def test_ten_thousand_certain_symbols_take_no_byte() -> None:
    certain = [np.array([0, 1 << 60])] * 10_000
    assert encoded([0] * 10_000, certain) == b""
    assert decoded(b"", certain) == [0] * 10_000


def test_a_long_message_is_as_long_as_its_entropy() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(50, 0.3))
    symbols = generator.choice(50, size=20_000, p=probabilities).tolist()
    running = frequencies(np.log(probabilities).astype(np.float32))
    data = encoded(symbols, [running] * len(symbols))
    ideal = -np.log2(probabilities[symbols]).sum() / 8
    assert abs(len(data) - ideal) <= 2 + 1e-6 * ideal
    assert decoded(data, [running] * len(symbols)) == symbols


@given(logits=st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=300))
def test_frequencies_are_in_proportion_and_every_symbol_has_one(logits: list[float]) -> None:
    values = np.array(logits, dtype=np.float32)
    exact = np.exp(values.astype(np.float64) - np.logaddexp.reduce(values.astype(np.float64)))
    running = frequencies(np.log(exact.clip(1e-300)).astype(np.float32))
    counts = np.diff(running)
    assert running[0] == 0
    assert (counts >= 1).all()
    assert running[-1] < 1 << 62
    np.testing.assert_allclose(counts / running[-1], exact, rtol=1e-4, atol=1e-17)


def test_a_probability_of_zero_gets_the_smallest_frequency() -> None:
    running = frequencies(np.array([0.0, -math.inf], dtype=np.float32))
    assert running[2] - running[1] == 1


def test_probabilities_that_add_up_to_more_than_one_gain_nothing() -> None:
    honest = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    np.testing.assert_allclose(frequencies(honest + 3), frequencies(honest), rtol=1e-6)


@pytest.mark.parametrize("wrong", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf]])
def test_what_has_no_probabilities_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="no logarithms of probabilities"):
        frequencies(np.array(wrong, dtype=np.float32))
