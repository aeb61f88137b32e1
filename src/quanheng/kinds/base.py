"""What every kind shares: the base model, digests, exact numbers, and the registry."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
#: A number that is neither a count nor a rate: canonical JSON has no floats.
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Model(BaseModel):
    """Frozen, and an unknown field is an error: a new field is a new version of the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Kind(Model):
    """The config of an artifact of one kind, without its `made_by`.

    A subclass sets `kind` to "name/vN". Item text never stands in a config: it belongs in layers,
    so that a sealed bundle can show every config.
    """

    kind: ClassVar[str]


class Rate(Model):
    """A share as two integers: `k` of `n`."""

    k: Count
    n: Count


class Say(Model):
    """A short sentence or title in both languages."""

    en: str
    zh: str


KINDS: dict[str, type[Kind]] = {}

K = TypeVar("K", bound=type[Kind])


def register_kind(cls: K) -> K:
    """Add a kind to the registry `KINDS` and return it; used as a class decorator."""
    if cls.kind in KINDS:
        raise ValueError(f"kind {cls.kind} is registered twice")
    KINDS[cls.kind] = cls
    return cls
