"""KIT_* → Django's settings. Refuses to start on nonsense (:class:`pipeline.environment.SettingsError`)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline import environment
from pipeline.delivery import throttle
from pipeline.delivery.transports.providers import anymail_settings, is_anymail
from pipeline.delivery.transports.servers import TransportUrlError

KIT = environment.read()
if _faults := throttle.check(KIT.throttles):
    raise environment.SettingsError(_faults)

SECRET_KEY = environment.secret_key(KIT)
SECRET_KEY_FALLBACKS: list[str] = []
DEBUG = False
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "pipeline.audience",
    "pipeline.delivery",
    "pipeline.release",
    "pipeline.hooks",
    "pipeline.web",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "pipeline.web.headers.SecurityHeaders",
]
ROOT_URLCONF = "pipeline.web.urls"
WSGI_APPLICATION = "pipeline.web.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [environment.ROOT / "pipeline" / "web" / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "pipeline.web.jinja.environment",
            "context_processors": ["django.template.context_processors.request"],
        },
    }
]

_host = urlsplit(KIT.base_url).hostname or ""
ALLOWED_HOSTS = [*KIT.allowed_hosts, _host, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [KIT.base_url]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = KIT.secure
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = KIT.secure
SECURE_HSTS_SECONDS = 31_536_000 if KIT.secure else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if KIT.secure else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "français")]
LOCALE_PATHS = [environment.ROOT / "pipeline" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [environment.ROOT / "pipeline" / "web" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]


def _options(given: dict[str, str]) -> dict[str, str]:
    """libpq's options, after our own. A server that says nothing is given up in seconds, not in the minutes of TCP: leases are
    shorter. PostgreSQL ends a session that sleeps inside a transaction (its process stopped, its host frozen): it must not keep its
    locks from all others."""
    patience = {
        "connect_timeout": "10",
        "tcp_user_timeout": "20000",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
    }
    asleep = "-c idle_in_transaction_session_timeout=60000"
    return {**patience, **given, "options": f"{asleep} {given.get('options', '')}".strip()}


def database(url: str) -> dict[str, Any]:
    """Django's description of the database at ``url``; empty is SQLite in the data folder.

    SQLite: write-ahead log, immediate transactions (deferred ones fail under four writers), full sync, and no ATOMIC_REQUESTS.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "sqlite"):
        name = unquote(parts.path) if url else str(KIT.data_dir / "kit.sqlite3")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-32768",
            },
            "TEST": {"NAME": None},
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "kit",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _options(dict(parse_qsl(parts.query))),
    }


if is_anymail(KIT.smtp_url):
    INSTALLED_APPS.append("anymail")
    try:
        ANYMAIL = anymail_settings(KIT.smtp_url, KIT.webhook_secret)
    except TransportUrlError as error:
        raise environment.SettingsError([f"KIT_SMTP_URL : {error}"]) from error

DATABASES = {"default": database(KIT.database_url)}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"no_tokens": {"()": "pipeline.web.discretion.NoTokens"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_tokens"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"pipeline": {"level": KIT.log_level}},
}
