"""What can be done with a corpus: build it by a recipe, look at recipes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from quanheng.core import bounded
from quanheng.core.artifacts import load
from quanheng.core.context import Draft, JobContext, Loaded
from quanheng.core.inputs import SLUG, Aside, Filled, Input, Local, Takes, param
from quanheng.core.resolve import local_path
from quanheng.core.save import read_file
from quanheng.core.session import Session
from quanheng.core.verb import query, verb
from quanheng.data.endpoint_assets import ENDPOINT_ROLES, checked_first, endpoint_assets
from quanheng.data.lexicon_days import AS_OF, dated, day_of
from quanheng.data.page_reading import layer_files
from quanheng.data.takedowns import lists_of, not_heeded, warnings, without
from quanheng.errors import Conflict, Invalid, Text
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.recipes import Recipe
from quanheng.kinds.sources import Source
from quanheng.store import JSON, LocalObjects, canonical_json, sha256_digest

if TYPE_CHECKING:
    from quanheng.data.corpus import AssetInput

#: The layer of each artifact that operators open, by role of the asset.
ASSET_LAYERS = {
    "lexicon": "terms.jsonl",
    "classifier": "model.bin",
    "domain_classifier": "model.bin",
    "ngram_model": "model.bin",
    "tokenizer": "tokenizer.json",
}


class RecipeAssets(Input):
    """What the steps of a recipe read or ask beside the texts."""

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


class _BuiltFrom(Input):
    """Names sources and the recipe they are built by."""

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


class CorpusBuild(RecipeAssets, _BuiltFrom):
    """Input of corpus.build."""

    taken_down: Annotated[list[str], Takes("corpus")] = param(
        [],
        "Corpora from which documents were taken down: those documents are left out of this one too",
        "下架过文档的语料：其中已下架的文档也不进入这份语料",
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
    not_heeded: Annotated[list[str], Aside(), Filled()] = param(
        [], "Corpora of these sources with a takedown that is not heeded", "同源且有下架、但未予排除的语料"
    )


def fill_recipe(session: Session, inp: CorpusBuild) -> CorpusBuild:
    """Fill in the digest of the recipe that ships, so that another release of it is another build; and the day."""
    left = not_heeded(session, inp.sources, inp.taken_down)
    inp = inp.model_copy(update={"as_of": day_of(inp.as_of, inp.lexicon), "not_heeded": left})
    if inp.file is not None:
        return inp
    said = canonical_json(find_recipe(inp.recipe, None).model_dump(mode="json"))
    return inp.model_copy(update={"recipe_digest": sha256_digest(said)})


def kept_before(was: Mapping[str, Any], asked: Mapping[str, Any]) -> Text | None:
    """Return what to know of a corpus that was built before: whether less was kept, or a takedown came since."""
    said = [text for text in (_less_kept(was, asked), *warnings(asked["not_heeded"])) if text]
    return Text("; ".join(text.en for text in said), "；".join(text.zh for text in said)) if said else None


def _less_kept(was: Mapping[str, Any], asked: Mapping[str, Any]) -> Text | None:
    order = ("final", "stages", "all")
    before, now = str(was["keep"] or "final"), str(asked["keep"])
    if order.index(now) <= order.index(before):
        return None
    return Text(
        f"this corpus was built before with --keep {before}, and nothing more is kept of it now. To have what --keep "
        f"{now} keeps, give it at the next build that has something to do: of other files, or by a changed recipe",
        f"这份语料此前已按 --keep {before} 构建，这次没有重新执行，也没有多保留任何内容。要保留 --keep {now} "
        "的中间结果，请在下一次有内容要构建时（来源有变化，或配方有改动）加上这个选项",
    )


def find_recipe(name: str, file: str | None) -> Recipe:
    """Return the recipe in a TOML file, or the one that ships under `name`."""
    from quanheng.data.corpus import read_recipe, shipped_recipe

    return read_recipe(Path(local_path(file))) if file else shipped_recipe(name)


@verb(
    "corpus.build",
    version=4,
    permission="build",
    cache=True,
    makes=("corpus/v3",),
    prepare=fill_recipe,
    there=kept_before,
    help=(
        "Build a corpus from sources by a recipe; every decision is kept with its reason",
        "按配方由来源构建语料；每个取舍都留有理由",
    ),
)
def corpus_build(ctx: JobContext, inp: CorpusBuild) -> Draft:
    """Run the sources through the recipe's steps; leave the corpus with every decision."""
    from quanheng.data.corpus import SourceInput, build

    for text in warnings(inp.not_heeded):
        ctx.log(*text)
    recipe, down = dated(find_recipe(inp.recipe, inp.file), inp.as_of), lists_of(ctx.many("taken_down"))
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
    given = {role: found for role in (*ASSET_LAYERS, *ENDPOINT_ROLES) if (found := ctx.optional(role))}
    assets = layer_assets(given, ctx.many("benchmarks"), ctx.objects)
    with ExitStack() as stack:
        assets |= endpoint_assets(given, ctx.objects, ctx.settings, stack)
        result = build(
            sources,
            recipe,
            objects=ctx.objects,
            cache=ctx.cache,
            progress=ctx.progress,
            map=checked_first(given, ctx.settings.executor, ctx.map),
            assets=assets,
            samples=inp.samples,
            keep=inp.keep,
            release=ctx.release,
            again=ctx.again,
        )
    if inp.taken_down:
        result = without(ctx, result, sources, down)
    most, left = (f"{said[inp.keep] / 1e6:,.1f} MB" for said in (result.peak_bytes, result.left_bytes))
    ctx.log(
        f"disk: at most {most} beside the sources while building, {left} now, corpus included (--keep {inp.keep})",
        f"磁盘：构建期间除来源外最多占用 {most}，现占用 {left}，均含语料（--keep {inp.keep}）",
    )
    return Draft(result.model, result.layers)


def layer_assets(given: Mapping[str, Loaded], banks: Sequence[Loaded], objects: LocalObjects) -> dict[str, AssetInput]:
    """Return the assets that operators read as files: the layers of artifacts given by role, and test sets."""
    from quanheng.data.corpus import AssetInput

    assets = {
        role: AssetInput(given[role].digest, given[role].layer(title).digest)
        for role, title in ASSET_LAYERS.items()
        if role in given
    }
    if banks:
        digest = sha256_digest(canonical_json([bank.digest for bank in banks]))
        assets["benchmarks"] = AssetInput(digest, _items(banks, objects))
    return assets


def _items(banks: Sequence[Loaded], objects: LocalObjects) -> str:
    """Return the digest of the items of test sets, as lines {"id", "text"}."""
    with objects.writer() as out:
        for bank in banks:
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
        "Check a recipe; a misspelt name is told with the nearest right one",
        "检查配方；写错的名称会提示最接近的正确写法",
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


@query(
    "recipe.list",
    scope="workspace",
    help=("List the recipes that come with Quanheng, and all operators", "列出自带的配方和全部算子"),
)
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
        "Convert a Data-Juicer recipe: what maps, what differs and how, what cannot be converted",
        "转换 Data-Juicer 配方：哪些对应、哪些有差别、哪些无法转换",
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


class CorpusDiff(Input):
    """Input of corpus.diff."""

    first: Annotated[str, Takes("corpus")] = param(..., "One corpus", "一份语料")
    second: Annotated[str, Takes("corpus")] = param(..., "The other corpus", "另一份语料")
    seed: int = param(0, "Another seed shows other documents", "换一个种子看另一些文档", ge=0, le=2**31)


@query(
    "corpus.diff",
    help=("Compare two corpora: what both hold and what only one does", "比较两份语料：共有的和各自独有的文档"),
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
