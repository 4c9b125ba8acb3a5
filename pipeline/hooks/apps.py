from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "pipeline.hooks"
    label = "hooks"
    verbose_name = "Webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from pipeline.audience import signals as audience  # noqa: PLC0415 - models are loaded by now
        from pipeline.hooks import privacy, receivers  # noqa: PLC0415
        from pipeline.release import signals as release  # noqa: PLC0415

        audience.started.connect(receivers.on_started, dispatch_uid="hooks.started")
        audience.ended.connect(receivers.on_ended, dispatch_uid="hooks.ended")
        audience.moved.connect(receivers.on_moved, dispatch_uid="hooks.moved")
        audience.erased.connect(receivers.on_erased, dispatch_uid="hooks.erased")
        audience.held.connect(privacy.held, dispatch_uid="hooks.held")
        release.published.connect(receivers.on_published, dispatch_uid="hooks.published")
