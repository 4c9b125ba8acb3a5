from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "pipeline.delivery"
    label = "delivery"
    verbose_name = "Envois"

    def ready(self) -> None:
        from anymail.signals import tracking  # noqa: PLC0415

        from pipeline.audience import signals  # noqa: PLC0415 - models are loaded by now
        from pipeline.delivery import erasure, holdings, naming, relocation  # noqa: PLC0415
        from pipeline.delivery.bounces import webhooks  # noqa: PLC0415

        signals.erased.connect(erasure.forget, dispatch_uid="delivery.erasure")
        signals.pointing.connect(erasure.points_to, dispatch_uid="delivery.pointing")
        signals.held.connect(holdings.held, dispatch_uid="delivery.holdings")
        signals.moved.connect(relocation.follow, dispatch_uid="delivery.relocation")
        signals.named.connect(naming.still, dispatch_uid="delivery.naming")
        tracking.connect(webhooks.on_event, dispatch_uid="delivery.bounces.webhooks")
