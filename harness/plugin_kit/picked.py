"""The configuration in which the option or the file on trial is picked.

Imports no heavy library, unless the file does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.completion.engine import DecodingStrategy
from harness.completion.reward import Reward
from harness.config.compose import compose
from harness.config.options import LISTS, quoted
from harness.config.settings import build
from harness.plugin_kit.new import GROUPS
from harness.runs.settings import built_evals
from harness.text.data.corpus import DataSource
from harness.text.tokenizers.tokenizer import TokenizerSettings
from models.language_model import ModelConfig

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "eval": ("data=chatterbot", "tokenizer=char"),
    "decoding": ("tokenizer=byte",),
    "tokenizer": ("data=chatterbot",),
}
"""What goes with each kind of plugin unless the user says otherwise: small, and always there."""
_CLASSES = {
    "model": ModelConfig,
    "decoding": DecodingStrategy,
    "data": DataSource,
    "tokenizer": TokenizerSettings,
    "reward": Reward,
}


def picked(kind: str, name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The composed configuration. kind: a key of GROUPS. name: an option of its group, or a file."""
    group = GROUPS[kind]
    pick = f"{group}=[{quoted(name)}]" if group in LISTS else f"{group}={quoted(name)}"
    return compose([pick, *DEFAULTS.get(kind, ()), *overrides])


def refuse(kind: str, name: str, overrides: Sequence[str]) -> None:
    """UserError where there is no such option or file, or a setting isn't allowed; PluginError where its code fails."""
    config = picked(kind, name, overrides)
    if kind == "reward":
        [(key, node)] = config["rewards"].items()
        build(node, _CLASSES[kind], f"rewards.{key}")
    elif kind == "eval":
        built_evals(config)
    else:
        build(config[kind], _CLASSES[kind], kind)
