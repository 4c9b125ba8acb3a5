"""Settings from the environment: `KIT_*`, or `KIT_*_FILE` for a secret kept in a file. Typed, checked at start, all faults at once."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.0/8", "::1/128")
SECRETS = frozenset(
    {"KIT_SECRET_KEY", "KIT_DATABASE_URL", "KIT_REDIS_URL", "KIT_SMTP_URL", "KIT_BOUNCES_URL", "KIT_WEBHOOK_SECRET"}
)
KNOWN = frozenset(
    {
        "KIT_DATA_DIR", "KIT_DATABASE_URL", "KIT_REDIS_URL", "KIT_SMTP_URL", "KIT_BASE_URL", "KIT_SECRET_KEY", "KIT_STAFF_MAIL",
        "KIT_FICHES_DIR", "KIT_SCHEDULES_DIR", "KIT_EMAILS_DIR", "KIT_INSTALLATION_ID", "KIT_LOG_LEVEL", "KIT_ALLOWED_HOSTS",
        "KIT_RETURN_PATH", "KIT_BOUNCES_URL", "KIT_LMTP", "KIT_WEBHOOK_SECRET", "KIT_SOFT_BOUNCES", "KIT_CFBL_ADDRESS",
        "KIT_DKIM_DIR", "KIT_THROTTLES", "KIT_RETRY_HOURS", "KIT_ROLE_ADDRESSES", "KIT_DISPOSABLE_ADDRESSES",
        "KIT_PROXIES", "KIT_EMBEDDERS", "KIT_RENEW_MONTHS",
    }
)  # fmt: skip

Treatment: TypeAlias = Literal["accept", "flag", "refuse"]


class SettingsError(Exception):
    """The environment cannot be used; ``faults`` are French sentences that name the variable and the mend."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Environment:
    """What the operator decided. ``database_url`` empty: SQLite in ``data_dir``; ``redis_url`` empty: `kit serve` starts one;
    ``smtp_url`` empty: a Maildir in ``data_dir``, nothing leaves."""

    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    smtp_url: str = field(repr=False)
    base_url: str
    secret_key: str = field(repr=False)
    staff_mail: tuple[str, ...]
    fiches_dir: Path
    schedules_dir: Path
    emails_dir: Path
    installation_id: str
    log_level: str
    allowed_hosts: tuple[str, ...]
    return_path: str = ""
    """Where bounces go: an address of a domain whose mail comes to us. Each message gets a variant of its own (VERP)."""
    bounces_url: str = field(default="", repr=False)
    """Where bounces are read: ``maildir:///folder`` or ``imaps://user:password@host/mailbox``."""
    lmtp: str = ""
    """Where bounces are handed to us: ``host:port`` or ``/socket``; empty: no LMTP server is run."""
    webhook_secret: str = field(default="", repr=False)
    """``user:password`` that an API provider must give with each event."""
    soft_bounces: tuple[int, int] = (5, 30)
    """That many temporary failures within that many days suppress an address."""
    cfbl_address: str = ""
    """Where mailbox providers send complaints (RFC 9477)."""
    dkim_dir: Path | None = None
    """A folder of private keys, ``SELECTOR.pem`` each; None: the mail server signs."""
    throttles: str = ""
    """``domain=RATE`` per second, separated by spaces; see :mod:`pipeline.delivery.throttle`."""
    retry_hours: int = 72
    """For how long a deferred message is tried again."""
    role_addresses: Treatment = "flag"
    """What the sign-up does with addresses such as contact@: see :mod:`pipeline.audience.flags`."""
    disposable_addresses: Treatment = "flag"
    """What it does with addresses that are made to be thrown away."""
    proxies: tuple[str, ...] = LOOPBACK
    """Networks whose word in ``X-Forwarded-For`` is believed; see :mod:`pipeline.web.network`."""
    embedders: tuple[str, ...] = ("*",)
    """Sites that may show the sign-up form in a frame: origins as a Content-Security-Policy names them."""
    renew_months: int = 24
    """After so many months without a word, people are asked whether they still want their mails; 0: never."""

    @property
    def secure(self) -> bool:
        """True where the site is reached over https: cookies, redirects and HSTS follow."""
        return self.base_url.startswith("https://")

    @property
    def transport_url(self) -> str:
        return self.smtp_url or f"file://{self.data_dir / 'mailbox'}"

    @property
    def broker_url(self) -> str:
        return self.redis_url or f"redis+socket://{self.redis_socket}?virtual_host=0"

    @property
    def redis_socket(self) -> Path:
        """Where the embedded Redis listens. A socket's path holds 107 bytes at most, so a long data folder gets one elsewhere."""
        beside = self.data_dir / "run" / "redis.sock"
        if len(os.fsencode(beside)) <= 100:
            return beside
        import hashlib  # noqa: PLC0415

        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - a private folder is made in it
        return runtime / f"kit-{os.getuid()}-{digest}" / "redis.sock"


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read and check every `KIT_*` variable.

    Raises:
        SettingsError: with every fault found.
    """
    faults: list[str] = []
    values = _values(environ, faults)
    _check(values, faults)
    if faults:
        raise SettingsError(faults)
    first, second = (values.get("KIT_SOFT_BOUNCES") or "5/30").split("/")
    return Environment(
        data_dir=Path(values.get("KIT_DATA_DIR") or ROOT / "var").absolute(),
        database_url=values.get("KIT_DATABASE_URL", ""),
        redis_url=values.get("KIT_REDIS_URL", ""),
        smtp_url=values.get("KIT_SMTP_URL", ""),
        base_url=_base_url(values),
        secret_key=values.get("KIT_SECRET_KEY", ""),
        staff_mail=_list(values.get("KIT_STAFF_MAIL", "")),
        fiches_dir=_folder(values, "KIT_FICHES_DIR"),
        schedules_dir=_folder(values, "KIT_SCHEDULES_DIR"),
        emails_dir=_folder(values, "KIT_EMAILS_DIR"),
        installation_id=values.get("KIT_INSTALLATION_ID", ""),
        log_level=_level(values),
        allowed_hosts=_list(values.get("KIT_ALLOWED_HOSTS", "")),
        return_path=values.get("KIT_RETURN_PATH", ""),
        bounces_url=values.get("KIT_BOUNCES_URL", ""),
        lmtp=values.get("KIT_LMTP", ""),
        webhook_secret=values.get("KIT_WEBHOOK_SECRET", ""),
        soft_bounces=(int(first), int(second)),
        cfbl_address=values.get("KIT_CFBL_ADDRESS", ""),
        dkim_dir=Path(values["KIT_DKIM_DIR"]).absolute() if values.get("KIT_DKIM_DIR") else None,
        throttles=values.get("KIT_THROTTLES", ""),
        retry_hours=int(values.get("KIT_RETRY_HOURS") or "72"),
        role_addresses=_treatment(values, "KIT_ROLE_ADDRESSES"),
        disposable_addresses=_treatment(values, "KIT_DISPOSABLE_ADDRESSES"),
        proxies=_some(values.get("KIT_PROXIES", ""), LOOPBACK),
        embedders=_some(values.get("KIT_EMBEDDERS", ""), ("*",)),
        renew_months=int(values.get("KIT_RENEW_MONTHS") or "24"),
    )


_TREATMENTS: tuple[Treatment, ...] = ("accept", "flag", "refuse")
_ORIGIN = re.compile(r"https?://(?:\*\.)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_FOLDERS = {"KIT_FICHES_DIR": "fiches", "KIT_SCHEDULES_DIR": "schedules", "KIT_EMAILS_DIR": "emails"}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _values(environ: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """What the variables and the files of secrets say, by the variable's name."""
    values: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith("KIT_"):
            continue
        plain = name.removesuffix("_FILE")
        if plain not in KNOWN or (name != plain and plain not in SECRETS):
            faults.append(f"{name} : réglage inconnu. Réglages possibles : {', '.join(sorted(KNOWN))}.")
        elif not value.strip():
            continue  # as a compose file hands on what nobody gave
        elif name == plain:
            values.setdefault(plain, value.strip())
        elif environ.get(plain, "").strip():
            faults.append(f"{name} et {plain} sont donnés tous les deux : n’en garder qu’un.")
        else:
            try:
                values[plain] = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{name} : le fichier « {value} » ne se lit pas ({error.__class__.__name__}).")
    return values


def _base_url(values: Mapping[str, str]) -> str:
    return (values.get("KIT_BASE_URL") or "http://127.0.0.1:8000").rstrip("/")


def _folder(values: Mapping[str, str], name: str) -> Path:
    return Path(values.get(name) or ROOT / _FOLDERS[name]).absolute()


def _level(values: Mapping[str, str]) -> str:
    return (values.get("KIT_LOG_LEVEL") or "INFO").upper()


def _treatment(values: Mapping[str, str], name: str) -> Treatment:
    return next((one for one in _TREATMENTS if one == values.get(name)), "flag")


def _check(values: Mapping[str, str], faults: list[str]) -> None:
    _check_base_url(_base_url(values), faults)
    _check_scheme("KIT_DATABASE_URL", values.get("KIT_DATABASE_URL", ""), ("postgresql", "postgres", "sqlite"), faults)
    _check_scheme("KIT_REDIS_URL", values.get("KIT_REDIS_URL", ""), ("redis", "rediss", "unix", "redis+socket"), faults)
    if _level(values) not in _LEVELS:
        faults.append(f"KIT_LOG_LEVEL : « {_level(values)} » n’est pas un niveau ; choisir {', '.join(_LEVELS)}.")
    faults += [
        f"KIT_STAFF_MAIL : « {one} » n’est pas une adresse."
        for one in _list(values.get("KIT_STAFF_MAIL", ""))
        if one.count("@") != 1 or not one.isprintable()
    ]
    for name in _FOLDERS:
        if values.get(name) and not _folder(values, name).is_dir():
            folder = _folder(values, name)
            faults.append(f"{name} : le dossier « {folder} » n’existe pas ; le créer, ou corriger le réglage.")
    key = values.get("KIT_SECRET_KEY", "")
    if key and len(key) < 32:
        faults.append("KIT_SECRET_KEY : 32 caractères au moins, tirés au hasard.")
    for name in ("KIT_ROLE_ADDRESSES", "KIT_DISPOSABLE_ADDRESSES"):
        if values.get(name, "flag") not in _TREATMENTS:
            faults.append(f"{name} : « {values[name]} » n’est pas un traitement ; choisir {', '.join(_TREATMENTS)}.")
    _check_web(values, faults)
    _check_sending(values, faults)


def _check_web(values: Mapping[str, str], faults: list[str]) -> None:
    for one in _some(values.get("KIT_PROXIES", ""), ()):
        try:
            ipaddress.ip_network(one)
        except ValueError:
            faults.append(f"KIT_PROXIES : « {one} » n’est pas un réseau, comme 10.0.0.0/8 ou 192.0.2.7 ; ou « none ».")
    faults += [
        f"KIT_EMBEDDERS : « {one} » n’est pas l’origine d’un site, comme https://www.commune.fr ; ou « * », ou « none »."
        for one in _some(values.get("KIT_EMBEDDERS", ""), ())
        if one != "*" and _ORIGIN.fullmatch(one) is None
    ]


def _check_sending(values: Mapping[str, str], faults: list[str]) -> None:
    for one in values.get("KIT_SMTP_URL", "").split():
        _check_scheme("KIT_SMTP_URL", one, ("smtp", "smtps", "smtp+starttls", "file", "anymail"), faults)
    for name in ("KIT_RETURN_PATH", "KIT_CFBL_ADDRESS"):
        if values.get(name) and not _is_address(values[name]):
            faults.append(f"{name} : « {values[name]} » n’est pas une adresse, comme rebonds@retour.example.org.")
    _check_scheme("KIT_BOUNCES_URL", values.get("KIT_BOUNCES_URL", ""), ("maildir", "imap", "imaps"), faults)
    first, _, second = (values.get("KIT_SOFT_BOUNCES") or "5/30").partition("/")
    if not (_is_whole(first, 1, 1000) and _is_whole(second, 1, 1000)):
        faults.append("KIT_SOFT_BOUNCES : deux nombres, « 5/30 » pour cinq échecs en trente jours.")
    hours = values.get("KIT_RETRY_HOURS") or "72"
    if not _is_whole(hours, 1, 240):
        faults.append(f"KIT_RETRY_HOURS : « {hours} » : un nombre d’heures entre 1 et 240.")
    months = values.get("KIT_RENEW_MONTHS") or "24"
    if not _is_whole(months, 0, 120):
        faults.append(
            f"KIT_RENEW_MONTHS : « {months} » : un nombre de mois entre 1 et 120, ou 0 pour ne jamais demander."
        )
    folder = values.get("KIT_DKIM_DIR")
    if folder and not Path(folder).is_dir():
        faults.append(f"KIT_DKIM_DIR : le dossier « {folder} » n’existe pas ; le créer, y mettre SÉLECTEUR.pem.")
    webhook = values.get("KIT_WEBHOOK_SECRET", "")
    if webhook and (":" not in webhook or len(webhook) < 20):
        faults.append("KIT_WEBHOOK_SECRET : « nom:mot-de-passe », vingt caractères au moins.")


def secret_key(environment: Environment) -> str:
    """The configured key, or the one kept in the data folder (made at first use, readable by its owner only).

    Raises:
        SettingsError: the data folder cannot be written.
    """
    if environment.secret_key:
        return environment.secret_key
    path = environment.data_dir / "secret-key"
    try:
        if not path.exists():
            environment.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"secret-key.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # the first of two processes wins; a half-written key is never seen
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(
            [f"KIT_DATA_DIR : le dossier « {environment.data_dir} » ne s’écrit pas ({error.strerror})."]
        ) from error


def _is_address(value: str) -> bool:
    return value.count("@") == 1 and value.isascii() and value.isprintable() and " " not in value and value[0] != "@"


def _is_whole(value: str, least: int, most: int) -> bool:
    return value.isascii() and value.isdigit() and least <= int(value) <= most


def _some(value: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """A list, ``default`` where nothing is given; « none » is a list of none."""
    return () if value == "none" else _list(value) or default


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _check_base_url(url: str, faults: list[str]) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        good = good and parts.path in ("", "/") and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        faults.append(f"KIT_BASE_URL : « {url} » n’est pas l’adresse d’un site, comme https://kit.example.org.")


def _check_scheme(name: str, url: str, schemes: tuple[str, ...], faults: list[str]) -> None:
    try:
        if url and (urlsplit(url).scheme not in schemes or "://" not in url):
            # The value may hold a password: only what stands before it is shown.
            faults.append(
                f"{name} : commence par « {url.split(':', maxsplit=1)[0][:20]} » ; attendu : {', '.join(s + '://' for s in schemes)}."
            )
    except ValueError:
        faults.append(f"{name} : adresse illisible ; attendu : {schemes[0]}://…")
