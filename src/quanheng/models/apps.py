"""The Django application of the models wing: its pages and their templates."""

from __future__ import annotations

from django.apps import AppConfig

from quanheng.errors import Text


class ModelsConfig(AppConfig):
    """The models wing, under the label qh_models."""

    name = "quanheng.models"
    label = "qh_models"
    wing_title = Text("Models", "模型")
