"""What a recipe would do and what a build would cost, asked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

from quanheng.core import bounded, permission
from quanheng.core.artifacts import load
from quanheng.core.context import Loaded, Settled
from quanheng.core.inputs import Takes, marker, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.corpus_verbs import ASSET_LAYERS, OneRecipe, RecipeAssets, layer_assets
from quanheng.data.endpoint_assets import ENDPOINT_ROLES, described_endpoints, endpoint_assets, is_endpoint
from quanheng.data.lexicon_days import dated, day_of
from quanheng.store import JSON

if TYPE_CHECKING:
    from quanheng.data.corpus import AssetInput

#: Half of the seconds that an analysis may wait for the answers of an endpoint (`bounded` doubles them).
ASKING_S = 600


class OnSources(RecipeAssets, OneRecipe):
    """Names sources, the recipe that they would be built by, and what its steps read or ask."""

    sources: Annotated[list[str], Takes("source")] = param(..., "Sources", "数据来源", min_length=1)
    seed: int = param(0, "Another seed takes another sample", "换一个种子取另一份样本", ge=0, le=2**31)

    def given(self, session: Session) -> dict[str, Loaded]:
        """Return the artifacts that are named for steps, by role."""
        names = {field: getattr(self, field) for field in (*ASSET_LAYERS, *ENDPOINT_ROLES)}
        takes = {field: marker(type(self).model_fields[field]) for field in names}
        return {
            role: load(session, name, *mark.kinds)
            for role, name in names.items()
            if name and isinstance(mark := takes[role], Takes)
        }

    def task(self, session: Session, assets: Mapping[str, AssetInput], **more: JSON) -> dict[str, JSON]:
        """Return the task of `data.corpus.analyze` and `estimate`."""
        from quanheng.data.corpus.elsewhere import Elsewhere

        sources: list[JSON] = []
        objects, elsewhere = session.workspace.objects, {}
        hosts = sorted(session.workspace.settings.allowed_hosts)
        for name in self.sources:
            loaded = load(session, name, "source")
            layers = {}
            for layer in loaded.layers:
                here = objects.exists(layer.digest)
                if here or layer.is_external:
                    layers[layer.title] = layer.digest
                if not here and layer.is_external:
                    elsewhere[layer.digest] = Elsewhere.of(layer, hosts).model_dump(mode="json")
            sources.append([loaded.digest, loaded.model.model_dump(mode="json"), dict(layers)])
        return {
            "objects": str(objects.root),
            "sources": sources,
            "recipe": dated(self.read(), day_of(self.as_of, self.lexicon)).model_dump(mode="json"),
            "assets": {role: asset.layer for role, asset in assets.items()},
            "seed": self.seed,
            "elsewhere": dict(elsewhere),
            **more,
        }

    def files(self, session: Session, given: Mapping[str, Loaded]) -> dict[str, AssetInput]:
        """Return the assets that are read as files."""
        banks = [load(session, name, "benchmark") for name in self.benchmarks]
        return layer_assets(given, banks, session.workspace.objects)


class CorpusAnalyze(OnSources):
    """Input of corpus.analyze."""

    documents: int = param(
        2000, "Size of the sample (10 to 20,000 documents)", "样本大小（10 至 20000 篇）", ge=10, le=20_000
    )
    attempt: str = param(
        "",
        "A condition to try on the sample, such as: repetition > 0.3",
        "在样本上试算的条件，例如：repetition > 0.3",
        max_length=500,
    )


@query(
    "corpus.analyze",
    help=(
        "Try a recipe on a sample: how each score is distributed, and what each condition would drop",
        "在样本上试配方：各项得分的分布，以及每个条件会剔除多少",
    ),
)
def corpus_analyze(session: Session, inp: CorpusAnalyze) -> Any:
    """Return columns with quantiles and bins, and what each judge, or a condition to try, takes of a seeded sample.

    An endpoint that is given is asked about the documents of the sample, by whoever may build; each answer is kept, and
    a build asks no question twice.
    """
    given = inp.given(session)
    asked = [role for role in ENDPOINT_ROLES if role in given and is_endpoint(given[role])]
    if asked:
        permission.require(session, "build", "corpus.build")
    settings = session.workspace.settings
    settled = Settled(allowed_hosts=settings.allowed_hosts, workspace=str(session.workspace.folder))
    with ExitStack() as stack:
        endpoints = endpoint_assets(given, session.workspace.objects, settled, stack, local=session.is_local)
        task = inp.task(
            session,
            {**inp.files(session, given), **endpoints},
            documents=inp.documents,
            attempt=inp.attempt or None,
            answers=str(session.workspace.cache.root) if asked else None,
        )
        # Whoever waits at a keyboard may wait for a service; what it has answered is kept in any case.
        time_s = ASKING_S if asked and session.is_local else bounded.TIME_S
        return bounded.run("quanheng.data.corpus.analyze:analyzed", task, time_s=time_s)


@query(
    "corpus.plan",
    help=(
        "Estimate the time, memory and disk that a build will take, by building a sample",
        "构建前估算：试构建一份样本，推算所需的时间、内存和磁盘",
    ),
)
def corpus_plan(session: Session, inp: OnSources) -> Any:
    """Return the estimate of `data.corpus.estimate`, measured now on this machine.

    work_bytes: disk at the worst moment with --keep final; work_stages_bytes and work_all_bytes: with the others.
    questions: of each step that asks an endpoint, which is not asked now: the documents that will come to it, and the
    most questions that the build asks about them. What they take is in no other number, and conditions on the answers
    are taken to drop nothing.
    """
    given = inp.given(session)
    asked = [role for role in ENDPOINT_ROLES if role in given and is_endpoint(given[role])]
    endpoints = described_endpoints(given, session.workspace.objects)
    task = inp.task(session, {**inp.files(session, given), **endpoints}, endpoints=list(asked))
    found = bounded.run("quanheng.data.corpus.estimate:estimated", task, memory_mb=8192, time_s=300)
    return {**found, "core_hours": f"{found['cpu_s'] / 3600:.3f}"}
