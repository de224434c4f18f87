"""All settings of one run, typed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.files import expanded, from_here, probe_folder
from harness.common.options import LARGEST
from harness.common.results_folder import RESERVED
from harness.config.settings import build, checked

if TYPE_CHECKING:
    from harness.completion.engine import DecodingStrategy
    from harness.completion.reward import Reward
    from harness.evaluation.eval import Eval
    from harness.runs.tracking import Tracking
    from harness.text.data.corpus import DataSource
    from harness.text.tokenizers.tokenizer import TokenizerSettings
    from harness.training.budget import Budget
    from harness.training.post.stage import PostStage
    from harness.training.settings import Training
    from models.language_model import ModelConfig


@dataclass(frozen=True)
class RunSettings:
    """All settings of one run, typed."""

    model: ModelConfig
    tokenizer: TokenizerSettings
    data: DataSource
    training: Training
    budget: Budget
    post: Mapping[str, PostStage]
    """The stages of post-training, by name, in order."""
    rewards: Mapping[str, Reward]
    """What makes a reply better, by name, for the parts of a run that ask for it."""
    decoding: DecodingStrategy
    evals: Mapping[str, Eval]
    tracking: Tracking
    seed: int
    device: str
    results_dir: Path
    experiment_name: str
    names: Mapping[str, str]
    """The option picked in each group, as {'model': 'lstm'}."""
    resolved: Mapping[str, Any]
    """The whole configuration as plain values; what config.yaml holds."""


def typed(config: Mapping[str, Any]) -> RunSettings:
    """Typed settings from a composed configuration. UserError for a wrong value.

    No heavy library is imported, but by a plugin whose own modules do so: the model, which most often does, is last.
    """
    from harness.completion.engine import DecodingStrategy
    from harness.preferences.preference import Preference
    from harness.ratings.source import RatingsSource
    from harness.runs.tracking import Tracking
    from harness.text.data.corpus import DataSource
    from harness.text.tokenizers.tokenizer import TokenizerSettings
    from harness.text.transcript_format import TranscriptFormat
    from harness.training.budget import Budget, check_num_params
    from harness.training.settings import Training
    from harness.training.step_size import check_step
    from models.language_model import ModelConfig

    check_top_level(config)
    # the data and the tokenizer hold the format; a mistake in it is told of where it was made
    build(config["format"], TranscriptFormat, "format")
    budget = build(config["budget"], Budget, "budget")
    training = build(config["training"], Training, "training")
    tracking = build(config["tracking"], Tracking, "tracking")
    data = build(config["data"], DataSource, "data")  # type: ignore[type-abstract]
    tokenizer = build(config["tokenizer"], TokenizerSettings, "tokenizer")  # type: ignore[type-abstract]
    build(config["ratings"], RatingsSource, "ratings")  # type: ignore[type-abstract]
    build(config["preference"], Preference, "preference")
    post = built_stages(config)
    rewards = built_rewards(config)
    decoding = build(config["decoding"], DecodingStrategy, "decoding")
    evals = built_evals(config)
    model = build(config["model"], ModelConfig, "model")  # type: ignore[type-abstract]
    check_num_params(model, budget, tokenizer)
    check_step(model, training, budget)
    changed = model
    for name, stage in post.items():
        if (why := stage.why_not(changed, name)) is not None:
            raise UserError(f"post=[{', '.join(post)}]: {name} can't be done. {why}, or leave {name} out.")
        changed = stage.changed(changed)
    _check_made(decoding, post)
    return RunSettings(
        model=model,
        tokenizer=tokenizer,
        data=data,
        training=training,
        budget=budget,
        post=post,
        rewards=rewards,
        decoding=decoding,
        evals=evals,
        tracking=tracking,
        seed=checked(config["seed"], int, "seed"),
        device=config["device"],
        results_dir=from_here(expanded(config["results_dir"])),
        experiment_name=config["experiment_name"],
        names=config["names"],
        resolved=config,
    )


def _check_made(decoding: DecodingStrategy, post: Mapping[str, PostStage]) -> None:
    """UserError where a search scores with a reward that no stage makes."""
    made = {name for stage in post.values() for name in getattr(stage, "rewards", ())}
    for name, reward in getattr(decoding.search, "rewards", {}).items():
        if reward.is_made_of_ratings and name not in made:
            raise UserError(
                f"this decoding strategy scores with rewards=[{name}], which a stage of post-training makes before it "
                f"begins, and no stage of post=[{', '.join(post)}] does. Add one, as 'post=[sft,rloo]', or pick "
                "another reward."
            )


def check_top_level(config: Mapping[str, Any]) -> None:
    """UserError for a wrong value that is in no group; imports no group's classes."""
    seed = checked(config["seed"], int, "seed")
    if seed < 0:
        raise UserError(f"seed={seed} is not allowed: a seed is a whole number from 0 to {LARGEST:,} (2^63 - 1).")
    device = checked(config["device"], str, "device")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise UserError(f"device={device!r} is not known. Allowed: auto, cpu, cuda, cuda:N, mps.")
    experiment_name = checked(config["experiment_name"], str, "experiment_name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", experiment_name) or experiment_name in RESERVED:
        raise UserError(
            f"experiment_name={experiment_name!r} cannot name a folder of results. "
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit "
            f"({', '.join(RESERVED)} are taken)."
        )
    folder = checked(config["results_dir"], str, "results_dir")
    if not folder.strip():
        raise UserError("results_dir= is empty. Name a folder for results, or leave it out for 'results'.")
    results_dir = expanded(folder)
    whole = f"results_dir={results_dir} and experiment_name={experiment_name} make a path"
    _refuse_too_long(results_dir / experiment_name, whole)
    nearest = next(path for path in (results_dir, *results_dir.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        kind = "a link to nothing" if nearest.is_symlink() and not nearest.exists() else "a file"
        raise UserError(f"results_dir={results_dir} can't be a folder: {nearest} is {kind}. Name another folder.")
    model, decoding = config["names"]["model"], config["names"]["decoding"]
    run = run_id("+".join([model, *config["post"]]), decoding, seed, "0" * _NUM_HASH_DIGITS)
    # of a path in a folder that isn't there, the system doesn't say that a name is too long
    _refuse_too_long(nearest / experiment_name, whole)
    _refuse_too_long(nearest / run, f"model={model} and decoding={decoding} make the name of a run, {run},")
    if nearest != results_dir:
        try:
            probe_folder(nearest)
        except FileNotFoundError:
            raise UserError(
                f"results_dir={results_dir} can't be made: {nearest} takes no new folders. Name another folder."
            ) from None
        except OSError:
            pass  # not everything that reads settings writes results; who does is told then


def _refuse_too_long(path: Path, what: str) -> None:
    """UserError where the system allows no such path. what: the message's first words."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{what} that the system doesn't allow: one of its names, or all of it, is too long. Shorten them."
            ) from None


_NUM_HASH_DIGITS = 8


def run_id(model: str, decoding: str, seed: int, content_hash: str) -> str:
    """The id of a run, model-decoding-seed-hash, with the first digits of the hash."""
    return f"{model}-{decoding}-s{seed}-{content_hash[:_NUM_HASH_DIGITS]}"


def built_stages(config: Mapping[str, Any]) -> dict[str, PostStage]:
    """The stages of post-training of a composed configuration, by name, in order."""
    from harness.training.post.stage import PostStage

    return {
        name: build(node, PostStage, f"post.{name}")  # type: ignore[type-abstract]
        for name, node in config["post"].items()
    }


def built_rewards(config: Mapping[str, Any]) -> dict[str, Reward]:
    """The rewards of a composed configuration, by name."""
    from harness.completion.reward import Reward

    rewards: dict[str, Reward] = {}
    for name, node in config["rewards"].items():
        reward = build(node, Reward, f"rewards.{name}")  # type: ignore[type-abstract]
        if not isinstance(getattr(reward, "name", None), str) or not isinstance(getattr(reward, "version", None), int):
            raise UserError(
                f"rewards.{name}: {type(reward).__name__} must say its name (text) and its version (a whole number) as "
                'class attributes: name, version = "my_reward", 1'
            )
        rewards[name] = reward
    return rewards


def built_evals(config: Mapping[str, Any]) -> dict[str, Eval]:
    """The evals of a composed configuration, by name."""
    from harness.evaluation.eval import Eval

    evals: dict[str, Eval] = {}
    for name, node in (config.get("evals") or {}).items():
        eval = build(node, Eval, f"evals.{name}")  # type: ignore[type-abstract]
        if not isinstance(getattr(eval, "name", None), str) or not isinstance(getattr(eval, "version", None), int):
            raise UserError(
                f"evals.{name}: {type(eval).__name__} must say its name (text) and its version (a whole number) as "
                'class attributes: name, version = "my_eval", 1'
            )
        if not re.fullmatch(r"[\w-]{1,100}", eval.name):
            raise UserError(
                f"evals.{name}: {type(eval).__name__} has the name {eval.name!r}. It must be letters, digits, '_' and "
                "'-', at most 100: files are named after it."
            )
        if eval.name in (other.name for other in evals.values()):
            raise UserError(f"two of the evals have the name {eval.name!r}. Leave one out, or give it another name.")
        evals[name] = eval
    return evals


def refuse_solved_width(overrides: Sequence[str], runs: Sequence[RunSettings]) -> None:
    """UserError where an override sets a width that no run uses, since budget.num_params decides it."""
    for override in overrides:
        key, _, _ = override.lstrip("+").partition("=")
        group, _, field = key.rpartition(".")
        of_width = [run for run in runs if run.model.width_field == field]
        if group.partition(".")[0] == "model" and of_width and all(run.budget.num_params for run in of_width):
            raise UserError(
                f"{override} changes nothing: budget.num_params={of_width[0].budget.num_params:,} decides the width. "
                f"Leave {key} out, or keep it with budget.num_params=null."
            )
