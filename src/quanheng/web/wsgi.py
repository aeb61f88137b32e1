"""The WSGI application. The workspace must be open in this process; `quanheng.web.serve` sees to that."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from quanheng.core.database import setup_django

setup_django()
application = get_wsgi_application()
