"""A real DNS server on loopback, UDP and TCP, with the records that a test gives it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], list[str]]
"""(name, type) → what its records hold, as a zone's file has it."""
_LARGEST_DATAGRAM = 512


class DnsServer:
    """``zone`` may be changed while it runs; a name of ``broken`` is answered with SERVFAIL, one of ``lost`` not at all.
    ``asked`` collects (name, type, over TCP)."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.broken: set[str] = set()
        self.lost: set[str] = set()
        self.asked: list[tuple[str, str, bool]] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, tcp))
        if name in self.lost:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        held = self.zone.get((name, kind))
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif held:
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, held))
        elif not any(name in (one, f"{one}.") for one, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        whole = response.to_wire()
        if not tcp and len(whole) > _LARGEST_DATAGRAM:
            response.answer.clear()
            response.flags |= dns.flags.TC
            whole = response.to_wire()
        return whole


@contextlib.contextmanager
def serve(zone: Zone) -> Iterator[DnsServer]:
    """Run a server for ``zone`` on a free port."""
    held = DnsServer(zone)

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            if response := held.answer(data, tcp=False):
                sock.sendto(response, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(2):
                response = held.answer(self.rfile.read(struct.unpack("!H", head)[0]), tcp=True)
                if response is None:
                    return
                self.wfile.write(struct.pack("!H", len(response)) + response)

    class Streams(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    for _ in range(20):
        udp = socketserver.UDPServer(("127.0.0.1", 0), Datagram)
        try:
            tcp = Streams(udp.server_address, Stream)
            break
        except OSError:
            udp.server_close()  # the port is another's for TCP
    else:
        raise AssertionError("no port is free for both UDP and TCP")
    held.port = udp.server_address[1]
    servers: tuple[socketserver.BaseServer, ...] = (udp, tcp)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield held
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


def nobody() -> str:
    """An address where no resolver listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"
