"""How many sign-ups, confirmations and one-click unsubscribes a second the production web server takes, the load on the same machine.

Run by hand on a machine that does nothing else: ``.venv/bin/python -m tests.benchmarks.reader --database postgres``. The server is the
one of `kit serve` (gunicorn, two processes of four threads) with Redis for the limits; workers do not run. Each request comes by a
connection of its own or, with ``--keep-alive``, by few that stay. Every answer is checked, and so is what stands in the database.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pipeline.bench import ground
from pipeline.bench.children import free_port, ours, running

CONNECTIONS = 8
SEASON = "essai"


@dataclass(frozen=True)
class Request:
    path: str
    fields: dict[str, str]
    status: int
    network: str = "192.0.2.1"


@dataclass(frozen=True)
class Figures:
    what: str
    requests: int
    per_second: float
    median_ms: float
    worst_ms: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", default="", help="postgres, a URL, or nothing: SQLite")
    parser.add_argument("--requests", type=int, default=2_500)
    parser.add_argument("--keep-alive", action="store_true")
    options = parser.parse_args()
    with ground.folder() as scratch, ground.database(options.database, scratch) as held:
        told = _settings(scratch, held)
        os.environ.update(told)
        os.environ["DJANGO_SETTINGS_MODULE"] = "pipeline.settings"
        for figures in _measure(scratch, options.requests, keep_alive=options.keep_alive):
            print(json.dumps({"database": held.kind, **figures.__dict__}), flush=True)  # noqa: T201 - what it is run for


def _settings(scratch: Path, held: ground.Database) -> dict[str, str]:
    from pipeline import environment
    from tests.factories import write_season

    (scratch / "data" / "run").mkdir(parents=True)
    write_season(scratch)
    told = ground.settings(scratch, held, emails=environment.ROOT / "emails", signed=False)
    port = free_port()
    return told | {
        "KIT_SCHEDULES_DIR": str(scratch / "schedules"),
        "KIT_FICHES_DIR": str(scratch / "fiches"),
        "KIT_BASE_URL": f"http://127.0.0.1:{port}",
        "KIT_PROXIES": "127.0.0.1",
    }


def _measure(scratch: Path, count: int, *, keep_alive: bool) -> Iterator[Figures]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from pipeline.audience.models import Person, SignUp, Status, Subscription
    from pipeline.serve.first import prepare

    call_command("migrate", verbosity=0)
    list(prepare(settings.KIT))
    with _site(scratch) as (host, port):
        drive = _Drive(host, port, keep_alive=keep_alive)
        yield drive.run("sign-ups", _sign_ups(count))
        _expect(SignUp.objects.count(), count)
        waiting = _waiting(count)
        yield drive.run("confirmations", [_link("confirmation", "confirm", who) for who in waiting])
        _expect(Subscription.objects.filter(status=Status.ACTIVE).count(), count)
        leaving = [_link("desabonnement", "unsubscribe", who, one_click=True) for who in waiting]
        yield drive.run("one-click unsubscribes", leaving)
        _expect(Subscription.objects.filter(status=Status.ENDED).count(), count)
        yield drive.run("one-click unsubscribes, said again", leaving)
        _expect(Person.objects.count(), count)


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"{found} instead of {wanted} in the database: the figures do not count")


@contextlib.contextmanager
def _site(scratch: Path) -> Iterator[tuple[str, int]]:
    """Redis and the web server, as `kit serve` starts them."""
    from django.conf import settings

    from pipeline.serve.programs import programs

    parts = urllib.parse.urlsplit(settings.KIT.base_url)
    host, port = str(parts.hostname), int(parts.port or 0)
    wanted = [one for one in programs(settings.KIT, host=host, port=port) if one.name in ("redis", "web")]
    with contextlib.ExitStack() as stack:
        started: list[subprocess.Popen[bytes]] = [
            stack.enter_context(running(ours(one.command), log=scratch / f"{one.name}.log")) for one in wanted
        ]
        end = time.monotonic() + 30
        while time.monotonic() < end and all(one.poll() is None for one in started):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection(host, port, timeout=5)
                connection.request("GET", "/robots.txt")
                if connection.getresponse().status == 200:
                    break
            time.sleep(0.1)
        else:
            raise SystemExit((scratch / "web.log").read_text(errors="replace")[-2000:])
        yield host, port


class _Drive:
    """Sends requests from a few threads and takes the time of each."""

    def __init__(self, host: str, port: int, *, keep_alive: bool) -> None:
        self._host, self._port, self._keep_alive = host, port, keep_alive

    def run(self, what: str, requests: Sequence[Request]) -> Figures:
        left = iter(requests)
        lock = threading.Lock()
        times: list[float] = []
        wrong: list[str] = []

        def work() -> None:
            connection = self._connection()
            while True:
                with lock:
                    one = next(left, None)
                if one is None or wrong:
                    return
                started = time.perf_counter()
                body = urllib.parse.urlencode(one.fields)
                told = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": one.network}
                if not self._keep_alive:
                    connection = self._connection()
                connection.request("POST", one.path, body, told)
                answer = connection.getresponse()
                answer.read()
                if not self._keep_alive:
                    connection.close()
                times.append(time.perf_counter() - started)
                if answer.status != one.status:
                    wrong.append(f"{one.path}: {answer.status} instead of {one.status}")

        started = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        if wrong:
            raise SystemExit(f"{what}: {wrong[0]}: the figures do not count")
        return Figures(
            what,
            len(times),
            round(len(times) / seconds, 1),
            round(statistics.median(times) * 1000, 2),
            round(max(times) * 1000, 2),
        )

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=30)


def _sign_ups(count: int) -> list[Request]:
    """Forms of as many people, from networks and domains of their own, shown to them a while ago."""
    import datetime as dt

    from pipeline import clock
    from pipeline.web.reader import gate

    shown = gate.stamp(f"{SEASON}/inscription", now=clock.now() - dt.timedelta(minutes=1))
    return [
        Request(
            f"/{SEASON}/inscription/",
            {
                "email": f"lectrice-{number}@commune-{number}.example.org",
                "name": f"Lectrice {number}",
                "choice": "tout",
                "rhythm": "each",
                gate.TRAP: shown,
            },
            303,
            network=f"10.{number >> 8 & 255}.{number & 255}.1",
        )
        for number in range(count)
    ]


def _waiting(count: int) -> list[UUID]:
    """People whose sign-up was answered: what the worker does, without its mails."""
    from pipeline import clock
    from pipeline.audience import consent
    from pipeline.audience.addresses import Address
    from pipeline.audience.models import SignUp
    from pipeline.audience.wishes import Wish

    found = []
    for row in SignUp.objects.order_by("pk")[:count]:
        asked = consent.subscribe(
            Address(row.mailbox, row.mailbox, row.key),
            row.season,
            Wish(row.choice),
            consent.Proof(row.source),
            now=clock.now(),
        )
        found.append(asked.person.public_id)
    SignUp.objects.all().delete()
    return found


def _link(page: str, purpose: str, who: UUID, *, one_click: bool = False) -> Request:
    from pipeline import clock
    from pipeline.audience import tokens

    token = tokens.make(purpose, SEASON, who, now=clock.now())  # type: ignore[arg-type]
    return Request(f"/{page}/{token}/", {"List-Unsubscribe": "One-Click"} if one_click else {}, 200)


if __name__ == "__main__":
    main()
