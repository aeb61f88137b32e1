"""What the codes of the data wing are called: in answers, lists and pages a code is told by its word.

A code is what people type back (`--reason near_duplicate`), so a command line shows it behind the word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quanheng.kinds.base import Say
from quanheng.kinds.drop_reasons import REASONS
from quanheng.kinds.risks import RISKS

#: Types of personal data; in Chinese as masking writes them.
PERSONAL_DATA: Mapping[str, Say] = {
    "resident_id": Say(en="resident identity number", zh="身份证号"),
    "permit": Say(en="residence permit", zh="居住证号"),
    "mobile": Say(en="mobile number", zh="手机号"),
    "landline": Say(en="landline number", zh="固定电话"),
    "bank_card": Say(en="bank card", zh="银行卡号"),
    "credit_code": Say(en="unified social credit code", zh="统一社会信用代码"),
    "email": Say(en="e-mail address", zh="电子邮箱"),
    "ipv4": Say(en="IPv4 address", zh="IP地址"),
    "ipv6": Say(en="IPv6 address", zh="IPv6地址"),
    "passport": Say(en="passport", zh="护照号"),
    "travel_permit": Say(en="travel permit", zh="通行证号"),
    "plate": Say(en="number plate", zh="车牌号"),
    "qq": Say(en="QQ number", zh="QQ号"),
    "wechat": Say(en="WeChat id", zh="微信号"),
    "url_credentials": Say(en="password in an address", zh="网址口令"),
    "address": Say(en="street address", zh="地址"),
    "name": Say(en="name", zh="姓名"),
}
#: How a term hid.
EVASIONS: Mapping[str, Say] = {
    "traditional": Say(en="traditional characters", zh="繁体"),
    "lookalike": Say(en="look-alikes", zh="形近字"),
    "inserted": Say(en="symbols inserted", zh="插入符号"),
    "split": Say(en="characters split", zh="拆字"),
    "reversed": Say(en="reversed", zh="倒写"),
    "pinyin": Say(en="pinyin", zh="拼音"),
    "homophone": Say(en="homophones", zh="同音字"),
}
#: What a hit of a term does.
MODES: Mapping[str, Say] = {
    "review": Say(en="listed for review", zh="列入复核"),
    "count": Say(en="counted only", zh="仅计数"),
    "combine": Say(en="counted beside another word", zh="与组合词同现时才算命中"),
}
#: How a term stands on a day.
TERM_STATES: Mapping[str, Say] = {
    "in_force": Say(en="in force", zh="有效"),
    "expiring": Say(en="runs out soon", zh="即将到期"),
    "expired": Say(en="expired", zh="已过期"),
}
#: What became of a document.
DECISIONS: Mapping[str, Say] = {
    "keep": Say(en="kept", zh="保留"),
    "drop": Say(en="dropped", zh="剔除"),
    "edit": Say(en="edited", zh="编辑"),
    "mask": Say(en="personal data masked", zh="遮盖个人信息"),
    "review": Say(en="for review", zh="待复核"),
}
#: The form of Chinese that a document is written in.
SCRIPTS: Mapping[str, Say] = {
    "zh-Hans": Say(en="simplified", zh="简体"),
    "zh-Hant": Say(en="traditional", zh="繁体"),
    "mixed": Say(en="both forms", zh="简繁混用"),
    "zh": Say(en="same in both forms", zh="简繁同形"),
    "other": Say(en="other", zh="其他"),
}
#: What is noted of a document beside its script.
FLAGS: Mapping[str, Say] = {
    "masked": Say(en="personal data masked", zh="遮盖了个人信息"),
    "hit": Say(en="terms found", zh="命中关键词"),
    "review": Say(en="for review", zh="待复核"),
}
#: What `corpus samples` shows beside documents dropped for a reason.
LOOKS: Mapping[str, Say] = {
    "kept": Say(en="kept", zh="保留"),
    "masked": Say(en="personal data masked", zh="遮盖了个人信息"),
    "hit": Say(en="terms found or listed for review", zh="命中关键词或待复核"),
    "broken": Say(en="unreadable rows", zh="读不出的行"),
}
#: Why a row could not be read.
BROKEN: Mapping[str, Say] = {
    "undecodable": Say(en="cannot be decoded", zh="无法解码"),
    "too_large": Say(en="too large", zh="过大"),
    "not_json": Say(en="no JSON", zh="不是有效的 JSON"),
    "not_an_object": Say(en="no JSON object", zh="不是 JSON 对象"),
    "no_text_field": Say(en="no text field", zh="没有正文字段"),
    "text_is_not_text": Say(en="the text is no text", zh="正文不是文本"),
    "not_csv": Say(en="no CSV", zh="不是有效的 CSV"),
    "not_html": Say(en="no page", zh="不是网页"),
    "no_main_text": Say(en="page without main text", zh="网页没有正文"),
    "unknown_encoding": Say(en="unknown encoding", zh="无法识别的编码"),
    "mojibake": Say(en="garbled beyond repair", zh="乱码，无法还原"),
    "truncated": Say(en="file cut off", zh="文件不完整"),
    "damaged": Say(en="compressed data damaged", zh="压缩数据损坏"),
    "decompression_bomb": Say(en="inflates without bound", zh="解压后过大"),
    "not_warc": Say(en="no WARC record", zh="不是 WARC 记录"),
    "bad_http": Say(en="no HTTP response", zh="不是 HTTP 响应"),
    "unknown_coding": Say(en="unknown HTTP coding", zh="无法识别的 HTTP 编码"),
    "not_a_zip": Say(en="no ZIP file", zh="不是 ZIP 文件"),
    "not_xlsx": Say(en="no XLSX file", zh="不是 XLSX 文件"),
    "damaged_xlsx": Say(en="damaged XLSX", zh="XLSX 已损坏"),
    "not_docx": Say(en="no DOCX file", zh="不是 DOCX 文件"),
    "damaged_docx": Say(en="damaged DOCX", zh="DOCX 已损坏"),
    "not_pdf": Say(en="no PDF file", zh="不是 PDF 文件"),
    "damaged_pdf": Say(en="damaged PDF", zh="PDF 已损坏"),
    "encrypted": Say(en="encrypted", zh="已加密"),
    "no_text_layer": Say(en="pages are pictures", zh="只有图像，没有文字层"),
    "no_text": Say(en="no text", zh="没有文字"),
    "low_confidence": Say(en="text recognised with too little certainty", zh="文字识别置信度过低"),
    "damaged_page": Say(en="damaged page", zh="页面已损坏"),
    "too_many_pages": Say(en="too many pages to recognise", zh="需识别的页数过多"),
    "not_a_picture": Say(en="no picture", zh="不是图像文件"),
    "damaged_picture": Say(en="damaged picture", zh="图像已损坏"),
    "xml_with_entities": Say(en="XML with entities", zh="XML 含实体声明"),
    "not_a_pack": Say(en="no pack", zh="不是打包文件"),
    "damaged_pack": Say(en="damaged pack", zh="打包文件损坏"),
    "not_parquet": Say(en="no Parquet", zh="不是 Parquet"),
    "damaged_parquet": Say(en="damaged Parquet", zh="Parquet 已损坏"),
}
#: When text in pictures and in pages without text is recognised.
RECOGNISED: Mapping[str, Say] = {
    "never": Say(en="not recognised", zh="不识别"),
    "when_missing": Say(en="recognised where there is no usable text layer", zh="仅在没有可用文字层时识别"),
    "always": Say(en="recognised on every page", zh="全部识别"),
}
#: Where a source comes from.
ORIGINS: Mapping[str, Say] = {
    "open": Say(en="open source", zh="开源"),
    "self_collected": Say(en="self-collected", zh="自采"),
    "commercial": Say(en="commercial", zh="商业"),
    "user_input": Say(en="user input", zh="使用者输入"),
}
#: What one document is in plain text and web pages.
DOCUMENTS: Mapping[str, Say] = {
    "line": Say(en="each line", zh="每行一篇"),
    "file": Say(en="each file", zh="每个文件一篇"),
    "paragraph": Say(en="each paragraph", zh="每段一篇"),
}
MARKUPS: Mapping[str, Say] = {
    "plain": Say(en="plain", zh="纯文本"),
    "pku_tagged": Say(en="words as 词/n", zh="词/词性 标注"),
}
#: What is taken of a web page.
EXTRACTS: Mapping[str, Say] = {
    "fast": Say(en="main text, fast", zh="正文（快速）"),
    "precise": Say(en="main text, with more care", zh="正文（更细，较慢）"),
    "all": Say(en="all that is visible", zh="全部可见文字"),
}
#: Where a source was published.
REGIONS: Mapping[str, Say] = {
    "domestic": Say(en="domestic", zh="境内"),
    "overseas": Say(en="overseas", zh="境外"),
    "unknown": Say(en="unknown", zh="未知"),
}
#: Why an occurrence of a term does not count.
WHY_NOT: Mapping[str, Say] = {
    "excused": Say(en="in a context that is excepted", zh="落在白名单语境内"),
    "alone": Say(en="without its partner nearby", zh="附近没有组合词"),
}
#: Columns that operators give, as conditions of recipes name them.
COLUMNS: Mapping[str, Say] = {
    "benchmark_share": Say(en="share of the document that is test items", zh="评测题内容占比"),
    "bullet_share": Say(en="share of lines with a bullet", zh="项目符号行占比"),
    "bytes": Say(en="bytes of UTF-8", zh="UTF-8 字节数"),
    "characters": Say(en="characters", zh="字数"),
    "common_share": Say(en="share of everyday characters", zh="常用字占比"),
    "contaminated": Say(en="largest share of a test item", zh="所含同一评测题的最大比例"),
    "contaminated_by": Say(en="test item", zh="评测题编号"),
    "digit_share": Say(en="share of digits", zh="数字占比"),
    "domains": Say(en="domains", zh="领域"),
    "educational_value": Say(en="educational value, 0 to 5", zh="教育价值（0 至 5）"),
    "for_review": Say(en="for review", zh="待复核"),
    "foreign_share": Say(en="share of kana, hangul, Thai", zh="假名、谚文、泰文占比"),
    "guard_risks": Say(en="risks, by a guard model", zh="安全护栏判定的风险"),
    "guard_unsafe": Say(
        en="unsafe by a guard model: 1, 0, or -1 unread", zh="安全护栏判定：1 有风险，0 无，-1 无法识别"
    ),
    "han_share": Say(en="share of Han among letters", zh="汉字占比"),
    "hit_terms": Say(en="terms found", zh="命中的词数"),
    "language": Say(en="language", zh="语种"),
    "language_score": Say(en="certainty of the language", zh="语种得分"),
    "letters": Say(en="letters", zh="字母与汉字数"),
    "licence_clear": Say(en="licence clear", zh="许可明确"),
    "line_repetition": Say(en="share of repeated lines", zh="重复行占比"),
    "lines": Say(en="lines", zh="行数"),
    "lost_characters": Say(en="characters lost to wrong decoding", zh="无法还原的乱码字数"),
    "mean_line_length": Say(en="mean length of lines", zh="平均行长"),
    "ocr_confidence": Say(en="certainty of recognised text", zh="文字识别置信度"),
    "origin": Say(en="origin", zh="来源类型"),
    "paragraph_repetition": Say(en="share of repeated paragraphs", zh="重复段落占比"),
    "perplexity": Say(en="perplexity per character", zh="每字困惑度"),
    "personal_data": Say(en="places of personal data", zh="个人信息处数"),
    "personal_data_drop": Say(en="of these, of types to drop", zh="其中供剔除的类型"),
    "punctuation_end_share": Say(en="share of lines ending a sentence", zh="句末标点结尾的行占比"),
    "quality": Say(en="quality score, 0 to 1", zh="质量得分（0 至 1）"),
    "region": Say(en="region", zh="境内外"),
    "repetition": Say(en="share of repeated 8-character pieces", zh="重复片段（8 字）占比"),
    "risk_density": Say(en="weighted hits per 1,000 characters", zh="每千字加权命中"),
    "risk_labels": Say(en="risks, by a classifier", zh="分类模型判定的风险"),
    "risk_score": Say(en="risk score, 0 to 1", zh="风险得分（0 至 1）"),
    "script": Say(en="script", zh="文字"),
    "symbol_share": Say(en="share of symbols", zh="符号占比"),
    "was_html": Say(en="was a web page", zh="原为网页"),
}
#: Columns in which operators leave notes for later steps, for no person to read.
NOTES = ("hits", "masked", "personal_data_kept", "mojibake")
_Find = Callable[[str], Say | None]


def _reason(code: str) -> Say | None:
    """Return what a reason is called; of an edit, what stands in the place is personal data."""
    return REASONS.get(code) or LOOKS.get(code) or PERSONAL_DATA.get(code) or BROKEN.get(code)


def _risk(code: str) -> Say | None:
    return RISKS[code].name if code in RISKS else None


#: Fields whose values are codes, or whose keys are where the value is a mapping.
_FIELDS: Mapping[str, _Find] = {
    "reason": _reason,
    "reasons": _reason,
    "dropped": _reason,
    "dropped_amounts": _reason,
    "edited": _reason,
    "reviewed": _reason,
    "risk_reasons": _reason,
    "guard_risks": _risk,
    "region": REGIONS.get,
    "risk": _risk,
    "risk_labels": _risk,
    "risks": _risk,
    "per_risk": _risk,
    "decision": DECISIONS.get,
    "document": DOCUMENTS.get,
    "evasion": EVASIONS.get,
    "evasion_before": EVASIONS.get,
    "hidden": EVASIONS.get,
    "per_evasion": EVASIONS.get,
    "column": COLUMNS.get,
    "extract": EXTRACTS.get,
    "flags": {**SCRIPTS, **FLAGS}.get,
    "languages": SCRIPTS.get,
    "script": SCRIPTS.get,
    "markup": MARKUPS.get,
    "mode": MODES.get,
    "mode_before": MODES.get,
    "ocr": RECOGNISED.get,
    "personal_data": PERSONAL_DATA.get,
    "state": TERM_STATES.get,
    "states": TERM_STATES.get,
    "origin": ORIGINS.get,
    "type": {**PERSONAL_DATA, **ORIGINS}.get,
    "types": PERSONAL_DATA.get,
    "why_not": WHY_NOT.get,
}


def has_codes(field: str) -> bool:
    """Return whether a field holds codes that have words."""
    return field in _FIELDS


def code_word(field: str, code: str) -> Say | None:
    """Return what a code in this field of an answer is called, None for one without a word.

    >>> code_word("reason", "near_duplicate").zh, code_word("risk", "A.1.f").zh, code_word("title", "review")
    ('近似重复', '宣扬暴力、淫秽色情', None)
    """
    find = _FIELDS.get(field)
    return find(code) if find else None


def with_code(field: str, code: str, language: str) -> str:
    """Return a code as its word with the code behind it, to type back; the code alone where it has no other word.

    >>> with_code("reason", "near_duplicate", "zh"), with_code("reason", "repetitive", "en")
    ('近似重复（near_duplicate）', 'repetitive')
    """
    said = code_word(field, code)
    if said is None or (language == "en" and said.en == code):
        return code
    return f"{said.zh}（{code}）" if language == "zh" else f"{said.en} ({code})"
