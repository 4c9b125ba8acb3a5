"""What a bench is set beside, into the same server in the same run: the plain way of Django, and Postfix's load generator."""

from __future__ import annotations

import email
import email.policy
import subprocess
import time
from email.message import EmailMessage

from django.core.mail import EmailMultiAlternatives, get_connection

from pipeline.bench import children
from pipeline.bench.children import BenchError
from pipeline.bench.people import address
from pipeline.bench.sinks import Sink
from pipeline.compose.message import Compiled

SOURCE_LEAST, SOURCE_MOST = 1_000, 10_000
PLAIN_LEAST, PLAIN_MOST = 100, 1_000
TIMEOUT = 600.0


def has_source() -> bool:
    """True where Postfix's smtp-source is installed."""
    return children.program("smtp-source") is not None


def smtp_source(sink: Sink, *, size: int, connections: int, recipients: int) -> float:
    """Messages per second of smtp-source, with as many connections and as many bytes."""
    count = min(SOURCE_MOST, max(SOURCE_LEAST, recipients))
    command = [
        children.program("smtp-source") or "smtp-source",
        *("-s", str(connections), "-l", str(size), "-m", str(count)),
        *("-f", "banc@example.org", "-t", address(1), sink.name),
    ]
    # Started without the guard that other children have: an interpreter's start would count. It ends by itself.
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"smtp-source n’a pas fini en {TIMEOUT:.0f} s.") from error
    seconds = time.monotonic() - started
    if done.returncode:
        raise BenchError(f"smtp-source échoue : {done.stderr.strip()}")
    return count / seconds


def plain(sink: Sink, compiled: Compiled, *, size: int, recipients: int) -> float:
    """Messages per second of the plain way: one EmailMultiAlternatives for each, on one connection that stays open."""
    count = min(PLAIN_MOST, max(PLAIN_LEAST, recipients // 3))
    text, markup = _bodies(compiled)
    backend = "django.core.mail.backends.smtp.EmailBackend"
    connection = get_connection(backend, host=sink.host, port=sink.port, timeout=60)

    def mail(number: int, padding: str) -> EmailMultiAlternatives:
        link = f"https://kit.example.org/desabonnement/{number:060}/"
        made = EmailMultiAlternatives(
            compiled.subject,
            text.replace(_LINK, link),
            "Kit d’essai <kit@example.org>",
            [address(number)],
            headers={"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            connection=connection,
        )
        made.attach_alternative(markup.replace(_LINK, link) + padding, "text/html")
        return made

    lines = max(0, size - len(mail(0, "").message().as_bytes())) // 80
    padding = f"<!-- {'x' * 70} -->\n" * lines
    with connection:
        mail(0, padding).send()  # the host's name is looked up once, before the first
        started = time.monotonic()
        for number in range(1, count + 1):
            mail(number, padding).send()
        return count / (time.monotonic() - started)


_LINK = "https://kit.example.org/lien/"


def _bodies(compiled: Compiled) -> tuple[str, str]:
    """Text and HTML of the same newsletter, as a template would have made them."""
    values = dict.fromkeys(compiled.holes, _LINK) | {"to": address(1), "message_id": "<1@example.org>"}
    read = email.message_from_bytes(compiled.render(values), policy=email.policy.default)
    parts = [read.get_body((kind,)) for kind in ("plain", "html")]
    text, markup = (str(part.get_content()) if isinstance(part, EmailMessage) else "" for part in parts)
    return text, markup
