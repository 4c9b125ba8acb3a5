"""What two DKIM signatures cost, beside what `openssl speed` gives for the two in the same run.

Run by hand on a machine that does nothing else: ``.venv/bin/python -m tests.benchmarks.signing``. Rounds alternate; told is the
median of their ratios, and the costs of that round. 1.3 is the most that it may be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.compose import newsletters, samples
from pipeline.delivery import dkim
from tests.keys import write_keys

ROUNDS, MESSAGES = 7, 1500


def openssl() -> float:
    """Seconds that one signature of each kind takes."""
    done = subprocess.run(
        ["openssl", "speed", "-mr", "-seconds", "1", "rsa2048", "ed25519"], capture_output=True, text=True, check=True
    )
    # -mr prints `+F2:…:bits:signatures a second:…` for RSA and `+F6:…:bits:curve:signatures a second:…` for Ed25519.
    lines = [line.split(":") for line in done.stdout.splitlines() if line.startswith(("+F2:", "+F6:"))]
    return sum(1 / float(line[3 if line[0] == "+F2" else 4]) for line in lines)


def ours(signer: dkim.Signer, messages: list[bytes]) -> float:
    """CPU seconds a message with its signatures takes."""
    started = time.process_time()
    for message in messages:
        signer.sign(message, at=1_579_680_000)
    return (time.process_time() - started) / len(messages)


def main() -> None:
    letter = samples.letter("release", 2)
    mail = newsletters.compose(letter, Path(__file__).resolve().parents[2] / "emails")
    messages = [
        mail.render(
            dict.fromkeys(mail.holes, f"https://kit.example.org/{n}/")
            | {"to": f"a{n}@example.org", "message_id": f"<{n}@x.org>"}
        )
        for n in range(MESSAGES)
    ]
    domain = letter.season.publisher.sender_address.rpartition("@")[2]
    with tempfile.TemporaryDirectory() as folder:
        write_keys(Path(folder))
        signer = dkim.load(Path(folder), domain)
        rounds = [(openssl(), ours(signer, messages)) for _ in range(ROUNDS)]
    least, cost = sorted(rounds, key=lambda pair: pair[1] / pair[0])[ROUNDS // 2]
    sys.stdout.write(
        f"{len(messages[0])} octets ; openssl speed : {least * 1e6:.0f} µs ; signer : {cost * 1e6:.0f} µs "
        f"({1 / cost:.0f}/s) ; rapport {cost / least:.2f}\n"
    )


if __name__ == "__main__":
    main()
