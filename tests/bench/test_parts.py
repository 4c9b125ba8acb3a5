"""The newsletter, the meters, and what makes a report void."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
from typing import Any

import pytest

from pipeline import environment
from pipeline.bench import letter, meters
from pipeline.bench.children import BenchError
from pipeline.bench.plan import Plan
from pipeline.bench.report import Report, Rivals
from pipeline.bench.run import Sent
from pipeline.bench.sinks import Taken
from pipeline.delivery.ledger import Tally

NOW = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
TEMPLATES = environment.ROOT / "emails"
ALL = Tally(frozen=10, sent=10, deferred=0, refused=0, suppressed=0, cancelled=0, unknown=0, pending=0)
GOOD = Report(
    plan=Plan(10, 30_000, 8, 2, (), compare=False, signed=True),
    database="sqlite",
    sink="smtp-sink",
    bytes=30_000,
    sent=Sent(0.1, 2.0, ALL, {"workers": 1.0, "database": None, "sink": 5.0}, (60.0,), None, None),
    checked=ALL,
    counted=Taken(messages=10, signed=10, recipients=10, ids=10),
    source=Rivals(8.0, 12.0),
    plain=Rivals(None, None),
)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"connections": 7}, "multiple de --workers"),
        ({"connections": 200}, "100 par processus"),
        ({"smtp": ["imap://127.0.0.1/"]}, "--smtp : "),
        ({"smtp": ["smtp://mail.example.org/"]}, "--outside"),
        ({"smtp": ["smtp://127.0.0.1/?connections=3"]}, "--connections"),
        ({"smtp": ["smtps://127.0.0.1/"], "compare": True}, "--compare"),
        ({"smtp": ["smtp://127.0.0.1/", "smtp://127.0.0.1:26/"], "compare": True}, "--compare"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_option_to_mend(plan: dict[str, Any], told: str) -> None:
    with pytest.raises(BenchError, match=told):
        dataclasses.replace(GOOD.plan, **plan).check(outside=False)


def test_a_server_elsewhere_needs_a_word_of_its_own() -> None:
    dataclasses.replace(GOOD.plan, smtp=["smtp://mail.example.org/"]).check(outside=True)


@pytest.mark.parametrize("size", [3_000, 13_000, 16_000, 30_000, 50_000, 100_000, 300_000])
def test_a_mail_has_the_size_that_is_asked_for(size: int) -> None:
    _, compiled = letter.compose(size, TEMPLATES, now=NOW)
    assert letter.weight(compiled) == pytest.approx(size, rel=letter.TOLERANCE)
    assert {"to", "message_id", "unsubscribe_url"} <= compiled.holes


def test_a_size_that_no_mail_has_is_refused() -> None:
    with pytest.raises(BenchError, match="le plus court"):
        letter.compose(500, TEMPLATES, now=NOW)


def test_cpu_time_of_descendants_counts_also_once_they_are_gone() -> None:
    before = meters.cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert meters.cpu_seconds(os.getpid()) - before >= 0.25


def test_the_memory_of_a_process_is_told_and_that_of_a_dead_one_is_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", "x = bytearray(50_000_000); input()"], stdin=subprocess.PIPE)
    try:
        while (found := meters.memory_mb(process.pid)) < 50 and process.poll() is None:
            pass
        assert process.pid in meters.tree(os.getpid())
        assert 50 < found < 100
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
    assert meters.memory_mb(process.pid) == 0


def test_figures_of_a_good_run() -> None:
    data = GOOD.data()
    assert GOOD.faults() == []
    assert (data["messages_per_second"], data["cpu_seconds"], data["peak_mb"]) == (5.0, 1.0, 60.0)
    assert (data["ratio_to_smtp_source"], data["ratio_to_plain"]) == (0.5, None)
    assert data["cpu_ms_per_message"] == {"workers": 100.0, "database": None, "sink": 500.0}


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (dataclasses.replace(GOOD, counted=Taken(11, 11, 10, 10)), "1 message(s) en double"),
        (dataclasses.replace(GOOD, counted=Taken(9, 9, 9, 9)), "1 personne(s) sans message"),
        (dataclasses.replace(GOOD, counted=Taken(10, 10, 10, 9)), "9 Message-ID pour 10 personnes"),
        (dataclasses.replace(GOOD, counted=Taken(10, 4, 10, 10)), "4 message(s) signé(s) sur 10"),
        (dataclasses.replace(GOOD, checked=dataclasses.replace(ALL, sent=9, unknown=1)), "incertains 1"),
    ],
)
def test_figures_of_a_run_in_which_not_everything_arrived_once_do_not_count(report: Report, told: str) -> None:
    (fault,) = report.faults()
    assert told in fault
