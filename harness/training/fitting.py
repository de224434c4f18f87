"""Gets a fit: finds it, waits for it, continues it or trains it. A fit with a damaged file is trained again."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from harness.common import environment
from harness.common.claims import Claim
from harness.common.errors import UserError
from harness.common.files import make_folder, move_into_place, remove_leftovers, write_bytes, write_json
from harness.common.results_folder import CLAIM_FILE, CURVE_FILE, FIT_FILE, MODEL_FILE
from harness.common.sealed import Damaged, write_sealed
from harness.common.seeds import seed_of
from harness.config.identity import plain
from harness.config.options import files_of
from harness.config.tokenizer_file import TOKENIZER_FILE, save_tokenizer
from harness.text.data.corpus import Corpus
from harness.text.data.token_stream import token_stream
from harness.text.tokenizers.coverage import check_alphabet, notes_on_unseen
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.budget import missed_by, solve_width
from harness.training.checkpoint import TRAIN_STATE_FILE
from harness.training.curve import Validation, notes_on_end, validation_text
from harness.training.fit_folder import fit_digest, fit_facts
from harness.training.fits import Fit, FitSettings, device_text, fit_id, load_fit, log, recipe
from harness.training.post.stage import Bench, PostStage
from harness.training.post.writing_stage import WritingStage
from harness.training.spent import Spent
from harness.training.step_size import check_size
from harness.training.training import fit, take, tune
from harness.training.workshop import Workshop
from models.checks import Impossible
from models.combined import CombinedModel
from models.language_model import WEIGHTS_FILE, LanguageModel, NeuralModelConfig
from models.neural_model import NeuralModel
from models.settings.combined import CombinedConfig


def obtain(settings: FitSettings, corpus: Corpus, workshop: Workshop) -> Fit:
    """The fit that these settings describe: found, waited for, continued or trained. A UserError leaves nothing
    behind."""
    name = fit_id(settings, corpus)
    folder = workshop.results.fit(name)
    if not _is_complete(folder):
        is_new = not folder.exists()
        make_folder(folder)
        claim = Claim(folder / CLAIM_FILE)
        if not claim.take():
            log.info("fit %s is being made by another process; waiting for it", name)
            claim.wait()
        try:
            if not _is_complete(folder, warn=True):
                (folder / FIT_FILE).unlink(missing_ok=True)
                remove_leftovers(folder)
                _make(settings, corpus, folder, claim, workshop)
        except UserError:
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            claim.release()
    return load_fit(folder, workshop.device)


def help_fitting(settings: FitSettings, corpus: Corpus, workshop: Workshop) -> None:
    """Take part in the fits of these settings that the first process makes, until it needs no more help."""
    wanted = {fit_id(each, corpus): each for each in _with_members(settings)}
    while name := workshop.processes.next_fit():
        own, folder = wanted[name], workshop.results.fit(name)
        earlier = _earlier(own, workshop)
        tokenizer = earlier.tokenizer if earlier is not None else workshop.prepared.tokenizer(own.tokenizer, corpus)
        validation = validation_text(corpus, tokenizer, own.training.validation_bytes)
        _train(own, earlier, corpus, tokenizer, validation, folder, workshop)


def _with_members(settings: FitSettings) -> Iterator[FitSettings]:
    """The settings of what processes share: without post-training, and those of a combination's members."""
    settings = dataclasses.replace(settings, post={})
    yield settings
    if isinstance(settings.model, CombinedConfig):
        for member in settings.model.members.values():
            yield from _with_members(dataclasses.replace(settings, model=member))


def _is_complete(folder: Path, warn: bool = False) -> bool:
    """Whether a fit is finished and none of its files is damaged. warn: whether to name the damaged file."""
    if not (folder / FIT_FILE).exists():
        return False
    try:
        fit_facts(folder)
    except Damaged as error:
        if warn:
            log.warning("%s. %s is made again", error.damage, error.part_of)
        return False
    return True


@dataclass(frozen=True)
class _Fitted:
    """A fit before it is written."""

    model: LanguageModel
    spent: Spent
    curve: Sequence[Mapping[str, Any]]
    validation: Validation
    tokenizer: Tokenizer
    recipe: str
    tokenizer_from: Path | None = None
    """The folder of the fit whose tokenizer it has; None: its own."""
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What fit.json says more."""


def _make(settings: FitSettings, corpus: Corpus, folder: Path, claim: Claim, workshop: Workshop) -> None:
    """Fit, and write the fit's folder; fit.json comes last."""
    environment.start_measuring_memory()
    try:
        fitted = (_post_trained if settings.post else _from_text)(settings, corpus, folder, workshop)
        fitted.validation.check_distributions(fitted.model)
    except Impossible as error:
        raise UserError(str(error)) from None
    claim.check()
    model = fitted.model
    if fitted.tokenizer_from is None:
        save_tokenizer(fitted.tokenizer, settings.tokenizer, folder)
    else:  # the settings here may name another tokenizer than the earlier fit has
        write_bytes(folder / TOKENIZER_FILE, (fitted.tokenizer_from / TOKENIZER_FILE).read_bytes())
    described = {
        "family": model.config.family,
        "config": plain(model.config),
        "vocab_size": model.vocab_size,
        "start_token": model.start_token,
        "plugins": files_of(plain(model.config)),
    }
    write_json(folder / MODEL_FILE, described)
    unfinished = folder / "unfinished"
    make_folder(unfinished)
    model.save(unfinished)
    move_into_place(unfinished / WEIGHTS_FILE, folder / WEIGHTS_FILE)
    shutil.rmtree(unfinished)
    write_bytes(folder / CURVE_FILE, pd.DataFrame(fitted.curve).to_parquet())
    facts = {
        "fit_id": folder.name,
        "recipe": fitted.recipe,
        "seed": settings.seed,
        "spent": asdict(fitted.spent),
        "cost": asdict(model.cost()),
        "device": device_text(workshop.device),
        "notes": [*notes_on_end(model, fitted.validation, fitted.curve), *fitted.notes],
        "num_threads": torch.get_num_threads(),
        "num_processes": workshop.processes.size if isinstance(model, NeuralModel) and not settings.post else 1,
        "peak_memory_bytes": environment.peak_memory_bytes(),
        **fitted.facts,
    }
    write_sealed(folder / FIT_FILE, facts, (TOKENIZER_FILE, MODEL_FILE, WEIGHTS_FILE, CURVE_FILE))
    (folder / TRAIN_STATE_FILE).unlink(missing_ok=True)


def _from_text(settings: FitSettings, corpus: Corpus, folder: Path, workshop: Workshop) -> _Fitted:
    """A model fitted to the training text."""
    earlier = _earlier(settings, workshop)
    tokenizer = earlier.tokenizer if earlier is not None else workshop.prepared.tokenizer(settings.tokenizer, corpus)
    check_alphabet(tokenizer, corpus)
    validation = validation_text(corpus, tokenizer, settings.training.validation_bytes)
    if isinstance(settings.model, CombinedConfig):
        model, spent, curve = _combine(settings, settings.model, corpus, validation, workshop)
    elif settings.model.is_fitted:
        model, spent, curve = _take(settings, tokenizer, validation, workshop.device)
    else:
        model, spent, curve = _train(settings, earlier, corpus, tokenizer, validation, folder, workshop)
    return _Fitted(
        model,
        spent,
        curve,
        validation,
        tokenizer,
        recipe(settings, corpus, earlier),
        tokenizer_from=None if earlier is None else earlier.folder,
        notes=notes_on_unseen(tokenizer, corpus),
        facts=missed_by(model.config, settings.budget, asdict(spent), model.cost().num_params),
    )


def _post_trained(settings: FitSettings, corpus: Corpus, folder: Path, workshop: Workshop) -> _Fitted:
    """The model of the fit before, changed by the last stage. Of several processes one does it."""
    (name, stage), before = list(settings.post.items())[-1], obtain(settings.before, corpus, workshop)
    if (why := before.model.why_no_distribution) is not None:
        raise UserError(
            f"{name} can't be done with this model: its {why}. Post-training needs probabilities. Pick another "
            f"smoothing, or leave {name} out of post=."
        )
    log.info("stage %s: from fit %s to fit %s", name, before.id, folder.name)
    bench = Bench(name, before.tokenizer, corpus, settings.training, settings.seed, folder, log.info, before.id)
    made = stage.make(before.model, bench)
    log.info("done with %s in %s%s", name, _spent_text(made.spent), _gained(stage, made.facts))
    own = {"stage": name, "fit_id": folder.name, "spent": asdict(made.spent), **made.facts}
    facts = {
        **{key: value for key, value in before.facts.items() if key.endswith("_missed_by")},
        "before": {"fit_id": before.id, "digest": fit_digest(before.folder)},
        "stages": [*before.facts.get("stages", ()), own],
    }
    earlier = _earlier(settings, workshop)
    return _Fitted(
        made.model,
        Spent(**before.facts["spent"]) + made.spent,
        made.curve,
        made.validation,
        before.tokenizer,
        recipe(settings, corpus, earlier),
        tokenizer_from=before.folder,
        notes=before.facts["notes"],
        facts=facts,
    )


def _gained(stage: PostStage, facts: Mapping[str, Any]) -> str:
    """What a stage came to, for the log; nothing where it raises no reward."""
    if not isinstance(stage, WritingStage) or "reward_before" not in facts:
        return ""
    before, after = facts["reward_before"], facts["reward_after"]
    moved = round(facts["kl_nats_after"], 2) + 0.0  # never -0.0
    gamed = f"; gamed: {', '.join(facts['gamed'])}" if facts["gamed"] else ""
    return (
        f"; reward ({'+'.join(stage.rewards)}) {before:.3g} before, {after:.3g} after, at {moved:.2f} nats a reply; "
        f"{100 * facts['cut_replies_after']:.0f} % of replies cut{gamed}"
    )


def _earlier(settings: FitSettings, workshop: Workshop) -> Fit | None:
    """The fit that this one continues."""
    if settings.training.continue_from is None:
        return None
    return load_fit(workshop.folder(settings.training.continue_from), workshop.device)


def _train(
    settings: FitSettings,
    earlier: Fit | None,
    corpus: Corpus,
    tokenizer: Tokenizer,
    validation: Validation,
    folder: Path,
    workshop: Workshop,
) -> tuple[LanguageModel, Spent, list[dict[str, Any]]]:
    """A model of a family that learns from text itself, fitted."""
    if earlier is not None:
        model = earlier.model
        if isinstance(model, NeuralModel) and isinstance(settings.model, NeuralModelConfig):
            model.config = model.config.trained_as(settings.model)
        log.info("continuing fit %s", earlier.id)
    else:
        model = _build(settings, tokenizer, workshop.device)
    log.info("fitting %s (fit %s)", model.config.family, folder.name)
    processes = workshop.processes
    if isinstance(model, NeuralModel):
        processes.call(folder.name)
    elif processes.size > 1:
        log.info("%s has no gradients to share, so one of %d processes fits it", model.config.family, processes.size)
    stream = token_stream(corpus, "train", tokenizer)
    training, budget, seed = settings.training, settings.budget, settings.seed
    spent, curve = fit(model, stream, validation, training, budget, seed, folder, log.info, processes)
    log.info("fitted %s in %s", model.config.family, _spent_text(spent))
    return model, spent, curve


def _take(
    settings: FitSettings, tokenizer: Tokenizer, validation: Validation, device: torch.device
) -> tuple[LanguageModel, Spent, list[dict[str, Any]]]:
    """A model of a family that comes with its weights, unchanged."""
    model = _build(settings, tokenizer, device)
    spent, curve = take(model, validation)
    log.info("using %s as it is", model.config.family)
    return model, spent, curve


def _build(settings: FitSettings, tokenizer: Tokenizer, device: torch.device) -> LanguageModel:
    """A new model of the width that the budget asks for; its first weights follow from the seed."""
    check_size(settings.model, settings.budget.num_params, tokenizer.vocab_size, device)
    config = solve_width(settings.model, settings.budget.num_params, tokenizer.vocab_size)
    with torch.random.fork_rng():
        torch.manual_seed(seed_of("weights", settings.seed))
        return config.build(tokenizer.vocab_size, tokenizer.start_token).on(device)


def _combine(
    settings: FitSettings,
    config: CombinedConfig,
    corpus: Corpus,
    validation: Validation,
    workshop: Workshop,
) -> tuple[LanguageModel, Spent, list[dict[str, Any]]]:
    """A tuned combination of fits; each member's fit is found or made as it would be alone."""
    members = {
        name: obtain(dataclasses.replace(settings, model=member), corpus, workshop)
        for name, member in config.members.items()
    }
    log.info("combining %s", ", ".join(f"{name} (fit {member.id})" for name, member in members.items()))
    model = config.combine({name: member.model for name, member in members.items()})
    assert isinstance(model, CombinedModel), "only combinations have members"
    spent = sum((Spent(**member.facts["spent"]) for member in members.values()), Spent())
    curve = tune(model, validation, spent)
    log.info("combined %d members, fitted together in %s", len(members), _spent_text(spent))
    return model, spent, curve


def _spent_text(spent: Spent) -> str:
    return f"{spent.seconds:.1f} s of training: {spent.tokens:,} tokens"
