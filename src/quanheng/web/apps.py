"""The Django application of the pages."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages, under the label qh_web."""

    name = "quanheng.web"
    label = "qh_web"
