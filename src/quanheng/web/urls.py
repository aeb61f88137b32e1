"""Every address of the pages. A project's pages lie under /p/<project>/."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path

from quanheng.web import sign_in

handler400 = "quanheng.web.errors.handler400"
handler404 = "quanheng.web.errors.handler404"
handler500 = "quanheng.web.errors.handler500"

#: Modules with the views; each has its own `urlpatterns`, all relative to the root.
VIEWS = ("home", "artifacts", "log", "jobs", "flows", "forms", "manage", "verify", "wing")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", sign_in.start),
    path("sign-in", sign_in.sign_in),
    path("sign-in/<str:secret>", sign_in.link),
    path("sign-out", sign_in.sign_out),
    path("language/<str:code>", sign_in.language),
    path("healthz", sign_in.health),
    path("version", sign_in.version),
    path("api/v1/", include("quanheng.api.urls")),
    *(pattern for name in VIEWS for pattern in import_module(f"quanheng.web.views.{name}").urlpatterns),
]
