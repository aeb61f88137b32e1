"""The Django application of the data wing: its pages and their templates."""

from __future__ import annotations

from django.apps import AppConfig

from quanheng.errors import Text


class DataConfig(AppConfig):
    """The data wing, under the label qh_data."""

    name = "quanheng.data"
    label = "qh_data"
    wing_title = Text("Data", "数据")
