"""Tags and filters of every template: both languages side by side, numbers, times, digests, kinds and states."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from quanheng.core import labels
from quanheng.core.sizes import size_text
from quanheng.errors import Text
from quanheng.kinds.counting import in_number
from quanheng.kinds.kind_words import kind_word

register = template.Library()
#: Hex digits shown of a digest: core.resolve finds an artifact by "sha256:" and these.
SHOWN_HEX = 12


def language_of(context: Context) -> str:
    """Return the language of the page, "zh" or "en"."""
    return str(context.get("lang") or "zh")


class _Say(template.Node):
    def __init__(self, en: Any, zh: Any, n: Any, name: str) -> None:
        self.en, self.zh, self.n, self.name = en, zh, n, name

    def render(self, context: Context) -> str:
        expression = self.zh if language_of(context) == "zh" else self.en
        value = str(expression.resolve(context))
        if self.n is not None and expression is self.en:
            value = in_number(value, str(self.n.resolve(context)))
        if self.name:
            context[self.name] = value
            return ""
        return value


@register.tag
def say(parser: Parser, token: Token) -> _Say:
    """`{% say "English" "中文" %}`: the sentence in the language of the page; `… as name` keeps it instead.

    `{% say "files" "个文件" n %}`: about `n` things, "file" where it is one. Texts are written by us and may hold
    markup; what comes from elsewhere is put beside them, never inside.
    """
    words = token.split_contents()
    name = words[-1] if len(words) == 5 and words[3] == "as" else ""
    if len(words) not in (3, 4) and not name:
        raise template.TemplateSyntaxError(f"{words[0]} takes an English and a Chinese text, and what they count")
    n = parser.compile_filter(words[3]) if len(words) == 4 else None
    return _Say(parser.compile_filter(words[1]), parser.compile_filter(words[2]), n, name)


@register.simple_tag(takes_context=True)
def text(context: Context, value: Any) -> str:
    """`{% text pair %}`: a Text, a Say or an (en, zh) pair in the language of the page."""
    if value is None or value == "":
        return ""
    language = language_of(context)
    if isinstance(value, Mapping):
        return str(value[language])
    if isinstance(value, tuple):
        return Text(*value).say(language)
    return str(value.zh if language == "zh" else value.en)


@register.filter
def number(value: Any) -> str:
    """Return an integer with thousands separators."""
    return f"{int(value):,}" if isinstance(value, int) or str(value).lstrip("-").isdigit() else str(value)


@register.filter
def counting(label: Any, n: Any) -> str:
    """Return what stands beside a number and says what it counts, as it is said of so many."""
    return in_number(str(label), str(n))


@register.filter
def size(value: Any) -> str:
    """Return a number of bytes in the unit that suits it."""
    return size_text(int(value or 0))


@register.filter
def moment(value: Any) -> SafeString | str:
    """Return a time of the log, to the second, in UTC, as a `time` element."""
    if not value:
        return ""
    written = value.isoformat() if isinstance(value, dt.datetime) else str(value)
    return format_html('<time datetime="{}">{}</time>', written, written[:19].replace("T", " "))


@register.filter
def short(digest: Any) -> str:
    """Return a digest with as many hex digits as find its artifact; of a root hash as many."""
    value = str(digest or "")
    algorithm = "sha256:" if value.startswith("sha256:") else ""
    return value[: len(algorithm) + SHOWN_HEX]


@register.simple_tag(takes_context=True)
def hash(context: Context, digest: Any, link: bool = False) -> SafeString | str:
    """`{% hash digest %}`: a short digest, the whole one in its title; with True a link to its artifact."""
    if not digest:
        return "—"
    mark = format_html('<span class="hash" title="{}">{}</span>', digest, short(digest))
    if not link:
        return mark
    return format_html('<a href="/p/{}/a/{}">{}</a>', context.get("project", "main"), digest, mark)


@register.simple_tag(takes_context=True)
def kind(context: Context, value: Any) -> str:
    """`{% kind "corpus/v1" %}`: what a kind is called."""
    name = str(value).split("/", maxsplit=1)[0]
    return kind_word(name) if language_of(context) == "zh" else name.replace("_", " ")


@register.simple_tag(takes_context=True)
def label(context: Context, key: str) -> str:
    """`{% label "created" %}`: what a field is called on a screen."""
    return labels.label(key, language_of(context))


TONES = {"done": "ok", "failed": "no", "denied": "no", "cancelled": "na", "running": "wait", "queued": "wait"}
TONES |= {"there": "ok", "runs": "wait", "waits": "na", "stops": "no", "skipped": "na"}  # steps of a flow's plan


@register.simple_tag(takes_context=True)
def state(context: Context, value: Any) -> SafeString:
    """`{% state job.state %}`: a state as a word with a mark; colour alone says nothing."""
    word = labels.state(str(value), language_of(context))
    return format_html('<span class="v {}">{}</span>', TONES.get(str(value), "na"), word)


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """Return mapping[key], None where there is none."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def spaced(name: str) -> str:
    """Return a verb as it is typed: "source register"."""
    return str(name).replace(".", " ")


ROLES = {
    "owner": ("owner", "所有者"),
    "builder": ("builder", "建设者"),
    "reviewer": ("reviewer", "复核员"),
    "annotator": ("annotator", "标注员"),
    "operator": ("operator", "运营者"),
    "auditor": ("auditor", "审计员"),
    "public": ("public", "公众"),
}
PERMISSIONS = {
    "read": ("read", "查看"),
    "build": ("build", "建设"),
    "review": ("review", "复核"),
    "annotate": ("annotate", "标注"),
    "operate": ("operate", "运营"),
    "audit": ("audit", "审计"),
    "own": ("own", "管理"),
    "self": ("own account", "自己的账号"),
}


@register.simple_tag(takes_context=True)
def role(context: Context, name: str) -> str:
    """`{% role "owner" %}`: what a role is called."""
    return Text(*ROLES.get(name, (name, name))).say(language_of(context))


@register.simple_tag(takes_context=True)
def permission(context: Context, name: str) -> str:
    """`{% permission "read" %}`: what a permission is called."""
    return Text(*PERMISSIONS.get(name, (name, name))).say(language_of(context))


@register.filter
def path(name: str) -> str:
    """Return a verb as part of an address: "source/register"."""
    return str(name).replace(".", "/")


@register.simple_tag(takes_context=True)
def verb_title(context: Context, name: str) -> str:
    """`{% verb_title "source.register" %}`: what a verb does, the first clause of its help."""
    from quanheng.web.form_words import short_help

    return short_help(name).say(language_of(context))
