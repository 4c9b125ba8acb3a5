"""The Django app of the room."""

from __future__ import annotations

from django.apps import AppConfig


class AudienceConfig(AppConfig):
    name = "pipeline.audience"
    label = "audience"
    verbose_name = "Public"
    default_auto_field = "django.db.models.BigAutoField"
