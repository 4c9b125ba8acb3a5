from django.apps import AppConfig


class ReleaseConfig(AppConfig):
    name = "pipeline.release"
    label = "release"
    verbose_name = "Publications"
