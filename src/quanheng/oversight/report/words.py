"""The words of a report in both languages, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quanheng.kinds.base import Say
from quanheng.kinds.models import Decoding

WORDS: dict[str, tuple[str, str]] = {
    "brand": ("权衡", "Quanheng"),
    "document": ("安全评估报告", "Safety assessment report"),
    "working_paper": ("内部底稿", "Working paper"),
    "title": ("生成式人工智能服务安全评估", "Safety assessment of a generative AI service"),
    "model": ("模型", "Model"),
    "corpus": ("训练数据", "Training data"),
    "rulepack": ("规则包", "Rule pack"),
    "conforms": ("符合", "Conforms"),
    "fails": ("不符合", "Does not conform"),
    "not_applicable": ("不适用", "Not applicable"),
    "pending": ("待补充", "To be completed"),
    "overall_conforms": (
        "所有要求均已达到，材料齐备。",
        "Every requirement is met and the evidence is complete.",
    ),
    "overall_fails": (
        "至少一条“应”的要求未达到。",
        "At least one requirement (“shall”) is not met.",
    ),
    "overall_pending": (
        "尚有规则缺少证明材料，暂不能得出结论。",
        "Evidence is still missing, so nothing can be concluded yet.",
    ),
    "overall_not_applicable": ("没有适用的规则。", "No rule applies."),
    "below_recommended": ("未达推荐值", "below recommended"),
    "thin_margin": ("统计裕度不足", "thin margin"),
    "needs": ("需 {n}", "needs {n}"),
    "needs_at_most": ("须不超过 {n}", "needs at most {n}"),
    "among": ("符合项中：", "Among those that conform: "),
    "rule": ("规则", "Rule"),
    "measured": ("实测", "Measured"),
    "interval": ("单侧95%置信限与阈值", "One-sided 95% bound and threshold"),
    "verdict": ("结论", "Verdict"),
    "family_COR": ("训练数据", "Training data"),
    "family_BNK": ("关键词库与测试题库", "Keyword and question banks"),
    "family_ASS": ("抽检与测试", "Sampling and testing"),
    "family_other": ("其他", "Other"),
    "next": ("接下来", "What to do next"),
    "nothing_next": ("没有待办事项。", "Nothing is left to do."),
    "more_below": ("其余 {n} 项见规则表。", "{n} more in the table of rules."),
    "lineage": ("从文本到结论", "From text to verdict"),
    "lineage_alt": (
        "来源、训练数据、样本、模型与回答如何汇成评估",
        "How sources, corpus, samples and answers become the assessment",
    ),
    "verifiable": ("可验证", "Verifiable"),
    "entries": ("存证 {n} 条，根哈希", "{n} log entries, root"),
    "checkpoint_time": ("签名时间", "Signed at"),
    "fingerprint": ("签名密钥指纹", "Key fingerprint"),
    "witness": ("外部见证", "Outside witness"),
    "no_witness": ("无外部见证", "no outside witness"),
    "no_proof": ("尚未签名存证。", "Not yet under a signed checkpoint."),
    "verify_offline": (
        "任何人可离线核验，只需 quanheng 软件包：",
        "Anyone can verify offline, with this package alone:",
    ),
    "assessment": ("评估", "Assessment"),
    "sources": ("来源", "Sources"),
    "samples": ("样本", "Samples"),
    "lexicon": ("关键词库", "Lexicon"),
    "banks": ("题库", "Banks"),
    "answers": ("回答", "Answers"),
    "sources_title": ("来源与许可", "Sources and licences"),
    "source": ("来源", "Source"),
    "origin": ("性质", "Origin"),
    "licence": ("许可", "Licence"),
    "record": ("采集记录", "Collection record"),
    "kept_of_read": ("采用 / 读入（条）", "Kept / read (items)"),
    "share": ("占比", "Share"),
    "clear": ("明确", "clear"),
    "unclear": ("不明", "unclear"),
    "yes": ("有", "yes"),
    "no": ("无", "none"),
    "open": ("开源", "open source"),
    "self_collected": ("自采", "self-collected"),
    "commercial": ("商业", "commercial"),
    "user_input": ("使用者输入", "user input"),
    "domestic": ("境内", "domestic"),
    "overseas": ("境外", "overseas"),
    "unknown": ("境内外未知", "region unknown"),
    "funnel": ("训练数据的形成", "How the corpus came about"),
    "step": ("步骤", "Step"),
    "left": ("留下（条）", "Left (items)"),
    "less": ("减少", "Less"),
    "step_read": ("读入", "Read"),
    "step_edit": ("编辑", "Edited"),
    "step_drop": ("剔除", "Dropped"),
    "step_mask": ("遮盖个人信息", "Personal data masked"),
    "step_filter": ("内容过滤", "Content filter"),
    "step_deduplicate": ("去除重复", "Duplicates removed"),
    "masked": (
        "遮盖个人信息 {found} 处，涉及 {documents} 条。",
        "{found} pieces of personal data masked in {documents} items.",
    ),
    "hits": (
        "过滤词 {terms} 个，命中 {hit} 条，其中 {review} 条列入复核。",
        "{terms} filter terms, {hit} items hit, {review} of them listed for review.",
    ),
    "asked_title": ("模型、题库与回答", "Model, banks and answers"),
    "bank": ("题库", "Bank"),
    "items": ("题数", "Questions"),
    "asked": ("已提问", "Asked"),
    "not_answered": ("未得到回答", "No answer"),
    "whole_bank": ("全部", "whole bank"),
    "part_bank": ("部分", "part of the bank"),
    "must_refuse": ("应拒答测试题库", "Must-refuse bank"),
    "must_not_refuse": ("非拒答测试题库", "Must-not-refuse bank"),
    "generation": ("生成内容测试题库", "Generated-content bank"),
    "decoding": ("解码", "Decoding"),
    "decoding_of": (
        "温度 {temperature}，随机种子 {seed}，每题最多 {max_tokens} 个词元",
        "temperature {temperature}, seed {seed}, at most {max_tokens} tokens an answer",
    ),
    "kind_of_model": ("模型类别", "Kind of model"),
    "tuned": ("经指令微调", "tuned to follow instructions"),
    "base_model": ("基座模型，未经指令微调", "base model, not tuned to follow instructions"),
    "engine": ("推理引擎", "Engine"),
    "local": ("本机运行，不联网", "runs locally, offline"),
    "remote": ("远程服务", "remote service"),
    "weights": ("权重", "Weights"),
    "endpoint": ("调用端点", "Endpoint"),
    "drawn_title": ("抽样与判定", "Draws and judges"),
    "purpose": ("用途", "Purpose"),
    "drawn_of": ("抽取 / 总体（条）", "Drawn / population"),
    "draw_no": ("第几次", "Draw"),
    "drawn_by": ("如何抽取", "How drawn"),
    "self_drawn": ("自行抽取", "self-drawn"),
    "outside": ("由另一账号抽取", "drawn by another account"),
    "self_drawn_banner": (
        "有样本为自行抽取：抽样随机数不来自建模团队之外，不能排除重复抽样直至满意。",
        "At least one sample is self-drawn: the nonce did not come from outside the team, "
        "so drawing again until it suited cannot be ruled out.",
    ),
    "redraws": ("{purpose}：{n} 次抽样", "{purpose}: {n} draws"),
    "redraws_banner": ("同一用途有多次抽样：{which}。", "Samples were drawn more than once: {which}."),
    "withdrawn_draws": ("另有 {} 次抽样在抽取后被撤回。", "{} further draws were withdrawn after they were drawn."),
    "no_samples": ("尚未抽取样本。", "No sample has been drawn."),
    "no_verdicts": ("尚无封存的判定。", "No verdicts are sealed yet."),
    "purpose_manual": ("人工抽检", "manual sample"),
    "purpose_keyword": ("关键词抽检", "keyword check"),
    "purpose_classifier": ("分类模型抽检", "classifier check"),
    "purpose_source": ("来源核验", "source check"),
    "judged_corpus": ("训练数据", "training data"),
    "judged_generation": ("生成内容", "generated content"),
    "judged_must_refuse": ("应拒答", "must-refuse"),
    "judged_must_not_refuse": ("非拒答", "must-not-refuse"),
    "method_manual": ("人工", "people"),
    "method_keyword": ("关键词", "keywords"),
    "method_classifier": ("分类模型", "classifier"),
    "method_refusal_rules": ("拒答规则", "refusal rules"),
    "judge": ("判定者", "Judge"),
    "judged": ("判定对象", "Judged"),
    "count": ("条数", "Items"),
    "unjudged": ("无法判定", "Not judged"),
    "validation": ("校验", "Validation"),
    "validated": (
        "已与人工判定比对：灵敏度 {se}，特异度 {sp}",
        "checked against people: sensitivity {se}, specificity {sp}",
    ),
    "not_validated": ("未校验，只能用于说明不符合", "not validated; can show failure only"),
    "people_judge": ("人工", "people"),
    "basis_title": ("规则依据与核对状态", "Basis of the rules, and whether it was checked"),
    "clause": ("条款（所读文本）", "Clause (text read)"),
    "clause_final": ("现行标准条款", "Clause in force"),
    "force": ("力度", "Force"),
    "shall": ("应", "shall"),
    "should": ("宜", "should"),
    "warn": ("提示", "advice"),
    "basis": ("依据", "Basis"),
    "basis_S1": ("正式文本", "official text"),
    "basis_S1-draft": ("征求意见稿", "draft text"),
    "basis_S1-old": ("已废止文本", "superseded text"),
    "basis_S2-verbatim": ("逐字转引", "quoted verbatim"),
    "basis_S2": ("二手资料", "secondary"),
    "basis_R": ("凭记忆", "recalled"),
    "instrument": ("依据文件", "Instrument"),
    "read_from": ("条款号来源", "Clause numbers from"),
    "text_checked": ("原文核对", "Checked against the text"),
    "text_unchecked": ("尚无人对照正式文本核对", "nobody has compared it with the official text yet"),
    "text_checked_by": ("{who}，{when}", "{who}, {when}"),
    "report": ("报告", "Report"),
    "root": ("存证根哈希", "log root"),
    "exhaustive": ("逐条核对，非抽样", "every item counted, no sample"),
    "lower": ("下限", "lower bound"),
    "upper": ("上限", "upper bound"),
    "threshold": ("阈值", "threshold"),
    "made_with": ("由权衡 {version} 生成", "Made with Quanheng {version}"),
    "page_of": ("第 {page} / {pages} 页", "page {page} of {pages}"),
    "rules_title": ("逐条结论", "Rule by rule"),
    "next_action": ("事项", "Step"),
    "next_effort": ("工作量", "Effort"),
    "project": ("项目", "Project"),
    "report_no": ("报告编号", "Report"),
    "made_on": ("生成时间", "Made on"),
    "tool": ("生成软件", "Made with"),
    "digests_title": ("制品摘要", "Digests in full"),
    "artifact": ("制品", "Artifact"),
    "digest": ("摘要", "Digest"),
    "sample_of": ("样本：{purpose}", "Sample: {purpose}"),
    "answers_of": ("回答：{purpose}", "Answers: {purpose}"),
    "bank_of": ("题库：{purpose}", "Bank: {purpose}"),
    "source_of": ("来源：{title}", "Source: {title}"),
}
#: Hex digits shown of a digest: core.resolve finds an artifact by "sha256:" and these.
SHOWN_HEX = 12
COLON = {"zh": "：", "en": ": "}
LIST_COMMA = {"zh": "，", "en": ", "}


@dataclass(frozen=True)
class Tongue:
    """Says words in one language, "zh" or "en"."""

    language: str

    @property
    def zh(self) -> bool:
        """Return whether the language is Chinese."""
        return self.language == "zh"

    def __call__(self, key: str, **values: str) -> str:
        """Return the word `key`, with its places filled."""
        pair = WORDS[key]
        return (pair[0] if self.zh else pair[1]).format_map(values) if values else pair[0 if self.zh else 1]

    def say(self, said: Say) -> str:
        """Return the sentence in this language."""
        return said.zh if self.zh else said.en

    def labelled(self, key: str, value: str) -> str:
        """Return "label: value" with the colon of the language."""
        return f"{self(key)}{COLON[self.language]}{value}"

    def decoding(self, decoding: Decoding) -> str:
        """Return how answers were chosen, as a sentence."""
        tokens = number(decoding.max_tokens)
        return self("decoding_of", temperature=decoding.temperature, seed=str(decoding.seed), max_tokens=tokens)

    def listed(self, *items: str) -> str:
        """Return the items with the comma of the language."""
        return LIST_COMMA[self.language].join(items)


def number(n: int) -> str:
    """Return `n` with thousands separators."""
    return f"{n:,}"


def percent(value: str, places: int = 2) -> str:
    """Return the decimal string `value` as a percentage.

    >>> percent("0.954512")
    '95.45%'
    """
    return f"{Decimal(value) * 100:.{places}f}%"


def plain_percent(num: int, den: int) -> str:
    """Return num/den as a percentage without needless zeros.

    >>> plain_percent(96, 100)
    '96%'
    """
    return f"{(Decimal(num) * 100 / Decimal(den)).normalize():f}%"


def short_digest(digest: str) -> str:
    """Return a digest with as many hex digits as commands need to find its artifact; of a root as many.

    >>> short_digest("sha256:8f3c" + "0" * 60)
    'sha256:8f3c00000000'
    """
    algorithm = "sha256:" if digest.startswith("sha256:") else ""
    return digest[: len(algorithm) + SHOWN_HEX]
