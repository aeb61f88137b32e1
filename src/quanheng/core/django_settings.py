"""Django's settings. The database is set by `quanheng.core.database.bind`, one workspace at a time."""

from __future__ import annotations

import secrets

SECRET_KEY = secrets.token_hex(32)  # nothing is signed with it yet: no sessions before there are pages
INSTALLED_APPS = ["quanheng.core"]
AUTH_USER_MODEL = "qh_core.Actor"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "zh-hans"
