"""The Django application of the core."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The tables of the core, under the label qh_core."""

    name = "quanheng.core"
    label = "qh_core"
    default_auto_field = "django.db.models.BigAutoField"
