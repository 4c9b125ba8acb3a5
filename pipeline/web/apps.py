from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "pipeline.web"
    label = "web"

    def ready(self) -> None:
        from pipeline.correspondence import signals  # noqa: PLC0415 - models are loaded by now

        def tidy(*, now: dt.datetime, **_: Any) -> None:
            # Not before it is needed: it brings the whole API with it, which commands start without.
            from pipeline.web.api import idempotency  # noqa: PLC0415

            idempotency.forget_old(now)

        signals.tidying.connect(tidy, dispatch_uid="web.idempotency", weak=False)
