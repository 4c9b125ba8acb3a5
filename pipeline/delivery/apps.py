from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "pipeline.delivery"
    label = "delivery"
    verbose_name = "Envois"
