"""The Django application of the API: it has a page and a script of its own, no tables."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The API, under the label qh_api."""

    name = "quanheng.api"
    label = "qh_api"
