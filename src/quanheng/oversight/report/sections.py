"""The sections below the rules: sources, how the corpus came about, what was asked, draws, judges, and the basis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quanheng.kinds.base import Rate
from quanheng.kinds.data import Corpus, Source
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.models import LanguageModel
from quanheng.kinds.oversight import Assessment, Judge, JudgeUse, RulePack
from quanheng.oversight.report.context import Held, ReportContext
from quanheng.oversight.report.figures import share_bar
from quanheng.oversight.report.html import Child, Html, el, join
from quanheng.oversight.report.words import Tongue, number, short_digest


def digest_mark(digest: str) -> Html:
    """Return a short digest whose full text is in its title and is printed on paper in short."""
    return el("span", short_digest(digest), class_="hash", title=digest)


def section(title: str, *children: Child) -> Html:
    """Return a titled section."""
    return el("section", el("h2", title), children)


def grid(
    heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numeric: tuple[int, ...] = (), name: str | None = None
) -> Html:
    """Return a table whose cells carry their head, so that narrow screens can stack them."""
    head = el("thead", el("tr", [el("th", h, scope="col", class_=_side(i, numeric)) for i, h in enumerate(heads)]))
    body = [
        el("tr", [el("td", cell, data_label=heads[i], class_=_side(i, numeric)) for i, cell in enumerate(row)])
        for row in rows
    ]
    return el("div", el("table", head, el("tbody", body), class_="grid"), class_=f"scroll {name}" if name else "scroll")


def _side(place: int, numeric: tuple[int, ...]) -> str | None:
    return "r" if place in numeric else None


def sources(context: ReportContext, tongue: Tongue) -> Html | None:
    """Return the sources with origin, licence as found, and what each gave to the corpus."""
    if not context.sources:
        return None
    shares = {share.source: share for share in context.corpus.kind.per_source} if context.corpus else {}
    rows: list[list[Child]] = []
    for held in context.sources:
        share = shares.get(held.digest)
        given = f"{number(share.documents_kept)} / {number(share.documents_read)}" if share else "—"
        source = held.kind
        rows.append(
            [
                join([source.title, Html("<br>"), digest_mark(held.digest)]),
                _origin(source, tongue),
                _licence(source, tongue),
                tongue("yes" if source.collection.has_record else "no"),
                given,
            ]
        )
    heads = [tongue(key) for key in ("source", "origin", "licence", "record", "kept_of_read")]
    return section(tongue("sources_title"), grid(heads, rows, numeric=(4,)))


def _origin(source: Source, tongue: Tongue) -> Html:
    lines = [tongue.listed(tongue(source.origin.type), tongue(source.origin.region))]
    named = " ".join(part for part in (source.origin.name, source.origin.version) if part)
    return join([lines[0], el("span", named, class_="cl")])


def _as_found(found: str, tongue: Tongue) -> str:
    """Return the first line of what was found about a licence."""
    first = next(iter(found.strip().splitlines()), "")
    return said_zh(first) if tongue.zh else first


def _licence(source: Source, tongue: Tongue) -> Html:
    licence = source.licence
    mark = el("span", tongue("clear" if licence.clear else "unclear"), class_="v ok" if licence.clear else "v no")
    first = _as_found(licence.found, tongue)
    said = " · ".join(part for part in (licence.spdx, first[:120]) if part and part != "NOASSERTION")
    return join([mark, el("span", said, class_="cl")])


def funnel(corpus: Held[Corpus] | None, tongue: Tongue) -> Html | None:
    """Return what each step took away, with a bar for what is left."""
    if corpus is None or not corpus.kind.funnel:
        return None
    kind = corpus.kind
    first = max(step.documents_before for step in kind.funnel)
    rows: list[list[Child]] = []
    for step in kind.funnel:
        name = tongue(f"step_{step.step}")
        if step.reason:
            name = tongue.labelled(f"step_{step.step}", tongue(f"reason_{step.reason}"))
        less = step.documents_before - step.documents_after
        bar = share_bar(step.documents_after / first if first else 0.0)
        rows.append([name, bar, number(step.documents_after), f"−{number(less)}" if less else ""])
    heads = [tongue("step"), "", tongue("left"), tongue("less")]
    filtered = kind.filtered
    masked = tongue("masked", found=number(sum(kind.personal_data.values())), documents=number(kind.masked_documents))
    hits = tongue(
        "hits",
        terms=number(filtered.lexicon_terms),
        hit=number(filtered.documents_hit),
        review=number(filtered.documents_for_review),
    )
    return section(
        tongue("funnel"),
        grid(heads, rows, numeric=(2, 3)),
        el("p", masked, " ", hits, " ", digest_mark(corpus.digest), class_="small"),
    )


def asked(context: ReportContext, tongue: Tongue) -> Html | None:
    """Return the model, and each bank with how much of it was asked."""
    if not context.model and not context.endpoint and not context.banks:
        return None
    answers = {responses.kind.purpose: responses.kind for responses in context.responses}
    rows: list[list[Child]] = []
    for bank in context.banks:
        got = answers.get(bank.kind.purpose)
        title = el("span", f"{bank.kind.title} · {bank.kind.version} · {bank.kind.licence.spdx}", class_="cl")
        rows.append(
            [
                join([tongue(bank.kind.purpose), title]),
                number(bank.kind.items),
                _asked_of(got.asked, got.complete, tongue) if got else "—",
                number(got.failed) if got else "—",
            ]
        )
    heads = [tongue("bank"), tongue("items"), tongue("asked"), tongue("not_answered")]
    table = grid(heads, rows, numeric=(1, 2, 3)) if rows else None
    return section(tongue("asked_title"), _model(context, tongue), table)


def _asked_of(asked_n: int, complete: bool, tongue: Tongue) -> Html:
    how = el("span", tongue("whole_bank" if complete else "part_bank"), class_="cl")
    return join([number(asked_n), how])


def _model(context: ReportContext, tongue: Tongue) -> Html | None:
    pairs: list[tuple[str, Child]] = []
    endpoint, model = context.endpoint, context.model
    if endpoint:
        kind = endpoint.kind
        where = el("small", tongue("remote" if kind.url else "local"))
        pairs.append((tongue("model"), join([kind.model, " ", where])))
        pairs.append((tongue("engine"), f"{kind.engine.name} {kind.engine.version}"))
        pairs.append((tongue("decoding"), tongue.decoding(kind.decoding)))
    elif model:
        pairs.append((tongue("model"), model.kind.name))
    if model:
        pairs.append((tongue("kind_of_model"), tongue("tuned" if model.kind.tuned else "base_model")))
        pairs.append(
            (tongue("licence"), model.kind.licence.spdx if model.kind.licence.clear else _unclear(model, tongue))
        )
        pairs.append((tongue("weights"), digest_mark(model.kind.weights.digest)))
    if endpoint:
        pairs.append((tongue("endpoint"), digest_mark(endpoint.digest)))
    return el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs], class_="facts") if pairs else None


def _unclear(model: Held[LanguageModel], tongue: Tongue) -> Html:
    mark = el("span", tongue("unclear"), class_="v no")
    return join([mark, " ", el("small", _as_found(model.kind.licence.found, tongue)[:120])])


def drawn(assessment: Assessment, tongue: Tongue) -> Html:
    """Return every draw, also those that were not used, and every judge with its validation."""
    draws: list[list[Child]] = [
        [
            purpose_name(draw.purpose, tongue),
            f"{number(draw.n)} / {number(draw.population)}",
            number(draw.draw_no),
            el("span", tongue("self_drawn"), class_="v wait") if draw.self_drawn else tongue("outside"),
            digest_mark(draw.sample),
        ]
        for draw in assessment.draws
    ]
    heads = [tongue("purpose"), tongue("drawn_of"), tongue("draw_no"), tongue("drawn_by"), tongue("samples")]
    first = grid(heads, draws, numeric=(1, 2)) if draws else el("p", tongue("no_samples"), class_="small")
    gone = assessment.withdrawn_draws
    note = el("p", tongue("withdrawn_draws").format(number(gone)), class_="small") if gone else None
    judges: list[list[Child]] = [_judge_row(use, tongue) for use in assessment.judges]
    heads = [tongue("judged"), tongue("judge"), tongue("count"), tongue("unjudged"), tongue("validation")]
    second = grid(heads, judges, numeric=(2, 3)) if judges else el("p", tongue("no_verdicts"), class_="small")
    return section(tongue("drawn_title"), first, note, second)


_PURPOSES = ("manual", "keyword", "classifier", "source")


def purpose_name(purpose: str, tongue: Tongue) -> str:
    """Return what samples of this purpose are called."""
    return tongue(f"purpose_{purpose}") if purpose in _PURPOSES else purpose


def _judge_row(use: JudgeUse, tongue: Tongue) -> list[Child]:
    judge = use.judge
    who = join([tongue(f"method_{judge.method}"), el("span", f"{judge.name} {judge.version}", class_="cl")])
    return [tongue(f"judged_{use.purpose}"), who, number(use.n), number(use.unjudged), _validation(judge, tongue)]


def _validation(judge: Judge, tongue: Tongue) -> str:
    if judge.type == "human":
        return tongue("people_judge")
    if judge.validated and judge.sensitivity and judge.specificity:
        return tongue("validated", se=_rate(judge.sensitivity), sp=_rate(judge.specificity))
    return tongue("not_validated")


def _rate(rate: Rate) -> str:
    return f"{number(rate.k)}/{number(rate.n)}"


def basis(pack: RulePack, tongue: Tongue) -> Html:
    """Return the clause of each rule as read and as in force, where it was seen, and who checked the text."""
    rows: list[list[Child]] = [
        [
            el("a", rule.id, href=f"#{rule.id}", class_="id"),
            rule.clause,
            tongue.say(rule.clause_final),
            tongue(rule.force),
            join([tongue(f"basis_{rule.basis}"), el("span", tongue.say(rule.basis_note), class_="cl")]),
        ]
        for rule in pack.rules
    ]
    heads = [tongue(key) for key in ("rule", "clause", "clause_final", "force", "basis")]
    checked = (
        tongue("text_checked_by", who=pack.text_checked_by, when=pack.text_checked_on)
        if pack.text_checked_by
        else tongue("text_unchecked")
    )
    pairs: list[tuple[str, Child]] = [
        (tongue("instrument"), tongue.say(pack.instrument)),
        (tongue("read_from"), tongue.say(pack.read_from)),
        (tongue("text_checked"), el("span", checked, class_=None if pack.text_checked_by else "v wait")),
    ]
    facts = el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs], class_="facts")
    note = el("p", tongue.say(pack.note), class_="small")
    return section(tongue("basis_title"), facts, note, grid(heads, rows, name="basis"))
