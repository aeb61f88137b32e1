"""The Django application of the oversight wing: its pages and their templates."""

from __future__ import annotations

from django.apps import AppConfig

from quanheng.errors import Text


class OversightConfig(AppConfig):
    """The oversight wing, under the label qh_oversight."""

    name = "quanheng.oversight"
    label = "qh_oversight"
    wing_title = Text("Oversight", "监管")
