"""What a bench found: figures for machines (JSON), lines for people, and what makes them void."""

from __future__ import annotations

import dataclasses
import os
import platform
from dataclasses import dataclass
from typing import Any

from pipeline.bench import run
from pipeline.bench.plan import Plan
from pipeline.bench.run import Sent
from pipeline.bench.sinks import SinkKind, Taken
from pipeline.delivery.ledger import Tally


@dataclass(frozen=True, slots=True)
class Rivals:
    """Messages per second of something else, before and after the run; None where it was not measured."""

    before: float | None
    after: float | None

    @property
    def mean(self) -> float | None:
        return (self.before + self.after) / 2 if self.before and self.after else None


@dataclass(frozen=True, slots=True)
class Report:
    """One bench. ``sent`` gives the figures; ``checked`` and ``counted`` are of the run into the counting sink, ``counted`` None where
    a server was given, that we cannot ask."""

    plan: Plan
    database: str
    sink: SinkKind
    bytes: int
    sent: Sent
    checked: Tally
    counted: Taken | None
    source: Rivals
    plain: Rivals

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.sent.tally.sent / self.sent.seconds

    @property
    def cpu_seconds(self) -> float:
        """What the sending side used: workers, Redis, and the database server where it is ours; not the sink."""
        return sum(seconds or 0.0 for name, seconds in self.sent.cpu.items() if name != "sink")

    @property
    def duplicates(self) -> int | None:
        """Messages beyond the first to the same person."""
        return self.counted.messages - self.counted.recipients if self.counted else None

    @property
    def missing(self) -> int | None:
        """People for whom no message came."""
        return self.plan.recipients - self.counted.recipients if self.counted else None

    def faults(self) -> list[str]:
        """Why the figures do not count, in French; empty where everything arrived once."""
        wanted, found = self.plan.recipients, []
        for stands in dict.fromkeys((self.sent.tally, self.checked)):
            if stands.sent != wanted or stands.frozen != wanted:
                found.append(f"Tout n’est pas parti. {run.counts(stands)}")
        if self.counted is None:
            return found
        if self.duplicates or self.missing:
            found.append(
                f"Le puits a compté {self.duplicates} message(s) en double, {self.missing} personne(s) sans message."
            )
        if self.counted.ids != self.counted.recipients:
            found.append(f"{self.counted.ids} Message-ID pour {self.counted.recipients} personnes.")
        if self.plan.signed and self.counted.signed != self.counted.messages:
            found.append(f"{self.counted.signed} message(s) signé(s) sur {self.counted.messages}, malgré --signed.")
        return found

    def data(self) -> dict[str, Any]:
        """The report as JSON has it: rates in messages per second, memory in MB of 10⁶ bytes."""
        plan, sent = self.plan, self.sent
        quarter = max(1, len(sent.memory) // 4)
        per_message = {
            name: None if seconds is None else round(1000 * seconds / plan.recipients, 4)
            for name, seconds in sent.cpu.items()
        }
        return {
            "recipients": plan.recipients,
            "size": self.bytes,
            "connections": plan.connections,
            "workers": plan.workers,
            "database": self.database,
            "sink": self.sink,
            "signed": plan.signed,
            "freeze_seconds": round(sent.freeze_seconds, 3),
            "seconds": round(sent.seconds, 3),
            "messages_per_second": round(self.rate, 1),
            "first_messages_per_second": _rounded(sent.first_rate),
            "last_messages_per_second": _rounded(sent.last_rate),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "cpu_ms_per_message": per_message,
            "peak_mb": round(max(sent.memory), 1),
            "early_peak_mb": round(max(sent.memory[:quarter]), 1),
            "late_peak_mb": round(max(sent.memory[-quarter:]), 1),
            "duplicates": self.duplicates,
            "missing": self.missing,
            "tally": dataclasses.asdict(sent.tally),
            "smtp_source": dataclasses.asdict(self.source),
            "plain": dataclasses.asdict(self.plain),
            "ratio_to_smtp_source": _ratio(self.rate, self.source.mean),
            "ratio_to_plain": _ratio(self.rate, self.plain.mean),
            "first_ratio_to_smtp_source": _ratio(sent.first_rate, self.source.before),
            "last_ratio_to_smtp_source": _ratio(sent.last_rate, self.source.after),
            "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        }

    def lines(self) -> list[tuple[str, str]]:
        """What a person reads: a name and a value."""
        told = self.data()
        cpu = ", ".join(f"{name} {used:.3f}" for name, used in told["cpu_ms_per_message"].items() if used is not None)
        rows = [
            ("destinataires", f"{self.plan.recipients} × {self.bytes} octets, {self.database}, puits : {self.sink}"),
            ("liste figée en", f"{self.sent.freeze_seconds:.2f} s"),
            ("débit", f"{self.rate:.0f} messages/s, {self.plan.connections} connexions, {self.plan.workers} ouvriers"),
            ("processeur", f"{self.cpu_seconds:.1f} s ; ms par message : {cpu}"),
            ("mémoire", f"{max(self.sent.memory):.0f} Mo au plus par processus d’envoi (PSS)"),
        ]
        for name, rate, ratio in (
            ("les 10 000 premiers", self.sent.first_rate, told["first_ratio_to_smtp_source"]),
            ("les 10 000 derniers", self.sent.last_rate, told["last_ratio_to_smtp_source"]),
        ):
            if rate:
                rows.append((name, f"{rate:.0f} messages/s" + (f", {ratio:.2f} × smtp-source" if ratio else "")))
        for name, rival, key in (
            ("smtp-source", self.source, "ratio_to_smtp_source"),
            ("un EmailMultiAlternatives chacun", self.plain, "ratio_to_plain"),
        ):
            if rival.mean:
                rows.append((name, f"{rival.mean:.0f} messages/s ; rapport : {told[key]:.2f}"))
        if self.counted:
            rows.append(("comptés par le puits", f"{self.duplicates} en double, {self.missing} manquant(s)"))
        return rows


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return round(ours / theirs, 3) if ours and theirs else None
