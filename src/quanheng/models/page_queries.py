"""What the pages of the models wing show, as queries: answers beside the questions they were given to."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Literal

from quanheng.core.artifacts import load, load_digest
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.kinds.models import ITEMS_LAYER, RESPONSES_LAYER, Question, Response

MOST = 200


class ResponsesItems(Input):
    """Input of responses.items."""

    responses: Annotated[str, Takes("responses")] = param(..., "Answers", "回答")
    state: Literal["all", "answered", "failed", "cut"] = param(
        "all",
        "all, answered, failed (no answer) or cut (ended at the longest length)",
        "all 全部、answered 已回答、failed 未得到回答、cut 到最大长度而截断",
    )
    group: str = param("", "Only of this risk or aspect", "只看该风险或方面", max_length=100)
    after: int = param(0, "Pass over so many", "跳过前多少条", ge=0)
    limit: int = param(20, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


@query("responses.items", help=("Show answers beside their questions", "对照查看问题与回答"))
def responses_items(session: Session, inp: ResponsesItems) -> Any:
    """Return answers in the order of the bank, each with its question, and where the next page begins."""
    loaded = load(session, inp.responses, "responses")
    bank = bank_of(session, loaded)
    found = (row for row in layer_rows(loaded, RESPONSES_LAYER, Response) if _fits(row, inp))
    rows = list(islice(found, inp.after, inp.after + inp.limit + 1))
    ids = {row.id for row in rows}
    asked = layer_rows(bank, ITEMS_LAYER, Question) if bank else ()
    questions = {row.id: row.question for row in asked if row.id in ids}
    return {
        "digest": loaded.digest,
        "bank": bank.digest if bank else "",
        "rows": [{**row.model_dump(mode="json"), "question": questions.get(row.id, "")} for row in rows[: inp.limit]],
        "next": inp.after + inp.limit if len(rows) > inp.limit else None,
    }


def _fits(row: Response, inp: ResponsesItems) -> bool:
    failed, cut = row.error is not None, row.finish_reason == "length"
    wanted = {"all": True, "answered": not failed, "failed": failed, "cut": cut}[inp.state]
    return wanted and inp.group in ("", row.group)


def bank_of(session: Session, loaded: Loaded) -> Loaded | None:
    """Return the bank that answers were asked from; None where they name none, as imported ones may."""
    banks = loaded.made_from("bank")
    return load_digest(session, banks[0]) if banks else None
