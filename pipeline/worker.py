"""What `celery -A pipeline.worker` loads: Django first, then the application with its tasks."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.settings")
django.setup()

from pipeline.broker import app  # noqa: E402

__all__ = ["app"]
