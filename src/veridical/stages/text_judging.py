"""Who judged the texts of a run, and was that judge ever held against people? Every report of a run says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from veridical.spec.text import ModelSpec, TextSpec

UNMEASURED = "The judge is UNCALIBRATED: how far its grades agree with people's was not measured."
_OTHER = "The judge is UNCALIBRATED: its calibration is of another judge, or did not show that it agrees with people."
_TRUSTED = "The judge was held against people's grades and agrees with them ({name})."
_WEAK = "The packaged model of 135 million parameters judged: it rates good and bad alike."
_NOBODY = "No model judged the texts; {checks} did."
_RULES = "rules, likelihood and embeddings"


def judging(spec: TextSpec, folder: Path) -> list[str]:
    """Return what every report says of judging by a model, so that nobody takes a grade for a measurement."""
    roles = judges_of(spec)
    if not roles:
        names = [part.name for part in (*spec.checks, *spec.pools)]
        return [_NOBODY.format(checks=f"{_RULES} ({', '.join(names)})" if names else "nothing else")]
    said = []
    for role, calibration in roles.items():
        said.append(_trust(spec, folder, role, calibration))
        if any(_is_weak(model) for model in spec.models.get(role, ())):
            said.append(_WEAK)
    return list(dict.fromkeys(said))


def judges_of(spec: TextSpec) -> dict[str, str]:
    """Return the roles that judge in a spec, each with the file of its calibration ("" for none)."""
    roles: dict[str, str] = {}
    options: Mapping[str, Any] = spec.recipe.options
    if spec.recipe.name == "preference" and options.get("by", "judge") in ("judge", "pairwise"):
        roles[str(options.get("judge", "judge"))] = ""
    for check in spec.checks:
        if check.name == "judge":
            roles[str(check.options.get("role", "judge"))] = str(check.options.get("calibration", ""))
        for name in ("judge", "role"):
            if check.name in ("decontamination", "reward") and check.options.get(name):
                roles.setdefault(str(check.options[name]), "")
    return roles


def _trust(spec: TextSpec, folder: Path, role: str, calibration: str) -> str:
    from veridical.core.errors import VeridicalError
    from veridical.curate.calibration import is_trusted
    from veridical.curate.judge import Judge

    if not calibration:
        return UNMEASURED
    try:
        part = next(part for part in spec.checks if part.name == "judge")
        names = ("rubric", "low", "high", "looks", "fields")
        given = {name: part.options[name] for name in names if name in part.options}
        about = Judge(**{**given, "fields": tuple(given.get("fields", ()))}).about
        trusted = is_trusted(spec.beside / calibration, {**about, "models": _asked(folder, role)})
    except VeridicalError:
        return _OTHER
    return _TRUSTED.format(name=calibration) if trusted else _OTHER


def _asked(folder: Path, role: str) -> Sequence[Mapping[str, Any]]:
    """Return the models that a run's journal says were asked in a role."""
    from veridical.store.journal import Journal

    journal = Journal.open_to_read(folder)
    try:
        about = json.loads(journal.about()["about"])
    finally:
        journal.close()
    models: Sequence[Mapping[str, Any]] = about["models"].get(role, [])
    return models


def _is_weak(model: ModelSpec) -> bool:
    return model.provider == "embedded" and "weights" not in model.options
