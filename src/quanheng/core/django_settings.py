"""Django's settings. The database is set by `quanheng.core.database.bind`, one workspace at a time.

What depends on the workspace or on how it is served (`SECRET_KEY`, `ALLOWED_HOSTS`, secure cookies, where uploads are
written) is set by `quanheng.web.configure` before the first request.
"""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path

#: Wings by the name of their package; one that is not here yet is left out.
WINGS = tuple(name for name in ("compute", "data", "models", "scenarios", "oversight") if find_spec(f"quanheng.{name}"))

SECRET_KEY = secrets.token_hex(32)  # of a process that serves nobody; a server reads the workspace's own
INSTALLED_APPS = [
    "quanheng.core",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    *(f"quanheng.{name}" for name in WINGS),
    "quanheng.api",
    "quanheng.web",
]
AUTH_USER_MODEL = "qh_core.Actor"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},  # NIST SP 800-63B asks for 8 beside a second factor; there is none here
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "zh-hans"
USE_I18N = True

ROOT_URLCONF = "quanheng.web.urls"
WSGI_APPLICATION = "quanheng.web.wsgi.application"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
APPEND_SLASH = False
MIDDLEWARE = [
    "quanheng.web.middleware.RequestMiddleware",  # id, log line, headers, errors; outermost
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "quanheng.web.middleware.LanguageMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "quanheng.web.signed_in.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": ["quanheng.web.context.page"],
            "builtins": ["quanheng.web.templatetags.quanheng"],
            "string_if_invalid": "",
        },
    }
]

STATIC_URL = "/static/"
_LOOK = Path(__file__).parents[1] / "look"
#: The viewer of the API's document is inside django-ninja; the package itself is not imported for it.
_NINJA = find_spec("ninja")
STATICFILES_DIRS = [("look", str(_LOOK))]
if _NINJA and _NINJA.origin:
    STATICFILES_DIRS.append(("ninja", str(Path(_NINJA.origin).parent / "static" / "ninja")))
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

SESSION_COOKIE_NAME = "qh_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "qh_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "quanheng.web.errors.csrf_failure"
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 2**20  # of a form without its files, and of a JSON body
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 4_000  # as many as an artifact has layers
LOGGING_CONFIG = None  # the server's log is quanheng.web.middleware's; nothing else writes one
