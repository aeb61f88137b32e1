"""What forms of the data wing say in place of a verb's help: a heading, how to begin, and a sentence beside a field.

A verb's own help is written for a command line, where parameters are typed by name; a form says what to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Pair = tuple[str, str]


class Heading(NamedTuple):
    """The heading of a form, which its button repeats, and what stands below it."""

    title: Pair
    intro: Pair


HEADINGS: Mapping[str, Heading] = {
    "source.register": Heading(
        ("Register a source", "登记来源"),
        (
            "Upload the text, and say where it comes from and what one may do with it. What you cannot tell, leave: it "
            "is then marked as unclear.",
            "上传文本，写明从哪里来、按什么许可使用。说不清的不填，会标为“不明”。",
        ),
    ),
    "corpus.build": Heading(
        ("Build training data", "构建训练数据"),
        (
            "Choose sources and a recipe; everything else may stay as it is. Documents are cleaned, duplicates removed "
            "and personal data masked, and of every document the reason stays on record.",
            "选好来源和配方即可，其余可以不填。文档会经过清洗、去重和个人信息遮盖，每一条的去留都记下理由。",
        ),
    ),
    "corpus.takedown": Heading(
        ("Take documents down", "下架文档"),
        (
            "Name the documents in one or more of these ways: all that fit are left out of a new version. The old "
            "version stays as it is; its page tells what was made of it (Review, Lineage).",
            "用下面一种或几种方式指明文档，凡符合的都不进入新版本。旧版本保持不变；由它产生的制品见旧版本页面的“复核”和“血缘”。",
        ),
    ),
    "corpus.mix": Heading(
        ("Plan a mix", "制定配比"),
        (
            "Say how many tokens each source, or group of sources, is to give.",
            "说明每个来源（或每组来源）各提供多少词元。",
        ),
    ),
    "corpus.export": Heading(
        ("Export training data", "导出训练数据"),
        (
            "Puts a corpus into files that a training program reads. They are downloaded from the page of the result.",
            "把语料做成训练程序可以直接读取的文件，完成后在结果页面下载。",
        ),
    ),
    "corpus.publish": Heading(
        ("Make an open data set", "制作开放数据集"),
        (
            "Puts together what a public data set needs: the data, cards in Chinese and English, the licence of every "
            "source, checksums, and a description that programs read (Croissant).",
            "备齐公开所需的一套文件：数据、中英文说明卡、许可表、校验和，以及供程序读取的说明（Croissant）。",
        ),
    ),
    "lexicon.register": Heading(
        ("Register a keyword library", "登记关键词库"),
        (
            "A hit lists a document for review or is counted; no document is dropped for one hit.",
            "命中只供复核或计数，不会因一次命中就删除文档。",
        ),
    ),
    "lexicon.admit": Heading(
        ("Test a keyword library on ordinary texts", "关键词库入库检验"),
        (
            "In ordinary text every hit is a false one. A term that hits more than one document in 10,000 is from then "
            "on counted only, or only beside another word. A new version of the library comes of it, with evidence.",
            "在正常文本中命中即误报。误报超过万分之一的词，改为与组合词同现才算命中，或仅计数。结果是关键词库的新版本，附证据。",
        ),
    ),
    "sample.commit": Heading(
        ("Promise a sample", "承诺抽样"),
        (
            "First promise how much will be drawn, then draw: so nobody can choose documents that suit.",
            "先承诺抽多少，再抽取，这样谁也不能挑选文档。",
        ),
    ),
    "sample.draw": Heading(
        ("Draw a promised sample", "抽取样本"),
        (
            "It is kept on record who drew, and each time that the same sample was drawn again.",
            "由谁抽取、是否重抽，都会留下记录。",
        ),
    ),
    "tokenizer.train": Heading(
        ("Train a tokenizer", "训练分词器"),
        ("Byte-level BPE, trained on a corpus of this project.", "用本项目的语料训练字节级 BPE 分词器。"),
    ),
    "tokenizer.register": Heading(
        ("Register a tokenizer", "登记分词器"),
        ("One that you have already, in the format of Hugging Face.", "登记已有的 Hugging Face 格式分词器。"),
    ),
    "ngram.train": Heading(
        ("Train an n-gram model", "训练 n 元模型"),
        (
            "It tells how much like the corpus a text is, for the step “perplexity” of a recipe.",
            "它给出文本与该语料的相近程度，供配方的“困惑度”一步使用。",
        ),
    ),
    "classifier.train": Heading(
        ("Train a classifier", "训练分类模型"),
        (
            "For steps of a recipe that ask for quality, domain or risk.",
            "供配方中判断质量、领域或风险的步骤使用。",
        ),
    ),
    "files.register": Heading(
        ("Keep files as evidence", "登记文件"),
        ("Files as they are: contracts, letters, tables of vectors.", "原样保存的文件：合同、函件、向量表等。"),
    ),
}
_ONLY_IF = (
    "Only for a recipe of your own with the step “{}”; the recipes that ship do without.",
    ("仅当自己的配方中有“{}”一步时需要，自带配方不用。"),
)


def _only_if(en: str, zh: str) -> Pair:
    return _ONLY_IF[0].format(en), _ONLY_IF[1].format(zh)


_VALIDATION = (
    "Such as 1/100: one document in a hundred is held out. Left empty, none is.",
    "例如 1/100，即每 100 篇留出 1 篇；不填则不留。",
)
#: Help of fields by verb and name, or by name.
HELPS: Mapping[str, Pair] = {
    "corpus": ("", ""),
    "as_of": (
        "Terms whose last day is before this day are not looked for. Left empty, all terms are.",
        "有效期早于这一天的词不参与查找；不填则所有词都参与。",
    ),
    "benchmarks": (
        "Documents that hold their questions are dropped, so that the test stays a test.",
        "含有这些题目的文档会被剔除，以免测试题混入训练数据。",
    ),
    "classifier.train.file": (
        'One JSON a line, with the text and its labels: {"text": "…", "labels": ["good"]}. A text without labels is an '
        "example of none of them.",
        '每行一条 JSON，写明正文和标签：{"text": "…", "labels": ["good"]}；没有标签的作为反例。',
    ),
    "corpus.build.classifier": (
        "Scores quality or risk. Of the recipes that ship only “Strict compliance” makes use of one, and does without.",
        "给质量或风险打分。自带配方中只有“严格合规”会用到，没有也可以。",
    ),
    "corpus.build.domain_classifier": _only_if("domain", "领域分类"),
    "corpus.build.embedder": _only_if("deduplicate_semantic", "语义去重"),
    "corpus.build.file": ("Used in place of the recipe chosen above.", "选了文件，就不用上面选的配方。"),
    "corpus.build.guard": _only_if("guard", "安全护栏"),
    "corpus.build.keep": (
        "It changes nothing in the corpus, only how much a later build can take over.",
        "不影响语料内容，只影响以后再构建时能省多少时间。",
    ),
    "corpus.build.lexicon": (
        "Documents in which its terms are found are listed for review. Without one, nothing is looked for.",
        "命中其中词语的文档会列出供复核；不选则不查找。",
    ),
    "corpus.build.ngram_model": _only_if("perplexity", "困惑度"),
    "corpus.build.taken_down": (
        "What was taken down from them is left out here too. Choose the corpus that the takedown made.",
        "从这些语料下架的文档，这次也不采用。请选下架后生成的那一份。",
    ),
    "corpus.build.recipe": (
        "The steps of cleaning. To see beforehand what they do, open a source and choose “Try a recipe”.",
        "清洗的各个步骤。想先看效果，请打开来源，在“试清洗”中试用。",
    ),
    "corpus.build.samples": (
        "For people to look at later: 0 keeps none, 1,000 is the most.",
        "供日后人工查看：0 为不留，最多 1000。",
    ),
    "corpus.build.scorer": _only_if("educational_value", "教育价值"),
    "corpus.build.sources": (
        "Of duplicates one is kept: the one with a clear licence first, then that of the source that stands first.",
        "重复的文档只留一份：优先留许可明确的，其次留排在前面的来源。",
    ),
    "corpus.build.tokenizer": (
        "With one, every count is told in its tokens too.",
        "选了以后，各项数量同时按它的词元计。",
    ),
    "corpus.export.end": ("For Megatron only.", "只用于 Megatron 格式。"),
    "corpus.export.mix": ("Left out, all of the corpus is exported.", "不选则导出全部语料。"),
    "corpus.export.tokenizer": ("Needed for Megatron only.", "只有 Megatron 格式需要。"),
    "corpus.export.validation": _VALIDATION,
    "corpus.mix.group": (
        "One group a line: sources, a weight and, where wanted, the most epochs. 1=70 is 70 parts of the first source; "
        "2+3=30@1.5 is 30 parts of the second and third together, none of it more than 1.5 times. The sources are "
        "numbered as on the page of the corpus.",
        "每行一组，写来源序号、份额，需要时写最多遍数。1=70 指第 1 个来源占 70 份；2+3=30@1.5 指第 2、3 个来源合占 "
        "30 份，最多用 1.5 遍。序号按语料页“构成”中的顺序。",
    ),
    "corpus.mix.tokens": (
        "Left empty, the weights are numbers of tokens.",
        "不填则份额就是词元数。",
    ),
    "corpus.publish.contact": (
        "Where anybody may ask for something to be taken down: an e-mail address or a page.",
        "公众要求下架内容时联系谁：邮箱或网址。",
    ),
    "corpus.publish.name": ("Letters, digits and hyphens.", "字母、数字和连字符。"),
    "corpus.publish.title": ("In Chinese.", "用中文。"),
    "corpus.publish.title_en": ("Left empty: the same title.", "不填则同标题。"),
    "corpus.publish.validation": _VALIDATION,
    "corpus.takedown.digest": (
        "Digests of texts (sha256:…), as they stand beside documents in lists.",
        "正文的摘要（sha256:…），列表中每篇文档旁都有。",
    ),
    "corpus.takedown.match": (
        "Every document in which one of these texts stands.",
        "凡含有其中任一段文字的文档。",
    ),
    "corpus.takedown.source": ("All documents of these sources.", "这些来源的全部文档。"),
    "corpus.takedown.url": (
        "An address that ends in * means all that begin so. Of a document without an address, the name of its file.",
        "以 * 结尾表示所有以此开头的网址；没有网址的文档填文件名。",
    ),
    "lexicon.register.replaces": (
        "The two versions can then be compared on its page.",
        "选了以后，可在页面上对比两个版本。",
    ),
    "licence": (
        "An SPDX identifier, such as CC-BY-4.0, Apache-2.0 or MIT; for a licence that is not on that list "
        "LicenseRef-NAME. Not clear? Leave it empty.",
        "填 SPDX 标识，如 CC-BY-4.0、Apache-2.0、MIT；清单之外的许可写 LicenseRef-名称；不明确就不填。",
    ),
    "licence_file": (
        "The licence, contract or letter of consent itself; it is kept with the text.",
        "许可、合同或授权书原件，与文本一起保存。",
    ),
    "licence_found": (
        "What the site, the contract or the letter says, in its own words.",
        "网站、合同或授权书上怎么写，就怎么填。",
    ),
    "sample.commit.n": ("Fill in this or a percentage, not both.", "与“百分比”二选一。"),
    "sample.commit.percent": ("Of the corpus, rounded up.", "占语料的百分比，向上取整；与“篇数”二选一。"),
    "sample.draw.nonce": (
        "At least 32 hexadecimal digits that nobody could know before. Leave it empty if nobody gave you one.",
        "事先无人能知的至少 32 位十六进制数字；没有就留空。",
    ),
    "seed": ("Another seed, another choice of documents.", "换一个种子，就换一批文档。"),
    "source.register.collected_on": ("", ""),
    "source.register.collection": (
        "Such as: downloaded from the publisher's site; exported from our own system.",
        "例如：从发布网站下载，从本单位系统导出。",
    ),
    "source.register.document": (
        "In plain text and web pages. In tables and JSON lines each row is one document.",
        "只对纯文本和网页有用；表格和 JSONL 总是一行一篇。",
    ),
    "source.register.language": ("A language tag, such as zh or en.", "语言标签，如 zh、en。"),
    "source.register.ocr": (
        "Pictures and scanned pages hold no text of their own: it has to be recognised.",
        "图片和扫描页本身没有文字，须经识别才能读出。",
    ),
    "source.register.origin_name": ("Left empty: the title.", "不填则同标题。"),
    "source.register.path": (
        "One file or several: txt, jsonl, csv, xlsx, parquet, html, WARC, PDF, DOCX or Markdown, compressed ones too. "
        "For pictures and scanned pages say below that their text is to be read.",
        "一个或多个文件：txt、jsonl、csv、xlsx、parquet、html、WARC、PDF、DOCX、Markdown，压缩的也可以。"
        "图片和扫描页须在下面选择识别文字。",
    ),
    "source.register.text_field": (
        "For tables and JSON. Left empty: the first of the usual names, such as text or content.",
        "用于表格和 JSON；不填则取常用的名称，如 text、content。",
    ),
    "source.register.url": ("Where it was published on the web.", "公开发布的网址。"),
}
#: Verbs whose artifacts that need not be given stand among the further options, but for those that SHOWN names.
QUIET = frozenset({"corpus.build"})
#: Values by verb and field that stand for "nothing": a form shows the field empty.
NOTHING: Mapping[str, str] = {
    "source.register.licence": "NOASSERTION",
    "model.register.licence": "NOASSERTION",
    "benchmark.register.licence": "NOASSERTION",
    "sample.commit.n": "0",
    "sample.commit.percent": "0",
}
#: Days that are not patterned as days, since a command line also takes a word for them.
DAYS = frozenset({"as_of"})


def help_of(verb: str, name: str) -> Pair | None:
    """Return what a form says beside a field, None to say what the verb says."""
    found = HELPS.get(f"{verb}.{name}")
    return found if found is not None else HELPS.get(name)
