"""What forms call the fields and choices of verbs, what a verb that cannot be undone will do, and where examples lie.

A verb's help and its fields' help come from the verb; only what a name cannot say by itself stands here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from quanheng.core import labels
from quanheng.core.describe import Option, commands
from quanheng.errors import Text
from quanheng.kinds.code_words import DOCUMENTS, EXTRACTS, MARKUPS, ORIGINS, RECOGNISED

Pair = tuple[str, str]

#: Fields by name, or by verb and name where one name means two things. Names of core.labels need no word here.
FIELDS: Mapping[str, Pair] = {
    "artifact": ("artifact", "制品"),
    "as_of": ("terms in force on", "按哪一天的有效词"),
    "bad_rows": ("rows that are no terms", "不可用的行"),
    "bank": ("question bank", "测试题库"),
    "banks": ("question banks", "测试题库"),
    "case.move.step": ("steps seen", "看到的步数"),
    "collected_on": ("day of collection", "采集日期"),
    "collection": ("way of collection", "采集方式"),
    "collection_note": ("notes on the collection", "采集备注"),
    "commitment": ("commitment", "抽样承诺"),
    "concurrency": ("questions at once", "同时提问数"),
    "corpus": ("training data", "训练数据"),
    "current": ("current password", "当前密码"),
    "date": ("date", "日期"),
    "deduplicate": ("duplicates", "去重"),
    "domain_classifier": ("classifier of domains", "领域分类模型"),
    "document": ("one document is", "一篇文档是"),
    "embedder": ("embedding model", "嵌入模型"),
    "encoding": ("encoding", "编码"),
    "endpoint": ("endpoint", "应答端点"),
    "extract": ("of web pages", "网页取"),
    "everywhere": ("in the whole workspace", "整个工作区"),
    "file": ("file", "文件"),
    "flow": ("flow", "流程"),
    "form": ("form", "见证方式"),
    "guard": ("guard model", "安全护栏模型"),
    "here": ("only in this project", "仅限本项目"),
    "hours": ("hours", "小时数"),
    "items": ("artifacts", "制品"),
    "keep": ("what stays on disk", "保留哪些中间结果"),
    "language": ("language", "语言"),
    "lexicon": ("keyword library", "关键词库"),
    "licence": ("licence", "许可证"),
    "licence_file": ("licence file", "许可文件"),
    "licence_found": ("licence, as found", "许可情况"),
    "lost": ("the old key is lost", "旧私钥已丢失"),
    "local_model": ("demonstration model", "演示模型"),
    "markup": ("markup", "标注形式"),
    "max_characters": ("longest document", "文档最长字数"),
    "max_tokens": ("longest answer", "回答最大长度"),
    "min_characters": ("shortest document", "文档最短字数"),
    "model": ("model", "模型"),
    "model_name": ("name of the model", "模型名"),
    "model_url": ("address of a service", "服务地址"),
    "model.register.title": ("name of the model", "模型名称"),
    "endpoint.register.title": ("name of the model there", "模型名"),
    "token.create.title": ("what it is for", "用途"),
    "n": ("documents", "篇数"),
    "ocr": ("text in pictures", "图像文字识别"),
    "nonce": ("nonce", "随机数"),
    "origin": ("origin", "来源类型"),
    "model.register.origin": ("where the weights come from", "权重出处"),
    "origin_name": ("name of the origin", "来源名称"),
    "origin_version": ("published version", "发布版本"),
    "owner": ("who answers for it", "责任人"),
    "password": ("new password", "新密码"),
    "percent": ("per cent", "百分比"),
    "project.create.slug": ("short name", "短名"),
    "proof": ("proof", "见证凭据"),
    "purpose": ("purpose", "用途"),
    "questions": ("questions", "提问题数"),
    "region": ("region", "境内外"),
    "replaces": ("new version of", "上一版"),
    "responses": ("answers", "模型回答"),
    "reviewer": ("code of the reviewer", "复核人代号"),
    "rulepack": ("rule pack", "规则包"),
    "sources": ("sources", "来源"),
    "subject": ("what was judged", "判定对象"),
    "system_prompt": ("system prompt", "系统提示词"),
    "text_field": ("field with the text", "正文字段"),
    "text_fields": ("fields that make up the text", "组成正文的字段"),
    "tuned": ("tuned for instructions", "经过指令微调"),
    "url": ("address", "地址"),
    "url_field": ("field with the address", "网址字段"),
    "verdicts": ("verdicts", "判定结论"),
    "waiver": ("why it is published all the same", "仍要发布的理由"),
    "witness.add.size": ("size of the checkpoint", "检查点条数"),
    "benchmarks": ("test sets", "测试题库"),
    "characters": ("characters to train on", "训练字数"),
    "classifier": ("classifier", "分类模型"),
    "contact": ("contact", "联系方式"),
    "corpus.analyze.attempt": ("condition to try", "试算的条件"),
    "corpus.build.taken_down": ("corpora with a takedown to keep to", "需继续排除其下架文档的语料"),
    "corpus.build.samples": ("kept for people of each reason", "每种原因保留的样例篇数"),
    "corpus.build.tokenizer": ("tokenizer that counts", "用于计词元的分词器"),
    "corpus.diff.first": ("one corpus", "一份语料"),
    "corpus.diff.second": ("the other corpus", "另一份语料"),
    "corpus.build.file": ("recipe of your own (TOML)", "自己的配方（TOML 文件）"),
    "corpus.export.title": ("title of the README", "README 标题"),
    "corpus.mix.group": ("groups of sources", "来源分组"),
    "corpus.publish.name": ("name of the data set", "数据集名称"),
    "corpus.takedown.digest": ("documents, by the digest of their text", "文档（按正文摘要）"),
    "corpus.takedown.document": ("documents, by their id", "文档（按编号）"),
    "corpus.takedown.source": ("whole sources", "整个来源"),
    "corpus.takedown.url": ("documents, by address or file name", "文档（按网址或文件名）"),
    "end": ("token that ends a document", "文档结束词元"),
    "format": ("format", "格式"),
    "match": ("documents, by a text that stands in them", "文档（按其中出现的文字）"),
    "mix": ("mix", "配比"),
    "ngram_model": ("n-gram model", "n 元模型"),
    "order": ("longest n-gram", "最长 n 元"),
    "published_on": ("day of publication", "发布日期"),
    "publisher": ("publisher", "发布单位"),
    "recipe": ("recipe", "配方"),
    "scorer": ("model that scores", "评分模型"),
    "special": ("special tokens", "特殊词元"),
    "title_en": ("title in English", "英文标题"),
    "tokenizer": ("tokenizer", "分词器"),
    "tokenizer.register.file": ("file tokenizer.json", "tokenizer.json 文件"),
    "tokens": ("tokens in all", "词元总数"),
    "validation": ("share held out", "验证集占比"),
    "vocabulary": ("size of the vocabulary", "词表大小"),
}
#: Fields whose choices are codes of artifacts too: called as everywhere.
_CODES = {"origin": ORIGINS, "document": DOCUMENTS, "markup": MARKUPS, "extract": EXTRACTS, "ocr": RECOGNISED}
#: Choices by field and value.
CHOICES: Mapping[str, Mapping[str, Pair]] = {
    **{field: {code: (said.en, said.zh) for code, said in table.items()} for field, table in _CODES.items()},
    "region": {
        "domestic": ("in mainland China", "境内"),
        "overseas": ("overseas", "境外"),
        "unknown": ("unknown", "未知"),
    },
    "bad_rows": {
        "refuse": ("refuse the whole file", "整个文件不登记"),
        "leave_out": ("leave these rows out, hand them back", "其余登记，不可用的行退回"),
    },
    "deduplicate": {
        "exact": ("drop exact duplicates", "去掉完全相同的文档"),
        "none": ("keep everything", "不去重"),
    },
    "purpose": {
        "manual": ("review by people", "人工抽检"),
        "keyword": ("check by keywords", "关键词抽检"),
        "classifier": ("check by classifier", "分类模型抽检"),
        "source": ("check of one source", "单一来源抽检"),
        "must_refuse": ("must-refuse bank", "应拒答测试题库"),
        "must_not_refuse": ("must-not-refuse bank", "非拒答测试题库"),
        "generation": ("generated-content bank", "生成内容测试题库"),
    },
    "role": {
        "owner": ("owner: everything", "所有者：全部"),
        "builder": ("builder: read and build", "建设者：查看与建设"),
        "reviewer": ("reviewer: read and review", "复核员：查看与复核"),
        "annotator": ("annotator: annotate", "标注员：标注"),
        "operator": ("operator: read and operate", "运营者：查看与运营"),
        "auditor": ("auditor: read and audit", "审计员：查看与审计"),
        "public": ("public: what is public", "公众：公开内容"),
    },
    "format": {
        "parquet": ("Parquet, one file a shard", "Parquet（每个分片一个文件）"),
        "jsonl.zst": ("JSON lines, compressed", "JSONL（zstd 压缩）"),
        "huggingface": ("Hugging Face data set, with README", "Hugging Face 数据集（附 README）"),
        "megatron": ("Megatron: token ids in .bin and .idx", "Megatron（.bin 与 .idx 词元序列）"),
    },
    "keep": {
        "final": ("only what saves time when files are added", "只留新增文件时能省时的部分"),
        "stages": (
            "also the text after each stage, for changes of later steps",
            "另留每段之后的文本，便于改后面的步骤",
        ),
        "all": ("all of it, every verdict on duplicates too", "全部保留，含每条去重结论"),
    },
    "kind": {"person": ("person", "人员"), "service": ("service", "服务")},
    "form": {"letter": ("letter", "函件"), "timestamp": ("time stamp", "时间戳")},
}
#: Fields whose choices need their help beside them.
EXPLAINED = frozenset({"document", "keep", "ocr"})
#: Fields that need not be filled but decide what the result is worth, so that a form shows them at once.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "source.register": (
        "document", "origin", "region", "licence", "licence_found", "licence_file", "collection", "collected_on", "ocr",
    ),
    "benchmark.register": ("licence",),
    "lexicon.register": ("version", "bad_rows", "replaces"),
    "corpus.build": ("recipe", "lexicon"),
    "corpus.export": ("format", "validation"),
    "corpus.takedown": ("digest", "url", "document", "source", "match"),
    "tokenizer.train": ("vocabulary", "characters"),
    "sample.commit": ("n", "percent"),
    "endpoint.register": ("url", "title"),
    "model.register": ("file", "title", "licence", "licence_found"),
    "responses.generate": ("questions",),
    "member.grant": ("everywhere",),
    "member.revoke": ("everywhere",),
    "project.create": ("title", "public"),
    "token.create": ("title", "scopes", "days", "here"),
    "account.password": ("current",),
    "key.rotate": ("lost",),
}  # fmt: skip
#: Texts that are longer than a line.
LONG = frozenset({"waiver", "note", "reason", "licence_found", "collection_note", "system_prompt", "proof"})
#: Nouns that are no kinds.
NOUNS: Mapping[str, Pair] = {
    "account": ("your account", "自己的账号"),
    "artifact": ("artifact", "制品"),
    "case": ("case", "事项"),
    "flow": ("flow", "流程"),
    "job": ("job", "作业"),
    "member": ("member", "成员"),
    "name": ("name", "名称"),
    "ngram": ("n-gram model", "n 元模型"),
    "project": ("project", "项目"),
    "token": ("token", "访问令牌"),
    "user": ("account", "账号"),
    "witness": ("witness", "见证"),
    "workspace": ("workspace", "工作区"),
}
#: What cannot be undone, said before it is done; the form asks for a tick.
WARNINGS: Mapping[str, Pair] = {
    "artifact.withdraw": (
        "The artifact's layers are deleted for good. Manifest, log entry and the reason stay, and everything made from "
        "it is marked.",
        "该制品的数据层将被永久删除；清单、存证与原因会保留，由它产生的制品会被标明。",
    ),
    "user.deactivate": (
        "The account can no longer sign in or act, and its tokens stop working. What it did stays in the log.",
        "该账号将不能登录或执行任何操作，其访问令牌一并失效；过去的操作仍在存证中。",
    ),
    "member.revoke": (
        "The account loses this role at once, also for jobs that wait in the queue.",
        "该账号将立即失去这一角色，排队中的作业也不再能以该角色执行。",
    ),
    "token.revoke": (
        "Programs that use this token are refused from now on.",
        "使用该令牌的程序将立即被拒绝。",
    ),
    "key.rotate": (
        "From now on checkpoints are signed by a new key. Tell its fingerprint to everybody who verifies.",
        "此后的检查点改由新密钥签名；请把新指纹告知所有核验者。",
    ),
}
#: Where files lie that come with Quanheng for a field: folder and ending.
EXAMPLES: Mapping[str, Pair] = {
    "lexicon.register.file": ("oversight/lexicon", ".jsonl"),
    "benchmark.register.file": ("oversight/banks", ".jsonl"),
    "rulepack.register.file": ("oversight/rules/packs", ".json"),
}


def label_of(verb: str, name: str) -> Text:
    """Return what a field of a verb is called."""
    en, zh = FIELDS.get(f"{verb}.{name}") or FIELDS.get(name) or (labels.label(name, "en"), labels.label(name, "zh"))
    return Text(en[:1].upper() + en[1:], zh)


def choices_of(option: Option) -> list[tuple[str, Text]]:
    """Return the values of a field of choices with what each is called; one without a word by itself."""
    words = CHOICES.get(option.name, {})
    return [(value, Text(*words.get(value, (value, value)))) for value in option.choices]


def noun_word(noun: str) -> Text:
    """Return what a noun is called: a kind by the glossary's word."""
    from quanheng.kinds.kind_words import KIND_WORDS

    if noun in NOUNS:
        return Text(*NOUNS[noun])
    return Text(noun.replace("_", " "), KIND_WORDS.get(noun, noun))


#: Where the first clause of a help ends: not within an English list of three, and not before words in the middle that
#: stand in brackets.
_END = re.compile(r"[；;：:，]|,(?! [\w/]+ (?:and|or) )|[（(](?=[^()（）]*[)）]$)")


def short_help(verb: str) -> Text:
    """Return what a verb does: the first clause of its help."""
    return Text(*(_parts(text)[0] for text in commands()[verb].help))


def rest_of_help(verb: str) -> Text:
    """Return what the help of a verb says beyond `short_help`; empty when it says no more."""
    en, zh = (_parts(text)[1] for text in commands()[verb].help)
    return Text(en[:1].upper() + en[1:], zh)


def _parts(text: str) -> tuple[str, str]:
    found = _END.split(text.replace("`", ""), maxsplit=1)
    return found[0].strip(), found[1].strip(" ）)") if len(found) == 2 else ""
