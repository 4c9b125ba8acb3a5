from tests.databases import database, descriptions  # noqa: F401 - fixtures
