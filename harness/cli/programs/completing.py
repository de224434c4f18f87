"""Complete a text: read the prompt token by token, then again and again pick a token, write it and read it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """A safetensors file: the length of a JSON header, the header, and the numbers of all arrays.

    Returns the settings, the tokenizer, and the arrays by name.
    """
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    about = header.pop("__metadata__")
    weights = {}
    for name, array in header.items():
        first, end = array["data_offsets"]
        weights[name] = np.frombuffer(data[begin + first : begin + end], TYPES[array["dtype"]]).reshape(array["shape"])
    return json.loads(about["settings"]), json.loads(about["tokenizer"]), weights


def pick(logits: np.ndarray, temperature: float, top_p: float, random: np.random.Generator) -> int:
    """A token, drawn from the likeliest ones that have `top_p` of the probability together; at temperature 0 the
    likeliest of all."""
    if temperature == 0:
        return int(logits.argmax())
    scaled = np.asarray(logits, np.float64) / temperature
    odds = np.exp(scaled - scaled.max())
    odds /= odds.sum()
    order = np.argsort(-odds, kind="stable")
    before = np.cumsum(odds[order]) - odds[order]  # the probability of all likelier tokens
    odds[order[before >= top_p]] = 0
    return int(random.choice(len(odds), p=odds / odds.sum()))


def complete(make_model: Callable[..., Any], make_tokenizer: Callable[..., Any]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Complete a text.")
    parser.add_argument("prompt", help="the text to continue (\\n is a line break)")
    parser.add_argument(
        "--max-new-tokens", type=int, default=200, metavar="N", help="write at most so many tokens; default: 200"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="0, the default: always the likeliest token; 1: drawn by the model's probabilities; above 1: more random",
    )
    parser.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="P",
        help="draw from the likeliest tokens that together have this probability; default: 1, all",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another number draws another text; default: 0"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        default=Path(__file__).with_name("weights.safetensors"),
        metavar="FILE",
        help="the file with the model's numbers; default: weights.safetensors beside this program",
    )
    arguments = parser.parse_args()
    if arguments.temperature < 0 or not 0 < arguments.top_p <= 1:
        parser.error("--temperature must be 0 or more, and --top-p above 0 and at most 1")
    if arguments.max_new_tokens < 0 or arguments.seed < 0:
        parser.error("--max-new-tokens and --seed must be 0 or more")

    settings, described, weights = load_weights(arguments.weights)
    model, tokenizer = make_model(weights, settings), make_tokenizer(described)
    random = np.random.default_rng(arguments.seed)
    prompt = arguments.prompt.replace("\\n", "\n")
    try:
        tokens = tokenizer.encode(prompt)
    except ValueError as error:
        parser.error(f"in the prompt {error}")
    logits = model.read(settings["start_token"])  # every document opens with it
    for token in tokens:
        logits = model.read(token)
    print(prompt, end="", flush=True)
    written: list[int] = []
    shown = 0
    while len(written) < arguments.max_new_tokens:
        token = pick(logits, arguments.temperature, arguments.top_p, random)
        if token == settings["start_token"]:  # the document ends
            break
        written.append(token)
        text = tokenizer.decode(written)
        if not text.endswith("\ufffd"):  # else the bytes of a character are still coming
            print(text[shown:], end="", flush=True)
            shown = len(text)
        logits = model.read(token)
    print(tokenizer.decode(written)[shown:])
