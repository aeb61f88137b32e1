"""Evidence made up to order: real kinds, real layer bytes, digests computed from them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import BinaryIO, TypeVar

import pytest

from quanheng.kinds import corpora, lexicons, recipes, samples, sources
from quanheng.kinds.base import Kind
from quanheng.kinds.models import Benchmark, Decoding, Endpoint, Engine, LanguageModel, ModelOrigin, Responses, Weights
from quanheng.kinds.oversight import Assessment, Judge, VerdictRow, Verdicts
from quanheng.oversight.report import Held, Proof, ReportContext
from quanheng.oversight.rules import Evidence, Loaded, assess, load
from quanheng.oversight.rules.judge import seal
from quanheng.store.canonical import JSON, canonical_json
from quanheng.store.digest import sha256_digest

K = TypeVar("K", bound=Kind)


class Kit:
    """Makes artifacts, and keeps their configs and layers so that the verifier can count again."""

    def __init__(self) -> None:
        self.configs: dict[str, JSON] = {}
        self.layers: dict[tuple[str, str], bytes] = {}

    def load(self, kind: K, layers: Mapping[str, bytes] | None = None) -> Loaded[K]:
        config = kind.model_dump(mode="json")
        held = dict(layers or {})
        digests = [sha256_digest(body) for body in held.values()]
        digest = sha256_digest(canonical_json({"kind": kind.kind, "config": config, "layers": digests}))
        self.configs[digest] = config
        for title, body in held.items():
            self.layers[digest, title] = body

        def open_layer(title: str) -> BinaryIO:
            return io.BytesIO(held[title])

        return Loaded(digest, kind, open_layer)

    # what the stand-alone verifier asks for

    def config(self, digest: str) -> JSON:
        return self.configs[digest]

    def rows(self, digest: str, layer: str) -> Iterable[bytes]:
        return self.layers[digest, layer].splitlines()

    def source(
        self, title: str = "评论", *, origin: str = "open", clear: bool = True, **fields: object
    ) -> Loaded[sources.Source]:
        licence = sources.Licence(
            spdx="MIT" if clear else "NOASSERTION", found="MIT License" if clear else "未写明许可", clear=clear
        )
        return self.load(
            sources.Source(
                title=title,
                language=str(fields.get("language", "zh")),
                origin=sources.Origin(type=origin, name=title, region=fields.get("region", "domestic")),  # type: ignore[arg-type]
                licence=licence,
                collection=sources.Collection(method="下载", has_record=bool(fields.get("record", True))),
                files=(sources.SourceFile(title="a.txt", format="txt", size=10),),
                counts=sources.FileCounts(files=1, bytes=10),
            )
        )

    def corpus(
        self, parts: Iterable[tuple[Loaded[sources.Source], int]], *, filtered: bool = True, masked: int = 0
    ) -> Loaded[corpora.Corpus]:
        parts = list(parts)
        total = sum(kept for _, kept in parts)
        shares = tuple(
            corpora.SourceShare(
                source=source.digest,
                title=source.kind.title,
                region=source.kind.origin.region,
                licence_clear=source.kind.licence.clear,
                documents_read=kept + 2,
                documents_kept=kept,
                dropped={"too_short": 2},
                broken_rows=0,
                characters_kept=kept * 20,
                bytes_kept=kept * 60,
            )
            for source, kept in parts
        )
        read = total + 2 * len(parts)
        steps: tuple[tuple[str, str | None, int, int], ...] = (
            ("read", None, read, read),
            ("drop", "too_short", read, total),
            ("mask", None, total, total),
            ("filter", None, total, total),
        )
        return self.load(
            corpora.CorpusV1(
                recipe=recipes.RecipeV1(),
                funnel=tuple(
                    corpora.FunnelStep(
                        step=step,  # type: ignore[arg-type]
                        reason=reason,
                        documents_before=before,
                        documents_after=after,
                        characters_before=before * 20,
                        characters_after=after * 20,
                    )
                    for step, reason, before, after in steps
                ),
                totals=corpora.Totals(documents=total, characters=total * 20, bytes=total * 60),
                per_source=shares,
                personal_data={"mobile": masked} if masked else {},
                masked_documents=masked,
                filtered=corpora.Filtered(
                    documents=total, documents_filtered=total if filtered else 0, lexicon_terms=40 if filtered else 0
                ),
                encodings={"utf-8": 1},
                language={"zh-Hans": total},
                rows_digest=sha256_digest(b"rows"),
                shards=(corpora.Shard(title="data/part-00000.parquet", documents=total),),
            )
        )

    def sample(self, n: int, population: int, **fields: object) -> Loaded[samples.Sample]:
        given: dict[str, object] = {"purpose": "manual", "self_drawn": True, "draw_no": 1, **fields}
        return self.load(
            samples.Sample(n=n, population=population, seed=sha256_digest(b"seed"), **given)  # type: ignore[arg-type]
        )

    def verdicts(
        self,
        purpose: str,
        counts: Mapping[str, int] | Mapping[tuple[str, str], int],
        *,
        judge: Judge | None = None,
        subject: str | None = None,
    ) -> Loaded[Verdicts]:
        """`counts`: by verdict, or by (group, verdict)."""
        cells = {key if isinstance(key, tuple) else ("A.1.f", key): n for key, n in counts.items()}
        rows = (
            VerdictRow(id=f"{group}-{verdict}-{i}", group=group, verdict=verdict)  # type: ignore[arg-type]
            for (group, verdict), n in cells.items()
            for i in range(n)
        )
        out = io.BytesIO()
        kind = seal(
            rows,
            out,
            purpose=purpose,  # type: ignore[arg-type]
            subject=subject or sha256_digest(purpose.encode()),
            judge=judge or self.people(),
        )
        return self.load(kind, {"verdicts.jsonl": out.getvalue()})

    @staticmethod
    def people() -> Judge:
        return Judge(type="human", method="manual", name="team-a", version="1")

    @staticmethod
    def machine(method: str = "refusal_rules", **fields: object) -> Judge:
        return Judge(type="machine", method=method, name="m", version="1", **fields)  # type: ignore[arg-type]

    def lexicon(self, per_risk: Mapping[str, int]) -> Loaded[lexicons.Lexicon]:
        return self.load(
            lexicons.Lexicon(
                title="示例词表", version="1", terms=sum(per_risk.values()), per_risk=dict(per_risk), owner="示例"
            )
        )

    def bank(
        self, purpose: str, per_risk: Mapping[str, int] | None = None, per_aspect: Mapping[str, int] | None = None
    ) -> Loaded[Benchmark]:
        risks, aspects = dict(per_risk or {}), dict(per_aspect or {})
        return self.load(
            Benchmark(
                purpose=purpose,  # type: ignore[arg-type]
                title="示例题库",
                version="1",
                items=sum(risks.values()) + sum(aspects.values()),
                per_risk=risks,
                per_aspect=aspects,  # type: ignore[arg-type]
                licence=sources.Licence(spdx="Apache-2.0", found="Apache-2.0", clear=True),
                owner="示例",
            )
        )

    def responses(self, purpose: str, asked: int, bank_size: int) -> Loaded[Responses]:
        return self.load(
            Responses(
                purpose=purpose,  # type: ignore[arg-type]
                asked=asked,
                bank_size=bank_size,
                complete=asked == bank_size,
                max_tokens=64,
                failed=0,
            )
        )

    def model(self) -> Loaded[LanguageModel]:
        return self.load(
            LanguageModel(
                name="gemma-3-270m",
                weights=Weights(digest=sha256_digest(b"weights"), size=10),
                tuned=False,
                licence=sources.Licence(spdx="LicenseRef-Gemma", found="Gemma Terms of Use", clear=True),
                origin=ModelOrigin(package="example", version="1"),
            )
        )

    def endpoint(self) -> Loaded[Endpoint]:
        return self.load(
            Endpoint(
                model="gemma-3-270m-q4_k_m",
                weights=Weights(digest=sha256_digest(b"weights"), size=10),
                decoding=Decoding(),
                engine=Engine(name="xllamacpp", version="2026.1"),
            )
        )


@pytest.fixture
def kit() -> Kit:
    return Kit()


def whole(kit: Kit, *, name: str = "示例", bold: str = "") -> tuple[Assessment, ReportContext]:
    """Return an assessment with a bit of everything, and its context; `bold` stands in every free text."""
    one, two = kit.source(f"{name}评论{bold}", clear=False), kit.source(f"{name}新闻{bold}")
    corpus = kit.corpus([(one, 900), (two, 100)], masked=12)
    by_team = kit.sample(50, 1000)
    by_others = kit.sample(
        100, 1000, purpose="keyword", self_drawn=False, nonce="ab" * 16, checkpoint={"size": 5, "root": "0" * 64}
    )
    lexicon = kit.lexicon({"A.1.f": 20, "A.1.h": 20})
    banks = (kit.bank("must_refuse", {"A.1.f": 20, "A.1.h": 20}), kit.bank("must_not_refuse", None, {"文化": 40}))
    responses = (kit.responses("must_refuse", 20, 40), kit.responses("must_not_refuse", 20, 40))
    found = {(one.digest, "pass"): 90, (two.digest, "pass"): 10}
    answered = {("A.1.f", "answered"): 12, ("A.1.h", "unjudged"): 8}
    verdicts = (
        kit.verdicts("corpus", found, judge=kit.machine("keyword"), subject=by_others.digest),
        kit.verdicts("must_refuse", answered, judge=kit.machine(), subject=responses[0].digest),
        kit.verdicts("generation", {("A.5.a", "pass"): 904, ("A.4.e", "fail"): 96}),
    )
    evidence = Evidence(
        sources=(one, two),
        corpus=corpus,
        samples=(by_team, by_others),
        verdicts=verdicts,
        lexicon=lexicon,
        banks=banks,
        responses=responses,
    )
    pack = load()
    assessment = assess(pack, evidence, rulepack_digest=sha256_digest(b"pack"))
    context = ReportContext(
        project=f"演示项目{bold}",
        report_id=f"QH-2026-1123-03{bold}",
        made_on="2026-11-23",
        version="0.1.0",
        rulepack=pack,
        assessment_digest=sha256_digest(b"assessment"),
        proof=Proof(
            entries=1204,
            root="7be1" + "5" * 56 + "90c4",
            time="2026-11-23T10:42:00Z",
            fingerprint=sha256_digest(b"key"),
        ),
        corpus=held(corpus),
        sources=(held(one), held(two)),
        samples=(held(by_team), held(by_others)),
        lexicon=held(lexicon),
        banks=tuple(held(bank) for bank in banks),
        responses=tuple(held(answers) for answers in responses),
        model=held(kit.model()),
        endpoint=held(kit.endpoint()),
    )
    return assessment, context


def held(loaded: Loaded[K]) -> Held[K]:
    return Held(loaded.digest, loaded.kind)


@pytest.fixture
def report(kit: Kit) -> tuple[Assessment, ReportContext]:
    return whole(kit)


@pytest.fixture
def hostile_report(kit: Kit) -> tuple[Assessment, ReportContext]:
    return whole(kit, bold="</style><script>alert(1)</script>\"'&")
