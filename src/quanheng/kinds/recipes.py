"""How a corpus is made: the steps of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator

from quanheng.kinds.base import Count, Model, Positive, Rate, Say, Slug

#: Why a document was left out or listed: a word of the recipe; `drop_reasons.py` says what the usual ones are called.
Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
PersonalDataType = Literal[
    "resident_id",  # 身份证号
    "permit",  # 港澳台居民居住证、外国人永久居留身份证
    "mobile",  # 手机号
    "landline",  # 固定电话
    "bank_card",  # 银行卡号
    "credit_code",  # 统一社会信用代码
    "email",  # 电子邮箱
    "ipv4",  # IP 地址
    "ipv6",
    "url_credentials",  # 网址中的口令、密钥
    "passport",  # 护照号
    "travel_permit",  # 往来港澳台的通行证
    "plate",  # 车牌号
    "qq",  # QQ 号
    "wechat",  # 微信号
    "address",  # 详细地址
    "name",  # 姓名
]


class RecipeV1(Model):
    """Every parameter of a build by the first engine, whose steps were fixed. Shares are (k, n)."""

    min_characters: Count = 4
    max_characters: Positive = 1_000_000
    min_han: Rate = Rate(k=25, n=100)
    max_foreign_script: Rate = Rate(k=2, n=100)
    max_symbols: Rate = Rate(k=50, n=100)
    max_repetition: Rate = Rate(k=60, n=100)
    mask: tuple[PersonalDataType, ...] = ()
    deduplicate: Literal["exact", "none"] = "exact"
    shard_bytes: Positive = 64 * 1024 * 1024
    row_group_rows: Positive = 8192


class Step(Model):
    """One step of a recipe: an operator with its parameters (`use`), or a condition that drops or lists for review.

    `drop`, `review`: an expression over the columns of the steps before. `optional`: without its asset (a lexicon, a
    classifier) the step, and what asks for its columns, is passed over and the corpus says so.
    """

    use: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,99}$")] | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    drop: str | None = None
    review: str | None = None
    reason: Reason | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_of_three(self) -> Step:
        if sum(value is not None for value in (self.use, self.drop, self.review)) != 1:
            raise ValueError("a step has one of use, drop, review")
        if (self.reason is None) != (self.use is not None):
            raise ValueError("a reason stands beside drop or review, and only there")
        return self


class Recipe(Model):
    """How a corpus is made: steps in order. `labels`: columns that are kept beside the text."""

    name: Slug
    title: Say
    steps: tuple[Step, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    #: A shard is closed once it holds this many bytes of UTF-8 text; where a source ends, from an eighth of them on.
    shard_bytes: Positive = 64 * 1024 * 1024
    row_group_rows: Positive = 8192
