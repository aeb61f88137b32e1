"""What each noun of the command line is about, in a few words, by the words of GLOSSARY.md."""

from __future__ import annotations

from collections.abc import Mapping

from quanheng.errors import Text

NOUNS: Mapping[str, Text] = {
    "account": Text("your own account", "自己的账号"),
    "artifact": Text("everything that was made", "产生的一切结果（制品）"),
    "assessment": Text("safety assessments", "安全评估"),
    "benchmark": Text("question banks", "测试题库"),
    "bundle": Text("evidence bundles", "证明材料包"),
    "case": Text("cases with states and deadlines", "有状态与时限的事项"),
    "checkpoint": Text("signed heads of the log", "存证检查点"),
    "classifier": Text("classifiers for recipes", "配方用的分类模型"),
    "corpus": Text("corpora (training data)", "语料（训练数据）"),
    "endpoint": Text("models and services that answer", "应答端点"),
    "files": Text("plain files as evidence", "佐证文件"),
    "job": Text("verbs that run or ran", "操作的执行（作业）"),
    "key": Text("signing keys", "签名密钥"),
    "lexicon": Text("keyword libraries", "关键词库"),
    "member": Text("members of the project and their roles", "项目成员与角色"),
    "model": Text("language models", "语言模型"),
    "name": Text("names of artifacts", "制品的名称"),
    "ngram": Text("n-gram models", "n 元模型"),
    "project": Text("projects", "项目"),
    "recipe": Text("how a corpus is made", "语料怎样做成（配方）"),
    "responses": Text("answers of models", "模型回答"),
    "rulepack": Text("rule packs", "规则包"),
    "sample": Text("samples for review by people", "供人工复核的样本"),
    "source": Text("sources of training data", "训练数据的来源"),
    "token": Text("access tokens", "访问令牌"),
    "tokenizer": Text("tokenizers", "分词器"),
    "user": Text("accounts of people and services", "人员与服务的账号"),
    "verdicts": Text("verdicts on samples and answers", "对样本与回答的判定"),
    "witness": Text("outside witnesses of the log", "存证的外部见证"),
    "workspace": Text("the workspace as a whole", "整个工作区"),
}


def about(noun: str) -> Text:
    """Return what a noun is about, empty for one that another package brought."""
    return NOUNS.get(noun, Text("", ""))
