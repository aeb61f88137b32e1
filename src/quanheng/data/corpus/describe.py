"""What recipes and operators say of themselves, as plain data for people and forms."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from quanheng.data.corpus.operator import Asset, CorpusStep, Editor, Operator, Tagger, operators
from quanheng.data.corpus.recipe import plan
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.recipes import Recipe, Step
from quanheng.store import sha256_digest


def describe_operators() -> list[dict[str, Any]]:
    """Return each operator: name, version, what it does, its parameters with defaults, columns, assets."""
    return [
        {
            "name": name,
            "version": cls.version,
            "kind": _kind(cls),
            "help": cls.help.model_dump(),
            "params": {
                key: field.get_default(call_default_factory=True) for key, field in cls.Params.model_fields.items()
            },
            "columns": dict(_gives(cls)),
            "assets": list(cls.assets),
        }
        for name, cls in operators().items()
    ]


def describe_plan(recipe: Recipe) -> dict[str, Any]:
    """Return the steps of a recipe in order, each with the columns it gives, as if every asset were there.

    Raises Invalid as `recipe.plan` does.
    """
    wanted = {
        role for step in recipe.steps if step.use and step.use in operators() for role in operators()[step.use].assets
    }
    absent = {role: Asset(sha256_digest(role.encode()), io.BytesIO) for role in sorted(wanted)}
    made = plan(recipe, absent)
    ready = {step.place: step for part in made.segments for step in (*part.steps, part.corpus) if step}
    steps = [_step(place, step, ready[place].operator) for place, step in enumerate(recipe.steps)]
    return {"name": recipe.name, "title": recipe.title.model_dump(), "labels": list(recipe.labels), "steps": steps}


def _step(place: int, step: Step, operator: Operator | None) -> dict[str, Any]:
    name = reason_name(step.reason or "")
    return {
        "step": place + 1,
        "use": step.use,
        "params": operator.params.model_dump(mode="json") if operator else {},
        "columns": dict(_gives(type(operator))) if operator else {},
        "needs": list(operator.assets) if operator else [],
        "optional": step.optional,
        "drop": step.drop,
        "review": step.review,
        "reason": {"word": step.reason, "en": name.en, "zh": name.zh} if step.reason else None,
        "needs_all": isinstance(operator, CorpusStep),
    }


def _kind(cls: type[Operator]) -> str:
    if issubclass(cls, CorpusStep):
        return "corpus"
    return "editor" if issubclass(cls, Editor) else "tagger"


def _gives(cls: type[Operator]) -> Mapping[str, str]:
    return dict(cls.gives) if issubclass(cls, Tagger | Editor) else {}
