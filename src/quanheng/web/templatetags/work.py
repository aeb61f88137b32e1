"""Tags of pages about work: what a job, a state or a field is called, and errors as they are kept in rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.context import Context

from quanheng.core import labels
from quanheng.core.verb import VERBS
from quanheng.errors import Text
from quanheng.web.form_help import HEADINGS
from quanheng.web.form_words import label_of, rest_of_help
from quanheng.web.templatetags.quanheng import verb_title

register = template.Library()


def _language(context: Context) -> str:
    return str(context.get("lang", "zh"))


@register.simple_tag(takes_context=True)
def job_title(context: Context, job: Mapping[str, Any]) -> str:
    """`{% job_title job %}`: what a job's verb does, or its name when this release no longer has it."""
    return verb_title(context, job["verb"]) if job["verb"] in VERBS else str(job["verb"])


@register.simple_tag(takes_context=True)
def verb_rest(context: Context, verb: str) -> str:
    """`{% verb_rest "source.register" %}`: what its help says beyond `verb_title`, "" when it says no more."""
    return rest_of_help(verb).say(_language(context))


@register.simple_tag(takes_context=True)
def form_title(context: Context, verb: str) -> str:
    """`{% form_title "source.register" %}`: the heading of a verb's form."""
    heading = HEADINGS.get(verb)
    return Text(*heading.title).say(_language(context)) if heading else verb_title(context, verb)


@register.simple_tag(takes_context=True)
def state_word(context: Context, state: str) -> str:
    """`{% state_word "done" %}`: a state as a word, without its mark."""
    return labels.state(state, _language(context))


@register.simple_tag(takes_context=True)
def field_word(context: Context, verb: str, field: str) -> str:
    """`{% field_word "corpus.build" "sources" %}`: what a field of a verb is called."""
    return label_of(verb, field).say(_language(context))


@register.simple_tag(takes_context=True)
def error_text(context: Context, error: Mapping[str, Any]) -> str:
    """`{% error_text job.error %}`: the message of an error that was kept as JSON."""
    return Text(error["en"], error["zh"]).say(_language(context))


@register.simple_tag(takes_context=True)
def error_hint(context: Context, error: Mapping[str, Any]) -> str:
    """`{% error_hint job.error %}`: what to do about it, "" when nothing is said."""
    hint = error.get("hint")
    return Text(*hint).say(_language(context)) if hint else ""
