"""The operator that finds personal data and masks it, puts pseudonyms in its place, or counts it for the recipe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal, get_args

from pydantic import Field

from quanheng.data.corpus.operator import Asset, Batch, Column, Edited, Editor, Gives, Params, Replaced, operator
from quanheng.errors import Invalid
from quanheng.kinds.base import Say
from quanheng.store import canonical_json
from quanheng.text import personal_data
from quanheng.text.personal_data import Span, Type
from quanheng.text.pseudonyms import MIN_KEY_BYTES, pseudonym
from quanheng.text.pseudonyms import VERSION as PSEUDONYM_VERSION

Action = Literal["mask", "pseudonym", "drop", "keep"]
_HEX = re.compile(rf"(?:[0-9a-f]{{2}}){{{MIN_KEY_BYTES},512}}", re.ASCII)


class PersonalDataParams(Params):
    """`types`: what to look for. `actions`: what becomes of some types; `action` is for all others.

    mask: its name in 〔 〕. pseudonym: the same datum becomes the same pseudonym, by the key. drop: masked, and counted
    in the column personal_data_drop, so that the recipe can drop the document. keep: only counted.
    """

    types: tuple[Type, ...] = get_args(Type)
    action: Action = "mask"
    actions: dict[Type, Action] = Field(default_factory=dict)


@operator
class PersonalData(Editor):
    """Finds personal data by rules and check digits.

    The asset "key" is a file of 64 or more hexadecimal digits; only its digest is part of what is recorded. Columns:
    `personal_data`, all data found; `personal_data_drop`, those whose action is "drop"; `masked`, JSON of the number
    replaced by type, such as {"mobile": 2}; `personal_data_kept`, the same of those left alone; "" when there are none.
    """

    name = "personal_data"
    # Both are part of the key under which a unit is kept: another recogniser makes another text.
    version = 100 * personal_data.VERSION + PSEUDONYM_VERSION
    help = Say(
        en="Finds personal data of the types given; action (or actions by type): mask, pseudonym, drop or keep",
        zh="识别所列类型的个人信息；action 或各类型的 actions：mask 遮盖、pseudonym 假名、drop 供剔除、keep 仅计数",
    )
    assets = ("key",)
    gives: ClassVar[Gives] = (
        ("personal_data", "int64"),
        ("personal_data_drop", "int64"),
        ("masked", "string"),
        ("personal_data_kept", "string"),
    )

    Params = PersonalDataParams

    def __init__(self, params: PersonalDataParams, assets: Mapping[str, Asset]) -> None:
        """Read the key, when there is one. Raises Invalid "key_missing" or "bad_key"."""
        super().__init__(params, assets)
        self._types = frozenset(params.types)
        self._actions: dict[Type, Action] = {kind: params.actions.get(kind, params.action) for kind in params.types}
        needs_key = "pseudonym" in self._actions.values()
        if needs_key and "key" not in assets:
            raise Invalid(
                "personal_data: pseudonyms need a key, and none is given",
                "personal_data：使用假名须提供密钥，但未提供",
                hint=(
                    "Give a file of 64 or more hexadecimal digits as the asset key, or use the action mask.",
                    "请以素材 key 提供一个含 64 位以上十六进制数字的文件，或改用 mask。",
                ),
                code="key_missing",
            )
        self._key = _read_key(assets["key"]) if needs_key else b""

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the key where something becomes a pseudonym."""
        return ("key",) if "pseudonym" in self._actions.values() else ()

    def edit(self, batch: Batch) -> tuple[list[Edited | None], Mapping[str, Column]]:
        """Return the texts with what was found replaced, and the four columns."""
        n = len(batch)
        edits: list[Edited | None] = [None] * n
        found, drops, masked, kept = [0] * n, [0] * n, [""] * n, [""] * n
        for row, all_spans in enumerate(personal_data.find_all(batch.texts, batch.packed)):
            spans = [span for span in all_spans if span.type in self._types] if all_spans else all_spans
            if spans:
                actions = [self._actions[span.type] for span in spans]
                edits[row] = self._edited(batch.texts[row], spans)
                found[row], drops[row] = len(spans), actions.count("drop")
                told = list(zip(spans, actions, strict=True))
                masked[row] = _counts(tuple(span.type for span, action in told if action != "keep"))
                kept[row] = _counts(tuple(span.type for span, action in told if action == "keep"))
        return edits, {
            "personal_data": found,
            "personal_data_drop": drops,
            "masked": masked,
            "personal_data_kept": kept,
        }

    def _edited(self, text: str, spans: list[Span]) -> Edited | None:
        replaced = tuple(
            Replaced(span.start, span.end, self._new(text, span), span.type)
            for span in spans
            if self._actions[span.type] != "keep"
        )
        if not replaced:
            return None
        pieces: list[str] = []
        at = 0
        for each in replaced:
            pieces += (text[at : each.start], each.new)
            at = each.end
        return Edited("".join((*pieces, text[at:])), replaced)

    def _new(self, text: str, span: Span) -> str:
        if self._actions[span.type] == "pseudonym":
            return pseudonym(span.type, text[span.start : span.end], self._key)
        return personal_data.label(span.type)


@lru_cache(maxsize=1024)
def _counts(types: tuple[Type, ...]) -> str:
    return canonical_json(dict(Counter[str](types))).decode("utf-8") if types else ""


def _read_key(asset: Asset) -> bytes:
    with asset.open() as stream:
        shown = stream.read(2048).decode("ascii", "replace").strip().lower()
    if not _HEX.fullmatch(shown):
        raise Invalid(
            f"personal_data: the key is not a file of {2 * MIN_KEY_BYTES} to 1024 hexadecimal digits",
            f"personal_data：密钥文件应为 {2 * MIN_KEY_BYTES} 至 1024 位十六进制数字",
            hint=("Make one with: openssl rand -hex 32", "可用命令生成：openssl rand -hex 32"),
            code="bad_key",
        )
    return bytes.fromhex(shown)
