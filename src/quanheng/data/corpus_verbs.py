"""What can be done with a corpus: build it by a recipe, look at recipes."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from quanheng.core import bounded
from quanheng.core.artifacts import load
from quanheng.core.context import Draft, JobContext, Loaded
from quanheng.core.inputs import SLUG, Aside, Filled, Input, Local, Takes, param
from quanheng.core.lineage import descendants
from quanheng.core.resolve import local_path
from quanheng.core.save import read_file
from quanheng.core.session import Session
from quanheng.core.verb import query, verb
from quanheng.data.endpoint_assets import endpoint_assets
from quanheng.data.lexicon_days import AS_OF, dated, day_of
from quanheng.data.page_reading import layer_files
from quanheng.errors import Conflict, Invalid
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.recipes import Recipe
from quanheng.kinds.sources import Source
from quanheng.store import JSON, canonical_json, sha256_digest

#: The layer of each artifact that operators open, by role of the asset.
ASSET_LAYERS = {
    "lexicon": "terms.jsonl",
    "classifier": "model.bin",
    "domain_classifier": "model.bin",
    "ngram_model": "model.bin",
    "tokenizer": "tokenizer.json",
}


class CorpusBuild(Input):
    """Input of corpus.build."""

    sources: Annotated[list[str], Takes("source")] = param(
        ...,
        "Sources; of duplicates the copy with a clear licence stays, then that of the first source",
        "数据来源；重复文档优先保留许可明确的，其次保留排在前面的来源",
        min_length=1,
    )
    recipe: str = param(
        "web-zh",
        "Name of a recipe that ships: web-zh, books-zh, law-zh, dialogue-zh, strict-compliance",
        "自带配方的名称：web-zh 网页、books-zh 图书、law-zh 法律、dialogue-zh 对话、strict-compliance 严格合规",
        pattern=r"^[a-z0-9-]{1,60}$",
    )
    file: Annotated[str | None, Local()] = param(
        None, "TOML file of a recipe of your own, in its place", "自己的配方（TOML 文件），代替自带配方"
    )
    lexicon: Annotated[str | None, Takes("lexicon")] = param(
        None, "Keyword library to search with, for review", "用于复核的关键词库"
    )
    as_of: str = AS_OF
    classifier: Annotated[str | None, Takes("classifier")] = param(
        None, "Classifier of quality or risk that the recipe asks", "配方所用的质量或风险分类模型"
    )
    domain_classifier: Annotated[str | None, Takes("classifier")] = param(
        None, "Classifier of domains that the recipe asks", "配方所用的领域分类模型"
    )
    ngram_model: Annotated[str | None, Takes("ngram_model")] = param(
        None, "N-gram model whose perplexity the recipe asks", "配方计算困惑度所用的 n 元模型"
    )
    scorer: Annotated[str | None, Takes("endpoint")] = param(
        None, "Endpoint that scores educational value, when the recipe asks", "为教育价值打分的端点（配方用到时）"
    )
    guard: Annotated[str | None, Takes("endpoint")] = param(
        None, "Endpoint of a guard model that marks risky texts for review", "安全护栏模型的端点，标出风险文本供复核"
    )
    embedder: Annotated[str | None, Takes("endpoint", "files")] = param(
        None,
        "What gives texts vectors, when the recipe asks: an endpoint, or a folder of static vectors (files register)",
        "为文本生成向量的端点，或用 files register 登记的静态向量文件夹（配方用到时）",
    )
    benchmarks: Annotated[list[str], Takes("benchmark")] = param(
        [], "Test sets whose items must not be in the corpus", "题目不得出现在语料中的测试题库"
    )
    tokenizer: Annotated[str | None, Takes("tokenizer")] = param(
        None, "Tokenizer whose tokens every count is told in too", "分词器：各项数量同时按它的词元计"
    )
    samples: int = param(
        50,
        "Documents of each reason that are kept for people to look at (0 to 1,000)",
        "每种原因保留多少篇供人查看（0 至 1000）",
        ge=0,
        le=1000,
    )
    keep: Annotated[Literal["final", "stages", "all"], Aside()] = param(
        "final",
        "What stays on disk beside the corpus; it changes nothing in the corpus. final: what makes new files cheap; "
        "stages: also the rows after each segment, for a recipe changed later on; all: also every verdict",
        "构建后除语料外还保留什么，不影响语料内容。final：只留新增文件时能省时的部分；stages：另留每段之后的全部行，"
        "便于只改配方靠后的步骤；all：另留每条去重结论",
    )
    recipe_digest: Annotated[str, Filled()] = param("", "Digest of the recipe", "配方的摘要")


def fill_recipe(session: Session, inp: CorpusBuild) -> CorpusBuild:
    """Fill in the digest of the recipe that ships, so that another release of it is another build; and the day."""
    inp = inp.model_copy(update={"as_of": day_of(inp.as_of, inp.lexicon)})
    if inp.file is not None:
        return inp
    said = canonical_json(find_recipe(inp.recipe, None).model_dump(mode="json"))
    return inp.model_copy(update={"recipe_digest": sha256_digest(said)})


def find_recipe(name: str, file: str | None) -> Recipe:
    """Return the recipe in a TOML file, or the one that ships under `name`."""
    from quanheng.data.corpus import read_recipe, shipped_recipe

    return read_recipe(Path(local_path(file))) if file else shipped_recipe(name)


@verb(
    "corpus.build",
    version=3,
    permission="build",
    cache=True,
    makes=("corpus/v3",),
    prepare=fill_recipe,
    help=(
        "Clean sources into a corpus by a recipe: every decision is kept with its reason",
        "按配方把来源清洗成训练语料：每个取舍都留有理由",
    ),
)
def corpus_build(ctx: JobContext, inp: CorpusBuild) -> Draft:
    """Run the sources through the recipe's steps; leave the corpus with every decision."""
    from quanheng.data.corpus import AssetInput, SourceInput, build

    recipe = dated(find_recipe(inp.recipe, inp.file), inp.as_of)
    sources = []
    for loaded in ctx.many("sources"):
        if not isinstance(loaded.model, Source):
            raise Invalid(
                f"{loaded.digest} is no source",
                f"{loaded.digest} 不是数据来源",
                hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
            )
        layers, hosts = {layer.title: layer for layer in loaded.layers}, tuple(sorted(ctx.settings.allowed_hosts))
        sources.append(SourceInput(loaded.digest, loaded.model, layers, hosts))
    assets = {}
    for role, title in ASSET_LAYERS.items():
        if found := ctx.optional(role):
            assets[role] = AssetInput(found.digest, found.layer(title).digest)
    if banks := ctx.many("benchmarks"):
        assets["benchmarks"] = AssetInput(sha256_digest(canonical_json([bank.digest for bank in banks])), _items(ctx))
    with ExitStack() as stack:
        result = build(
            sources,
            recipe,
            objects=ctx.objects,
            cache=ctx.cache,
            progress=ctx.progress,
            map=ctx.map,
            assets={**assets, **endpoint_assets(ctx, stack)},
            samples=inp.samples,
            keep=inp.keep,
            release=ctx.release,
        )
    most, left = (f"{said[inp.keep] / 1e6:,.1f} MB" for said in (result.peak_bytes, result.left_bytes))
    ctx.log(
        f"disk: at most {most} beside the sources while building, {left} now, corpus included (--keep {inp.keep})",
        f"磁盘：构建期间除来源外最多占用 {most}，现占用 {left}，均含语料（--keep {inp.keep}）",
    )
    return Draft(result.model, result.layers)


def _items(ctx: JobContext) -> str:
    """Return the digest of the items of all test sets given, as lines {"id", "text"}."""
    with ctx.objects.writer() as out:
        for bank in ctx.many("benchmarks"):
            with bank.open_layer("items.jsonl") as stream:
                for line in stream:
                    item = json.loads(line)
                    said = {"id": f"{bank.digest[7:19]}/{item['id']}", "text": item["question"]}
                    out.write(canonical_json(said) + b"\n")
    return out.result.digest


class OneRecipe(Input):
    """Names a recipe: one that ships, a file, or its text."""

    recipe: str = param("web-zh", "Name of a recipe that ships", "自带配方的名称", pattern=r"^[a-z0-9-]{1,60}$")
    file: Annotated[str | None, Local()] = param(
        None, "TOML file of a recipe of your own, in its place", "自己的配方（TOML 文件），代替自带配方"
    )
    toml: str = param("", "Text of a recipe, in place of both", "配方的文本，代替前两项", max_length=262_144)

    def read(self) -> Recipe:
        """Return the recipe."""
        from quanheng.data.corpus import parse_recipe

        return parse_recipe(self.toml) if self.toml else find_recipe(self.recipe, self.file)


@query(
    "recipe.lint",
    help=(
        "Check a recipe: unknown words are named with the nearest right one",
        "检查配方：写错的词会给出最接近的正确写法",
    ),
)
def recipe_lint(session: Session, inp: OneRecipe) -> Any:
    """Return the recipe's steps as they would run, with the columns each may ask for; raises what is wrong.

    Steps that need an asset (a lexicon, a classifier, test sets) are checked as if it were given.
    """
    from quanheng.data.corpus import describe_plan

    return describe_plan(inp.read())


class RecipeList(Input):
    """Input of recipe.list."""


@query("recipe.list", scope="workspace", help=("List the recipes that ship, and the operators", "列出自带的配方和算子"))
def recipe_list(session: Session, inp: RecipeList) -> Any:
    """Return recipes with their titles, and operators with their parameters, columns and assets."""
    from quanheng.data.corpus import describe_operators, shipped, shipped_recipe

    titles = {name: shipped_recipe(name).title.model_dump() for name in shipped()}
    return {
        "recipes": [{"name": name, **title} for name, title in titles.items()],
        "operators": describe_operators(),
    }


class RecipeImport(Input):
    """Input of recipe.import."""

    file: Annotated[str, Local()] = param(..., "YAML file of a Data-Juicer recipe", "Data-Juicer 配方的 YAML 文件")
    name: str = param("imported", "Name of the new recipe", "新配方的名称", pattern=SLUG)


@query(
    "recipe.import",
    help=(
        "Turn a Data-Juicer recipe into ours: what is mapped, what differs and how, what is refused",
        "把 Data-Juicer 配方转换为本平台的配方：说明哪些对应、哪些有差别、哪些无法转换",
    ),
)
def recipe_import(session: Session, inp: RecipeImport) -> Any:
    """Return the recipe as TOML, and what became of each operator."""
    from quanheng.data.corpus.juicer import MOST_BYTES, import_recipe, recipe_text

    try:
        text = read_file(local_path(inp.file), MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{inp.file!r} is not UTF-8",
            f"{inp.file!r} 不是 UTF-8 编码",
            hint=("Save it as UTF-8.", "请另存为 UTF-8。"),
            code="bad_recipe",
        ) from error
    found = import_recipe(text, inp.name)
    notes = [
        {"operator": note.operator, "how": note.how, "en": note.difference.en, "zh": note.difference.zh}
        for note in found.notes
    ]
    return {"notes": notes, "refused": list(found.refused), "toml": recipe_text(found.recipe)}


class OnSources(OneRecipe):
    """Names sources, and the recipe that they would be built by."""

    sources: Annotated[list[str], Takes("source")] = param(..., "Sources", "数据来源", min_length=1)
    lexicon: Annotated[str | None, Takes("lexicon")] = param(None, "Keyword library", "关键词库")
    as_of: str = AS_OF
    seed: int = param(0, "Another seed takes another sample", "换一个种子取另一份样本", ge=0, le=2**31)

    def task(self, session: Session, **more: JSON) -> dict[str, JSON]:
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
        assets = {}
        if self.lexicon:
            assets["lexicon"] = load(session, self.lexicon, "lexicon").layer(ASSET_LAYERS["lexicon"]).digest
        return {
            "objects": str(objects.root),
            "sources": sources,
            "recipe": dated(self.read(), day_of(self.as_of, self.lexicon)).model_dump(mode="json"),
            "assets": dict(assets),
            "seed": self.seed,
            "elsewhere": dict(elsewhere),
            **more,
        }


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
        "See on a sample how scores are distributed and what each condition would take",
        "在样本上查看各项得分的分布，以及每个条件会剔除哪些文档",
    ),
)
def corpus_analyze(session: Session, inp: CorpusAnalyze) -> Any:
    """Return columns with quantiles and bins, and what each judge, or a condition to try, takes of a seeded sample."""
    task = inp.task(session, documents=inp.documents, attempt=inp.attempt or None)
    return bounded.run("quanheng.data.corpus.analyze:analyzed", task)


@query(
    "corpus.plan",
    help=(
        "Tell what a build will cost in processor time, memory and disk, from building a sample of it",
        "通过试构建一份样本，预估构建所需的处理器时间、内存和磁盘",
    ),
)
def corpus_plan(session: Session, inp: OnSources) -> Any:
    """Return the estimate of `data.corpus.estimate`, measured now on this machine.

    work_bytes: disk at the worst moment with --keep final; work_stages_bytes and work_all_bytes: with the others.
    """
    found = bounded.run("quanheng.data.corpus.estimate:estimated", inp.task(session), memory_mb=8192, time_s=300)
    return {**found, "core_hours": f"{found['cpu_s'] / 3600:.3f}"}


class CorpusDiff(Input):
    """Input of corpus.diff."""

    first: Annotated[str, Takes("corpus")] = param(..., "One corpus", "一份语料")
    second: Annotated[str, Takes("corpus")] = param(..., "The other corpus", "另一份语料")
    seed: int = param(0, "Another seed shows other documents", "换一个种子看另一些文档", ge=0, le=2**31)


@query(
    "corpus.diff",
    help=("Compare two corpora: what both hold, what one alone", "比较两份语料：共有的与各自独有的文档"),
)
def corpus_diff(session: Session, inp: CorpusDiff) -> Any:
    """Return documents in both and in one alone by source, with some of them, and what each dropped and why."""
    loaded = [load(session, name, "corpus") for name in (inp.first, inp.second)]
    task: dict[str, JSON] = {"seed": inp.seed}
    for role, one in zip(("first", "second"), loaded, strict=True):
        task[role] = [list(pair) for pair in layer_files(session, one, "data")]
    found = bounded.run("quanheng.data.corpus.compare:compared", task)
    return {**found, "one": _said(loaded[0]), "second": _said(loaded[1])}


def _said(loaded: Loaded) -> dict[str, Any]:
    """Return what a corpus says of itself, for a comparison."""
    model = loaded.model
    assert isinstance(model, Corpus)  # noqa: S101 - load has checked the kind
    dropped: Counter[str] = Counter()
    for share in model.per_source:
        dropped.update(share.dropped)
    return {
        "digest": loaded.digest,
        "totals": model.totals.model_dump(),
        "dropped": dict(sorted(dropped.items())),
        "titles": {share.source: share.title for share in model.per_source},
    }


class WithSources(Input):
    """Names a corpus, whose sources `prepare` fills in: cards and licence tables tell of them."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "语料")
    sources: Annotated[list[str], Takes("source"), Filled()] = param([], "Sources of the corpus", "语料的来源")


W = TypeVar("W", bound=WithSources)


def fill_sources(session: Session, inp: W) -> W:
    """Fill in the sources that the corpus was made of; Conflict "sources_unknown" when they are not known here."""
    loaded = load(session, inp.corpus, "corpus")
    assert isinstance(loaded.model, Corpus)  # noqa: S101 - load has checked the kind
    ordered = [share.source for share in loaded.model.per_source]
    if sorted(loaded.made_from("sources")) != sorted(ordered):
        raise Conflict(
            f"the sources of {loaded.digest} are not known here, so nothing can be said of their licences",
            f"不知道 {loaded.digest} 的来源，无法说明其许可",
            hint=("Build it from its sources: quanheng corpus build", "请由来源重新构建：quanheng corpus build"),
            code="sources_unknown",
        )
    return inp.model_copy(update={"corpus": loaded.digest, "sources": ordered})


class CorpusTakedown(WithSources):
    """Input of corpus.takedown."""

    url: list[str] = param(
        [], "Addresses; one ending in * names all that begin so", "网址；以 * 结尾表示所有以此开头的网址"
    )
    digest: list[str] = param([], "Digests of documents (text_digest)", "文档摘要（text_digest）")
    source: list[str] = param([], "Digests of sources", "来源的摘要")
    match: list[str] = param([], "Texts that stand in the documents", "文档中出现的文字")


@verb(
    "corpus.takedown",
    permission="build",
    cache=True,
    makes=("corpus/v1", "corpus/v2", "corpus/v3"),
    prepare=fill_sources,
    help=(
        "Make a new version of a corpus without some documents, and tell what was made of the old one",
        "下架部分文档，生成语料新版本，并列出由旧版本产生的制品",
    ),
)
def corpus_takedown(ctx: JobContext, inp: CorpusTakedown) -> Draft:
    """Leave the corpus without the documents that are named; only shards that hold them are written anew."""
    from quanheng.data.corpus.takedown import Wanted, take_down

    corpus = ctx.one("corpus")
    model = corpus.model
    assert isinstance(model, Corpus)  # noqa: S101 - Takes has checked the kind
    wanted = Wanted(urls=tuple(inp.url), digests=tuple(inp.digest), sources=tuple(inp.source), match=tuple(inp.match))
    if not (inp.url or inp.digest or inp.source or any(text.strip() for text in inp.match)):
        raise Invalid(
            "say which documents are to be taken down",
            "请说明要下架哪些文档",
            hint=("Use --url, --digest, --source or --match.", "请使用 --url、--digest、--source 或 --match。"),
            code="nothing_named",
        )
    sources = [loaded.model for loaded in ctx.many("sources") if isinstance(loaded.model, Source)]
    made, layers, taken = take_down(model, corpus.layers, corpus.open_layer, wanted, ctx.objects, sources, ctx.progress)
    ctx.log(f"{len(taken.ids):,} documents taken down", f"已下架 {len(taken.ids):,} 篇文档")
    return Draft(made, layers)


class CorpusUses(Input):
    """Input of corpus.uses."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "语料")


@query(
    "corpus.uses",
    help=(
        "List what was made of a corpus: exports, models, samples, other corpora",
        "列出由语料产生的制品：导出、模型、样本和其他语料",
    ),
)
def corpus_uses(session: Session, inp: CorpusUses) -> Any:
    """Return the artifacts of the project that stem from the corpus, nearest first: digest, kind, steps away."""
    loaded = load(session, inp.corpus, "corpus")
    found: dict[str, tuple[str, int]] = {}
    for step in descendants(loaded.digest, project=session.project_id):
        found.setdefault(step.digest, (step.kind, step.depth))
    rows = [{"digest": digest, "kind": kind, "steps": depth} for digest, (kind, depth) in found.items()]
    return {"digest": loaded.digest, "rows": rows}
