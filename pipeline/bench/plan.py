"""What a bench is asked for, and what it refuses to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pipeline.bench.children import BenchError
from pipeline.delivery.transports.connection import is_loopback
from pipeline.delivery.transports.servers import Server, TransportUrlError, parse_smtp_url


@dataclass(frozen=True, slots=True)
class Plan:
    """``size`` in bytes; ``connections`` of all ``workers`` together; ``smtp``: the servers' URLs, none for a sink of our own."""

    recipients: int
    size: int
    connections: int
    workers: int
    smtp: Sequence[str]
    compare: bool
    signed: bool

    def check(self, *, outside: bool) -> None:
        """Refuse what cannot be measured. ``outside`` permits servers that are not this machine.

        Raises:
            BenchError: it names the option and the mend.
        """
        if self.connections % self.workers:
            raise BenchError(
                f"--connections {self.connections} ne se partage pas entre {self.workers} processus : donner un multiple de --workers."
            )
        each = self.connections // self.workers
        try:
            parse_smtp_url(f"smtp://localhost/?connections={each}")
        except TransportUrlError as error:
            raise BenchError(f"--connections {self.connections}, soit {each} par processus. {error}") from error
        servers = [_server(url, outside=outside) for url in self.smtp]
        plain = len(servers) == 1 and servers[0].tls in ("auto", "none") and not servers[0].user
        if servers and self.compare and not plain:
            raise BenchError("--compare : les concurrents parlent à un seul serveur, sans TLS ni mot de passe.")


def _server(url: str, *, outside: bool) -> Server:
    try:
        server = parse_smtp_url(url)
    except TransportUrlError as error:
        raise BenchError(f"--smtp : {error}") from error
    if "connections" in dict(parse_qsl(urlsplit(url).query)):
        raise BenchError("--smtp : l’option « connections » se donne ici par --connections, pour tous les processus.")
    if not is_loopback(server.host) and not outside:
        raise BenchError(
            f"--smtp : « {server.host} » n’est pas cette machine, et les mails iraient à des personnes inventées de "
            "example.org. Si ce serveur ne les relaie à personne, ajouter --outside."
        )
    return server
