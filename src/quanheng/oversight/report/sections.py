"""The sections below the rules: sources, how the corpus came about, what was asked, draws, judges, and the basis."""

from __future__ import annotations

from quanheng.kinds.base import Rate
from quanheng.kinds.corpora import Corpus, FunnelStep
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.models import Benchmark, Endpoint, LanguageModel, Responses
from quanheng.kinds.oversight import Assessment, Draw, Judge, JudgeUse, Rule, RulePack
from quanheng.kinds.sources import Source
from quanheng.oversight.report.blocks import (
    Block,
    Cell,
    Fact,
    Facts,
    Lines,
    Paragraph,
    Piece,
    Section,
    Table,
    cell,
    line,
    mark,
    note,
)
from quanheng.oversight.report.context import Held, ReportContext
from quanheng.oversight.report.words import Tongue, number, short_digest

#: Characters shown of the first line of what was found about a licence.
LICENCE_SHOWN = 120


def digest_piece(digest: str) -> Piece:
    """Return a digest in short; all of it stands in `whole`."""
    return Piece(short_digest(digest), "digest", whole=digest)


def sources(context: ReportContext, tongue: Tongue) -> Section | None:
    """Return the sources with origin, licence as found, and what each gave to the corpus."""
    if not context.sources:
        return None
    shares = {share.source: share for share in context.corpus.kind.per_source} if context.corpus else {}
    rows: list[tuple[Cell, ...]] = []
    for held in context.sources:
        share = shares.get(held.digest)
        given = f"{number(share.documents_kept)} / {number(share.documents_read)}" if share else "—"
        rows.append(
            (
                cell(held.kind.title, digest_piece(held.digest)),
                _origin(held.kind, tongue),
                _licence(held.kind, tongue),
                cell(tongue("yes" if held.kind.collection.has_record else "no")),
                cell(given),
            )
        )
    heads = _heads(tongue, "source", "origin", "licence", "record", "kept_of_read")
    return Section(tongue("sources_title"), (Table(heads, tuple(rows), (28, 20, 25, 11, 16), numeric=(4,)),))


def _heads(tongue: Tongue, *keys: str) -> tuple[str, ...]:
    return tuple(tongue(key) if key else "" for key in keys)


def _origin(source: Source, tongue: Tongue) -> Lines:
    named = " ".join(part for part in (source.origin.name, source.origin.version) if part)
    return cell(tongue.listed(tongue(source.origin.type), tongue(source.origin.region)), note(named))


def _as_found(found: str, tongue: Tongue) -> str:
    """Return the first line of what was found about a licence."""
    first = next(iter(found.strip().splitlines()), "")
    return (said_zh(first) if tongue.zh else first)[:LICENCE_SHOWN]


def _licence(source: Source, tongue: Tongue) -> Lines:
    licence = source.licence
    clear = mark(tongue("clear"), "ok") if licence.clear else mark(tongue("unclear"), "no")
    found = (licence.spdx, _as_found(licence.found, tongue))
    return cell(clear, note(" · ".join(part for part in found if part and part != "NOASSERTION")))


def funnel(corpus: Held[Corpus] | None, tongue: Tongue) -> Section | None:
    """Return what each step took away, with a bar for what is left."""
    if corpus is None or not corpus.kind.funnel:
        return None
    kind = corpus.kind
    first = max(step.documents_before for step in kind.funnel)
    rows = tuple(_funnel_row(step, first, tongue) for step in kind.funnel)
    filtered = kind.filtered
    masked = tongue("masked", found=number(sum(kind.personal_data.values())), documents=number(kind.masked_documents))
    hits = tongue(
        "hits",
        terms=number(filtered.lexicon_terms),
        hit=number(filtered.documents_hit),
        review=number(filtered.documents_for_review),
    )
    heads = _heads(tongue, "step", "", "left", "less")
    table = Table(heads, rows, (28, 42, 16, 14), numeric=(2, 3))
    said = Paragraph((Piece(masked), Piece(hits), digest_piece(corpus.digest)))
    return Section(tongue("funnel"), (table, said))


def _funnel_row(step: FunnelStep, first: int, tongue: Tongue) -> tuple[Cell, ...]:
    name = tongue(f"step_{step.step}")
    if step.reason:
        name = tongue.labelled(f"step_{step.step}", tongue.say(reason_name(step.reason)))
    less = step.documents_before - step.documents_after
    left = step.documents_after / first if first else 0.0
    return cell(name), left, cell(number(step.documents_after)), cell(f"−{number(less)}" if less else "")


def asked(context: ReportContext, tongue: Tongue) -> Section | None:
    """Return the model, and each bank with how much of it was asked."""
    if not context.model and not context.endpoint and not context.banks:
        return None
    answers = {responses.kind.purpose: responses.kind for responses in context.responses}
    rows = tuple(_bank_row(bank.kind, answers.get(bank.kind.purpose), tongue) for bank in context.banks)
    blocks: list[Block] = []
    if facts := (*_endpoint(context.endpoint, context.model, tongue),):
        blocks.append(Facts(facts))
    if rows:
        heads = _heads(tongue, "bank", "items", "asked", "not_answered")
        blocks.append(Table(heads, rows, (52, 14, 18, 16), numeric=(1, 2, 3)))
    return Section(tongue("asked_title"), tuple(blocks))


def _bank_row(bank: Benchmark, got: Responses | None, tongue: Tongue) -> tuple[Cell, ...]:
    title = note(f"{bank.title} · {bank.version} · {bank.licence.spdx}")
    how = note(tongue("whole_bank" if got.complete else "part_bank")) if got else ""
    return (
        cell(tongue(bank.purpose), title),
        cell(number(bank.items)),
        cell(number(got.asked) if got else "—", how),
        cell(number(got.failed) if got else "—"),
    )


def _endpoint(endpoint: Held[Endpoint] | None, model: Held[LanguageModel] | None, tongue: Tongue) -> list[Fact]:
    facts: list[Fact] = []
    if endpoint:
        kind = endpoint.kind
        where = Piece(tongue("remote" if kind.url else "local"), "small")
        facts.append(Fact(tongue("model"), line(kind.model, where)))
        facts.append(Fact(tongue("engine"), cell(f"{kind.engine.name} {kind.engine.version}")))
        facts.append(Fact(tongue("decoding"), cell(tongue.decoding(kind.decoding))))
    elif model:
        facts.append(Fact(tongue("model"), cell(model.kind.name)))
    if model:
        facts.append(Fact(tongue("kind_of_model"), cell(tongue("tuned" if model.kind.tuned else "base_model"))))
        facts.append(Fact(tongue("licence"), _model_licence(model.kind, tongue)))
        facts.append(Fact(tongue("weights"), cell(digest_piece(model.kind.weights.digest))))
    if endpoint:
        facts.append(Fact(tongue("endpoint"), cell(digest_piece(endpoint.digest))))
    return facts


def _model_licence(model: LanguageModel, tongue: Tongue) -> Lines:
    if model.licence.clear:
        return cell(model.licence.spdx)
    return line(mark(tongue("unclear"), "no"), Piece(_as_found(model.licence.found, tongue), "small"))


def drawn(assessment: Assessment, tongue: Tongue) -> Section:
    """Return every draw, also those that were not used, and every judge with its validation."""
    blocks: list[Block] = []
    if assessment.draws:
        heads = _heads(tongue, "purpose", "drawn_of", "draw_no", "drawn_by", "samples")
        rows = tuple(_draw_row(draw, tongue) for draw in assessment.draws)
        blocks.append(Table(heads, rows, (20, 24, 10, 20, 26), numeric=(1, 2)))
    else:
        blocks.append(_said(tongue("no_samples")))
    if assessment.withdrawn_draws:
        blocks.append(_said(tongue("withdrawn_draws").format(number(assessment.withdrawn_draws))))
    if assessment.judges:
        heads = _heads(tongue, "judged", "judge", "count", "unjudged", "validation")
        rows = tuple(_judge_row(use, tongue) for use in assessment.judges)
        blocks.append(Table(heads, rows, (18, 28, 10, 14, 30), numeric=(2, 3)))
    else:
        blocks.append(_said(tongue("no_verdicts")))
    return Section(tongue("drawn_title"), tuple(blocks))


def _said(text: str) -> Paragraph:
    return Paragraph((Piece(text),))


_PURPOSES = ("manual", "keyword", "classifier", "source")


def purpose_name(purpose: str, tongue: Tongue) -> str:
    """Return what samples of this purpose are called."""
    return tongue(f"purpose_{purpose}") if purpose in _PURPOSES else purpose


def _draw_row(draw: Draw, tongue: Tongue) -> tuple[Cell, ...]:
    return (
        cell(purpose_name(draw.purpose, tongue)),
        cell(f"{number(draw.n)} / {number(draw.population)}"),
        cell(number(draw.draw_no)),
        cell(mark(tongue("self_drawn"), "wait") if draw.self_drawn else tongue("outside")),
        cell(digest_piece(draw.sample)),
    )


def _judge_row(use: JudgeUse, tongue: Tongue) -> tuple[Cell, ...]:
    judge = use.judge
    return (
        cell(tongue(f"judged_{use.purpose}")),
        cell(tongue(f"method_{judge.method}"), note(f"{judge.name} {judge.version}")),
        cell(number(use.n)),
        cell(number(use.unjudged)),
        cell(_validation(judge, tongue)),
    )


def _validation(judge: Judge, tongue: Tongue) -> str:
    if judge.type == "human":
        return tongue("people_judge")
    if judge.validated and judge.sensitivity and judge.specificity:
        return tongue("validated", se=_rate(judge.sensitivity), sp=_rate(judge.specificity))
    return tongue("not_validated")


def _rate(rate: Rate) -> str:
    return f"{number(rate.k)}/{number(rate.n)}"


def basis(pack: RulePack, tongue: Tongue) -> Section:
    """Return the clause of each rule as read and as in force, where it was seen, and who checked the text."""
    checked = (
        Piece(tongue("text_checked_by", who=pack.text_checked_by, when=pack.text_checked_on))
        if pack.text_checked_by
        else mark(tongue("text_unchecked"), "wait")
    )
    facts = Facts(
        (
            Fact(tongue("instrument"), cell(tongue.say(pack.instrument))),
            Fact(tongue("read_from"), cell(tongue.say(pack.read_from))),
            Fact(tongue("text_checked"), cell(checked)),
        )
    )
    rows = tuple(_basis_row(rule, tongue) for rule in pack.rules)
    heads = _heads(tongue, "rule", "clause", "clause_final", "force", "basis")
    table = Table(heads, rows, (13, 14, 29, 8, 36), name="basis")
    return Section(tongue("basis_title"), (facts, _said(tongue.say(pack.note)), table))


def _basis_row(rule: Rule, tongue: Tongue) -> tuple[Cell, ...]:
    return (
        cell(Piece(rule.id, "rule")),
        cell(rule.clause),
        cell(tongue.say(rule.clause_final)),
        cell(tongue(rule.force)),
        cell(tongue(f"basis_{rule.basis}"), note(tongue.say(rule.basis_note))),
    )
