"""The whole report as plain data, from which every format is made: what it says is decided here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import rules_table, sections
from quanheng.oversight.report.blocks import (
    Block,
    Fact,
    Facts,
    Family,
    Line,
    Paragraph,
    Piece,
    Section,
    Table,
    cell,
    line,
    mark,
)
from quanheng.oversight.report.context import Proof, ReportContext
from quanheng.oversight.report.drawings import TONES, Node, Tone, nodes
from quanheng.oversight.report.sections import digest_piece, purpose_name
from quanheng.oversight.report.todo import Step, steps
from quanheng.oversight.report.words import Tongue, number, short_digest


class Counted(NamedTuple):
    """How many rules have a verdict, and the word for it."""

    n: str
    word: str
    tone: Tone


@dataclass(frozen=True)
class Verdict:
    """The overall verdict: the word, its tone, the counts, and what it means."""

    word: str
    tone: Tone
    counts: tuple[Counted, ...]
    said: str
    among: str


@dataclass(frozen=True)
class Content:
    """Everything a report says, in one language.

    `name`: the document's title for lists of files. `crumb`, `subtitle` and `end` (below the last section) sum up
    `facts` in a line each. `sheet` stands at the foot of every sheet. `root`: the whole root, "" without a proof.
    `digests` lists in full what `sections` show in short; a page that shows all of it on demand leaves it out.
    """

    tongue: Tongue
    name: str
    report_id: str
    root: str
    crumb: str
    subtitle: Line
    facts: Facts
    verdict: Verdict
    banners: tuple[str, ...]
    steps: tuple[Step, ...]
    rule_heads: tuple[str, ...]
    families: tuple[Family, ...]
    nodes: tuple[Node, ...]
    proof: Section
    sections: tuple[Section, ...]
    digests: Section
    sheet: tuple[str, ...]
    end: tuple[str, ...]


def contents(assessment: Assessment, context: ReportContext, language: str) -> Content:
    """Return what the report on `assessment` says in `language`: "zh…" is Chinese, all else English."""
    tongue = Tongue("zh" if language.startswith("zh") else "en")
    rules = {rule.id: rule for rule in context.rulepack.rules}
    parts = (
        sections.sources(context, tongue),
        sections.funnel(context.corpus, tongue),
        sections.asked(context, tongue),
        sections.drawn(assessment, tongue),
        sections.basis(context.rulepack, tongue),
    )
    sheet = _sheet(context, tongue)
    return Content(
        tongue=tongue,
        name=f"{tongue('document')} {context.report_id} · {context.project}",
        report_id=context.report_id,
        root=context.proof.root if context.proof else "",
        crumb=f"{context.project} / {tongue('document')} / {context.made_on}",
        subtitle=_subtitle(assessment, context, tongue),
        facts=_facts(assessment, context, tongue),
        verdict=_verdict(assessment, tongue),
        banners=_banners(assessment, tongue),
        steps=steps(assessment.results, tongue),
        rule_heads=rules_table.heads(tongue),
        families=rules_table.families(rules, assessment.results, tongue),
        nodes=nodes(context, tongue, tongue(assessment.overall)),
        proof=_proof(context.proof, context.bundle_name, tongue),
        sections=tuple(part for part in parts if part),
        digests=_digests(assessment, context, tongue),
        sheet=(*sheet, tongue("working_paper")),
        end=_end(sheet, context, tongue),
    )


def _corpus_size(context: ReportContext, tongue: Tongue) -> str:
    """Return how many documents the corpus has, "" without one."""
    if context.corpus is None:
        return ""
    documents = number(context.corpus.kind.totals.documents)
    return f"{documents} 条" if tongue.zh else f"{documents} items"


def _subtitle(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Line:
    pairs = (
        ("model", context.model_name),
        ("corpus", _corpus_size(context, tongue)),
        ("rulepack", context.rulepack.id),
    )
    said = Piece(" · ".join(tongue.labelled(key, value) for key, value in pairs if value))
    pack = assessment.rulepack.digest
    return (said, digest_piece(pack)) if pack else (said,)


def _facts(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Facts:
    """Return what the subtitle, the crumb and the end say, one below the other."""
    pack, made = assessment.rulepack.digest, context.assessment_digest
    pairs = (
        ("project", cell(context.project)),
        ("report_no", cell(context.report_id)),
        ("made_on", cell(context.made_on)),
        ("tool", cell(f"{tongue('brand')} {context.version}")),
        ("model", cell(context.model_name)),
        ("corpus", cell(_corpus_size(context, tongue))),
        ("rulepack", line(context.rulepack.id, digest_piece(pack) if pack else "")),
        ("assessment", cell(digest_piece(made)) if made else ()),
    )
    return Facts(tuple(Fact(tongue(key), value) for key, value in pairs if value))


def _verdict(assessment: Assessment, tongue: Tongue) -> Verdict:
    tally = assessment.tally
    counted = (
        ("conforms", tally.conforms),
        ("fails", tally.fails),
        ("pending", tally.pending),
        ("not_applicable", tally.not_applicable),
    )
    reserved = (("below_recommended", tally.below_recommended), ("thin_margin", tally.thin_margin))
    among = [f"{tongue(key)} {number(n)}" for key, n in reserved if n]
    return Verdict(
        word=tongue(assessment.overall),
        tone=TONES[assessment.overall],
        counts=tuple(Counted(number(n), tongue(verdict), TONES[verdict]) for verdict, n in counted),
        said=tongue(f"overall_{assessment.overall}"),
        among=tongue("among") + tongue.listed(*among) if among else "",
    )


def _banners(assessment: Assessment, tongue: Tongue) -> tuple[str, ...]:
    """Return what a reader must know of the draws: who drew, and what was drawn more than once, and how often."""
    purposes = [draw.purpose for draw in assessment.draws]
    times = {
        purpose: max(purposes.count(purpose), *(d.draw_no for d in assessment.draws if d.purpose == purpose))
        for purpose in sorted(set(purposes))
    }
    which = [
        tongue("redraws", purpose=purpose_name(purpose, tongue), n=number(n)) for purpose, n in times.items() if n > 1
    ]
    redrawn = tongue("redraws_banner", which=tongue.listed(*which)) if which else ""
    self_drawn = tongue("self_drawn_banner") if assessment.self_drawn else ""
    return tuple(said for said in (self_drawn, redrawn) if said)


def _proof(proof: Proof | None, bundle_name: str, tongue: Tongue) -> Section:
    title = tongue("verifiable")
    if proof is None:
        return Section(title, (Paragraph((Piece(tongue("no_proof")),)),))
    witness = Piece(tongue.say(proof.witness)) if proof.witness else mark(tongue("no_witness"), "wait")
    facts = Facts(
        (
            Fact(tongue("entries", n=number(proof.entries)), cell(Piece(proof.root, "hex"))),
            Fact(tongue("checkpoint_time"), cell(proof.time)),
            Fact(tongue("fingerprint"), cell(Piece(proof.fingerprint, "hex"))),
            Fact(tongue("witness"), cell(witness)),
        )
    )
    command = f"python -I -m quanheng.store.verify {bundle_name} --key {proof.fingerprint}"
    return Section(title, (facts, Paragraph((Piece(tongue("verify_offline")), Piece(command, "code")))))


def _digests(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Section:
    """Return every artifact that the report names, with its whole digest."""
    purpose = purpose_name
    named = [
        (tongue("assessment"), context.assessment_digest),
        (tongue("rulepack"), assessment.rulepack.digest),
        (tongue("corpus"), context.corpus.digest if context.corpus else None),
        *((tongue("source_of", title=held.kind.title), held.digest) for held in context.sources),
        *((tongue("sample_of", purpose=purpose(draw.purpose, tongue)), draw.sample) for draw in assessment.draws),
        (tongue("lexicon"), context.lexicon.digest if context.lexicon else None),
        *((tongue("bank_of", purpose=tongue(held.kind.purpose)), held.digest) for held in context.banks),
        *((tongue("answers_of", purpose=tongue(held.kind.purpose)), held.digest) for held in context.responses),
        (tongue("model"), context.model.digest if context.model else None),
        (tongue("weights"), context.model.kind.weights.digest if context.model else None),
        (tongue("endpoint"), context.endpoint.digest if context.endpoint else None),
    ]
    rows = tuple((cell(name), cell(Piece(digest, "hex"))) for name, digest in named if digest)
    heads = (tongue("artifact"), tongue("digest"))
    blocks: tuple[Block, ...] = (Table(heads, rows, (30, 70), name="digests"),) if rows else ()
    return Section(tongue("digests_title"), blocks)


def _sheet(context: ReportContext, tongue: Tongue) -> tuple[str, ...]:
    root = f"{tongue('root')} {short_digest(context.proof.root)}" if context.proof else ""
    return tuple(part for part in (f"{tongue('report')} {context.report_id}", root) if part)


def _end(sheet: tuple[str, ...], context: ReportContext, tongue: Tongue) -> tuple[str, ...]:
    made = context.assessment_digest
    assessment = (f"{tongue('assessment')} {short_digest(made)}",) if made else ()
    return (*sheet, *assessment, tongue("working_paper"), tongue("made_with", version=context.version))
