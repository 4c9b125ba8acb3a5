from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "pipeline.web"
    label = "web"

    def ready(self) -> None:
        from pipeline.correspondence import signals  # noqa: PLC0415 - models are loaded by now
        from pipeline.web.api import idempotency  # noqa: PLC0415

        def tidy(*, now: dt.datetime, **_: Any) -> None:
            idempotency.forget_old(now)

        signals.tidying.connect(tidy, dispatch_uid="web.idempotency", weak=False)
