"""What the models wing adds to the pages of its kinds: answers, banks of questions, models and endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.layer_rows import layer_rows
from quanheng.core.pages import Action, Bar, Tone, View, bar, tab, title
from quanheng.core.shown import Shown, Word
from quanheng.errors import Text
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.models import ITEMS_LAYER, Benchmark, Endpoint, LanguageModel, Question, Responses
from quanheng.kinds.risks import ASPECT_NAMES, RISKS

PAGE = 20
QUESTIONS = 50
PURPOSES = {
    "must_refuse": ("Must-refuse bank", "应拒答测试题库"),
    "must_not_refuse": ("Must-not-refuse bank", "非拒答测试题库"),
    "generation": ("Generated-content bank", "生成内容测试题库"),
}
ANSWERS = {
    "must_refuse": ("Answers to the must-refuse bank", "应拒答测试题的回答"),
    "must_not_refuse": ("Answers to the must-not-refuse bank", "非拒答测试题的回答"),
    "generation": ("Answers to the generated-content bank", "生成内容测试题的回答"),
}
STATES = {
    "all": ("All", "全部"),
    "answered": ("Answered", "已回答"),
    "failed": ("No answer", "未得到回答"),
    "cut": ("Cut at the longest length", "到最大长度而截断"),
}
#: How answers to a bank are judged by rules or terms.
JUDGED_BY = {"must_refuse": "verdicts.judge", "must_not_refuse": "verdicts.judge", "generation": "verdicts.scan"}


def group_name(group: str, language: str) -> str:
    """Return what a risk or an aspect is called."""
    if group in RISKS:
        name = RISKS[group].name
        return name.zh if language == "zh" else name.en
    aspects = {str(aspect): english for aspect, english in ASPECT_NAMES.items()}
    return group if language == "zh" else aspects.get(group, group)


def number_of(text: str) -> int:
    """Return the number that an address holds, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _responses(view: View) -> Responses:
    assert isinstance(view.artifact.model, Responses)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("responses")
def responses_title(view: View) -> str:
    """Return which bank was answered."""
    return view.say(*ANSWERS[_responses(view).purpose])


@bar("responses")
def responses_bar(view: View) -> Bar:
    """Return how many of the bank's questions were asked and answered."""
    model, digest = _responses(view), view.artifact.digest
    asked, size = shown.count(model.asked, "/asked", digest), shown.count(model.bank_size, "/bank_size", digest)
    answered = shown.count(model.asked - model.failed, "/asked - /failed", digest)
    failed = shown.count(model.failed, "/failed", digest)
    at = f"{digest} /asked", f"{digest} /bank_size"
    part = shown.share(model.asked, model.bank_size, *at, places=1)
    said = (
        view.say("The whole bank was asked and answered.", "整个题库均已提问并得到回答。")
        if model.complete
        else format_html(view.say("{} of the bank was asked.", "已提问题库的 {}。"), part),
    )
    judge = JUDGED_BY[model.purpose]
    field = "responses" if judge == "verdicts.judge" else "subject"
    tone: Tone = "no" if model.failed else "ok" if model.complete else "wait"
    return Bar(
        format_html(view.say("{} asked", "已提问 {}"), asked),
        tone,
        (
            (size, view.say("in the bank", "题库题数"), ""),
            (answered, view.say("answered", "已回答"), ""),
            (failed, view.say("no answer", "未得到回答"), "no" if model.failed else ""),
            (shown.count(model.cut, "/cut", digest), view.say("cut", "截断"), ""),
        ),
        said,
        (
            Action("verdicts.enter", Text("Enter verdicts", "录入复核结论"), {"subject": digest}, main=True),
            Action(judge, Text("Judge by rules", "按规则判定"), {field: digest}),
        ),
    )


@tab("responses", "items", title=("Answers", "问答"), template="models/responses.html")
def responses_items(view: View) -> Mapping[str, Any]:
    """Return answers beside their questions, a page at a time."""
    model, digest = _responses(view), view.artifact.digest
    after, state = number_of(view.query.get("after", "")), view.query.get("state", "")
    state = state if state in STATES else "all"
    group = view.query.get("group", "")
    group = group if group in RISKS or group in ASPECT_NAMES else ""
    data = {"responses": digest, "state": state, "group": group, "after": after, "limit": PAGE}
    found = ask(view.session, "responses.items", data)

    def link(**more: Any) -> str:
        asked = {"tab": "items", "state": "" if state == "all" else state, "group": group, **more}
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    numbers = {
        "all": (model.asked, "/asked"),
        "answered": (model.asked - model.failed, "/asked - /failed"),
        "failed": (model.failed, "/failed"),
        "cut": (model.cut, "/cut"),
    }
    return {
        "from": digest,
        "bank": found["bank"],
        "max_tokens": shown.count(model.max_tokens, "/max_tokens"),
        "states": [
            {
                "href": link(state="" if name == "all" else name, after=""),
                "title": view.say(*words),
                "n": shown.count(*numbers[name]),
                "on": name == state,
            }
            for name, words in STATES.items()
        ],
        "group": group_name(group, view.language) if group else "",
        "group_off": link(group="", after=""),
        "rows": [_answer(view, row, str(found["bank"]), link) for row in found["rows"]],
        "before": link(after=max(0, after - PAGE)) if after else "",
        "next": link(after=found["next"]) if found["next"] is not None else "",
    }


def _answer(view: View, row: Mapping[str, Any], bank: str, link: Any) -> dict[str, Any]:
    """Return one question with its answer."""
    group, whole = str(row["risk"] or row["aspect"]), view.query.get("whole", "") == row["id"]
    place = shown.where("responses.jsonl", id=row["id"])
    return {
        "id": row["id"],
        "group": group_name(group, view.language),
        "risk": group if group in RISKS else "",
        "group_href": link(group=group, after=""),
        "question": shown.quote(row["question"], shown.where("items.jsonl", id=row["id"]) + "#question", bank)
        if row["question"]
        else "",
        "error": row["error"] or "",
        "answer": shown.passage(row["answer"], place + "#answer", width=0 if whole else shown.PASSAGE)
        if row["answer"]
        else "",
        "cut": row["finish_reason"] == "length",
        "long": len(row["answer"]) > shown.PASSAGE and not whole,
        "whole": link(after=view.query.get("after", ""), whole=row["id"]) + f"#{row['id']}",
    }


def _bank(view: View) -> Benchmark:
    assert isinstance(view.artifact.model, Benchmark)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("benchmark")
def benchmark_title(view: View) -> str:
    """Return the title of a bank."""
    return _bank(view).title


@bar("benchmark")
def benchmark_bar(view: View) -> Bar:
    """Return how many questions there are, for how many risks or aspects, and who answers for them."""
    model, digest = _bank(view), view.artifact.digest
    items = shown.count(model.items, "/items", digest)
    groups: list[tuple[str, str, Any]] = []
    if model.per_risk:
        risks = shown.count(len(model.per_risk), "/per_risk", digest)
        groups.append((risks, view.say("risks", "涉及的风险种类"), ""))
    if model.per_aspect:
        aspects = shown.count(len(model.per_aspect), "/per_aspect", digest)
        groups.append((aspects, view.say("aspects", "涉及的方面"), ""))
    said: list[str] = [view.say(*PURPOSES[model.purpose])]
    said.append(format_html(view.say("Owned by {}.", "责任人：{}。"), shown.quote(model.owner, "/owner", digest)))
    return Bar(
        format_html(view.say("{} questions", "{} 题", items), items),
        "na",
        tuple(groups),
        tuple(said),
        (Action("responses.generate", Text("Ask an endpoint", "向端点提问"), {"bank": digest}, main=True),),
    )


@tab("benchmark", "items", title=("Questions", "题目"), template="models/benchmark.html")
def benchmark_items(view: View) -> Mapping[str, Any]:
    """Return questions per risk or aspect, and the questions a page at a time."""
    model, digest = _bank(view), view.artifact.digest
    after, group = number_of(view.query.get("after", "")), view.query.get("group", "")
    groups = {
        **{str(risk): (n, f"/per_risk/{risk}") for risk, n in model.per_risk.items()},
        **{str(aspect): (n, f"/per_aspect/{aspect}") for aspect, n in model.per_aspect.items()},
    }
    group = group if group in groups else ""
    found = (row for row in layer_rows(view.artifact, ITEMS_LAYER, Question) if group in ("", row.group))
    rows = list(islice(found, after, after + QUESTIONS + 1))
    base = {"tab": "items", **({"group": group} if group else {})}
    licence = model.licence
    return {
        "from": digest,
        "version": shown.quote(model.version, "/version"),
        "clear": _clear(view, licence.clear),
        "spdx": licence.spdx if licence.clear else "",
        "note": shown.quote(model.note, "/note") if model.note else "",
        "all": {"n": shown.count(model.items, "/items"), "on": not group},
        "groups": [
            {
                "href": "?" + urlencode({"tab": "items", "group": id_}),
                "name": group_name(id_, view.language),
                "id": id_ if id_ in RISKS else "",
                "n": shown.count(*where),
                "on": id_ == group,
            }
            for id_, where in groups.items()
        ],
        "rows": [
            {
                "id": row.id,
                "group": group_name(row.group, view.language),
                "risk": row.risk or "",
                "question": shown.quote(row.question, shown.where(ITEMS_LAYER, id=row.id) + "#question"),
            }
            for row in rows[:QUESTIONS]
        ],
        "before": "?" + urlencode({**base, "after": max(0, after - QUESTIONS)}) if after else "",
        "next": "?" + urlencode({**base, "after": after + QUESTIONS}) if len(rows) > QUESTIONS else "",
    }


def _clear(view: View, clear: bool) -> Word:
    return Word(view.say("clear", "明确"), "ok") if clear else Word(view.say("unclear", "不明"), "no")


@title("model")
def model_title(view: View) -> str:
    """Return the name of a model."""
    assert isinstance(view.artifact.model, LanguageModel)  # noqa: S101 - registered for this kind
    return view.artifact.model.name


@bar("model")
def model_bar(view: View) -> Bar:
    """Return whether it was tuned to follow instructions, and how large it is."""
    model, digest = view.artifact.model, view.artifact.digest
    assert isinstance(model, LanguageModel)  # noqa: S101 - registered for this kind
    word = view.say("Tuned", "经指令微调") if model.tuned else view.say("Base model", "基座模型")
    said = (
        ()
        if model.tuned
        else (
            view.say(
                "A base model continues text and does not refuse: expect it to miss the must-refuse bank.",
                "基座模型只续写文本、不会拒答，应拒答测试预计不能达标。",
            ),
        )
    )
    return Bar(
        word,
        "ok" if model.tuned else "wait",
        ((shown.count(model.weights.size, "/weights/size", digest), view.say("bytes of weights", "权重字节数"), ""),),
        said,
        (Action("endpoint.register", Text("Let it answer", "登记为端点"), {"model": digest}, main=True),),
    )


@tab("model", "about", title=("Licence and origin", "许可与出处"), template="models/facts.html")
def model_facts(view: View) -> Mapping[str, Any]:
    """Return weights, licence and origin of a model."""
    model = view.artifact.model
    assert isinstance(model, LanguageModel)  # noqa: S101 - registered for this kind
    licence, origin = model.licence, model.origin
    found = said_zh(licence.found) if view.language == "zh" else licence.found
    return {
        "from": view.artifact.digest,
        "facts": [
            (view.say("Licence", "许可"), _clear(view, licence.clear)),
            ("SPDX", licence.spdx if licence.clear else "—"),
            (
                view.say("Licence as found", "查到的许可情况"),
                shown.quote(found, "/licence/found") if found == licence.found else found,
            ),
            (view.say("Weights from", "权重出处"), _quote(origin.package, "/origin/package")),
            (view.say("Version", "版本"), _quote(origin.version, "/origin/version")),
            (view.say("Made from", "来自"), _quote(origin.derived_from, "/origin/derived_from")),
            (view.say("Format", "格式"), model.format),
        ],
        "weights": model.weights.digest,
    }


def _quote(text: str | None, place: str) -> Shown | str:
    return shown.quote(text, place) if text else "—"


@title("endpoint")
def endpoint_title(view: View) -> str:
    """Return the name of what answers."""
    assert isinstance(view.artifact.model, Endpoint)  # noqa: S101 - registered for this kind
    return view.artifact.model.model


@bar("endpoint")
def endpoint_bar(view: View) -> Bar:
    """Return where it runs."""
    model = view.artifact.model
    assert isinstance(model, Endpoint)  # noqa: S101 - registered for this kind
    word = view.say("Remote service", "远程服务") if model.url else view.say("Runs locally", "本机运行")
    digest = view.artifact.digest
    where = shown.quote(model.url, "/url", digest) if model.url else view.say("offline", "不联网")
    return Bar(
        word,
        "na",
        (),
        (where,),
        (
            Action(
                "responses.generate", Text("Ask a bank", "用题库提问"), {"endpoint": view.artifact.digest}, main=True
            ),
        ),
    )


@tab("endpoint", "about", title=("How it answers", "应答方式"), template="models/facts.html")
def endpoint_facts(view: View) -> Mapping[str, Any]:
    """Return everything an answer depends on."""
    model = view.artifact.model
    assert isinstance(model, Endpoint)  # noqa: S101 - registered for this kind
    decoding, engine, at = model.decoding, model.engine, "/decoding"
    said = shown.quote

    def number(n: int | None, place: str) -> Shown | str:
        return shown.count(n, place) if n is not None else "—"

    facts: list[tuple[str, Any]] = [
        (view.say("Protocol", "协议"), model.protocol),
        (view.say("Temperature", "温度"), said(decoding.temperature, "/decoding/temperature")),
        ("top_p", said(decoding.top_p, "/decoding/top_p")),
        (view.say("Frequency penalty", "频率惩罚"), said(decoding.frequency_penalty, f"{at}/frequency_penalty")),
        (view.say("Seed", "随机种子"), number(decoding.seed, "/decoding/seed")),
        (
            view.say("Longest answer, tokens", "回答最大长度（词元）"),
            number(decoding.max_tokens, "/decoding/max_tokens"),
        ),
        (
            view.say("Engine", "推理引擎"),
            format_html("{} {}", said(engine.name, "/engine/name"), said(engine.version, "/engine/version")),
        ),
        (view.say("Threads", "线程"), number(engine.threads, "/engine/threads")),
        (view.say("Context", "上下文长度"), number(engine.context, "/engine/context")),
        (view.say("System prompt", "系统提示词"), _quote(model.system_prompt, "/system_prompt")),
    ]
    return {"from": view.artifact.digest, "facts": facts, "weights": model.weights.digest if model.weights else ""}
