"""The mailbox that reports come to: a Maildir, and a real IMAP server over TLS."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError, connection

from pipeline.delivery.bounces import inbox, intake, report
from pipeline.delivery.bounces.box import BoxError
from pipeline.delivery.models import Bounce
from tests.audience.factories import NOW
from tests.delivery.bounces.factories import DEAD, FULL, posted, reader, sample
from tests.installation import free_port
from tests.packages import needs

# A door hands mails on: what follows from them is tested on both databases in test_records.
pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def now() -> dt.datetime:
    return NOW


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    return tmp_path / "box"


def file(maildir: Path, name: str, raw: bytes) -> None:
    (maildir / "new" / name).write_bytes(raw)


def test_a_maildir_is_read_once_and_its_mails_are_moved(maildir: Path) -> None:
    posting = posted(reader())
    file(maildir, "1.a", posting.mail(DEAD))
    file(maildir, "2.a", posting.mail(sample("absence, in French")))
    assert inbox.poll(f"maildir://{maildir}", now=now) == 2
    assert Bounce.objects.get().kind == "hard"
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.a:2,S", "2.a:2,S"]
    assert inbox.poll(f"maildir://{maildir}", now=now) == 0


def test_the_recipient_is_the_one_that_the_server_noted(maildir: Path) -> None:
    posting = posted(reader())
    raw = posting.mail(DEAD).replace(f"To: {posting.verp}".encode(), b"To: undisclosed-recipients:;", 1)
    assert report.addressees(raw) == []
    file(maildir, "1", raw)
    file(maildir, "2", f"X-Original-To: {posting.verp}\r\n".encode() + raw)
    assert inbox.poll(f"maildir://{maildir}", now=now) == 2
    assert Bounce.objects.count() == 1


def test_a_poll_that_was_killed_before_the_move_counts_nothing_twice(maildir: Path) -> None:
    posting = posted(reader())
    file(maildir, "1", posting.mail(FULL))
    inbox.poll(f"maildir://{maildir}", now=now)
    (maildir / "cur" / "1:2,S").rename(maildir / "new" / "1")
    assert inbox.poll(f"maildir://{maildir}", now=now) == 1
    assert Bounce.objects.count() == 1


def test_a_database_that_is_away_leaves_the_mail_where_it_is(maildir: Path) -> None:
    file(maildir, "1", posted(reader()).mail(DEAD))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE delivery_bounce RENAME TO delivery_bounce_away")
    try:
        with pytest.raises(DatabaseError):
            inbox.poll(f"maildir://{maildir}", now=now)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE delivery_bounce_away RENAME TO delivery_bounce")
    assert [path.name for path in (maildir / "new").iterdir()] == ["1"]


def test_a_poll_reads_a_bounded_batch_oldest_first(maildir: Path) -> None:
    for number in range(5):
        file(maildir, f"{number}", b"Subject: x\n\n")
    assert inbox.poll(f"maildir://{maildir}", now=now, most=3) == 3
    assert sorted(path.name for path in (maildir / "new").iterdir()) == ["3", "4"]
    assert inbox.poll(f"maildir://{maildir}", now=now, seconds=0) == 1


def test_a_mail_that_cannot_be_handled_keeps_no_other_waiting(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posting = posted(reader())
    file(maildir, "1", b"Subject: a fault of ours\n\n")
    file(maildir, "2", posting.mail(DEAD))
    take = intake.take

    def faulty(raw: bytes, addressees: list[str], *, now: dt.datetime) -> intake.Taken:
        if b"a fault of ours" in raw:
            raise ZeroDivisionError
        return take(raw, addressees, now=now)

    monkeypatch.setattr(intake, "take", faulty)
    assert inbox.poll(f"maildir://{maildir}", now=now) == 1
    assert Bounce.objects.count() == 1
    assert [path.name for path in (maildir / "new").iterdir()] == ["1"]


def test_a_folder_that_is_no_maildir_is_told_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"KIT_BOUNCES_URL.*new et cur"):
        inbox.poll(f"maildir://{tmp_path}/absent", now=now)


@dataclass(frozen=True)
class Dovecot:
    """A mailbox on a real server."""

    folder: Path
    port: int
    starttls: int

    def url(self, *, host: str = "localhost", password: str = "p%40ss", box: str = "", ca: bool = True) -> str:
        query = f"?ca={self.folder}/cert.pem" if ca else ""
        return f"imaps://rebonds:{password}@{host}:{self.port}/{box}{query}"

    def file(self, raw: bytes) -> None:
        path = self.folder / "home/Maildir/new" / f"{time.time_ns()}.x"
        path.write_bytes(raw)
        shutil.chown(path, "mail", "mail")


def certificate(folder: Path) -> None:
    """A self-signed certificate for ``localhost``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    )


CONFIGURATION = """\
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/home/Maildir
first_valid_uid = 1
auth_failure_delay = 0
passdb {{
  driver = static
  args = password=p@ss
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    needs("dovecot")
    if os.geteuid() != 0:
        pytest.skip("dovecot changes its user: needs root")
    folder, port, starttls = Path("/tmp") / f"dovecot-{os.getpid()}", free_port(), free_port()
    for name in ("", "run", "state", "home"):
        (folder / name).mkdir(mode=0o755)
    for name in ("new", "cur", "tmp"):
        (folder / "home/Maildir" / name).mkdir(parents=True)
    for path in (folder / "home", *(folder / "home").rglob("*")):
        shutil.chown(path, "mail", "mail")
    certificate(folder)
    (folder / "dovecot.conf").write_text(CONFIGURATION.format(folder=folder, port=port, starttls=starttls))
    server = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")])
    try:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.05)
        yield Dovecot(folder, port, starttls)
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def test_an_imap_mailbox_is_read_once_and_marked_seen(dovecot: Dovecot) -> None:
    posting = posted(reader())
    for number in range(3):
        dovecot.file(posting.mail(FULL, again=f"report {number}"))
    assert inbox.poll(dovecot.url(), now=now, most=2) == 2
    by_starttls = dovecot.url().replace("imaps:", "imap:").replace(str(dovecot.port), str(dovecot.starttls))
    assert inbox.poll(by_starttls, now=now) == 1
    assert inbox.poll(dovecot.url(), now=now) == 0
    assert Bounce.objects.count() == 3


def test_an_imap_server_that_is_not_whom_it_should_be_is_not_trusted(dovecot: Dovecot) -> None:
    with pytest.raises(BoxError, match=r"certificat.*ca=FICHIER"):
        inbox.poll(dovecot.url(ca=False), now=now)
    with pytest.raises(BoxError, match="certificat"):
        inbox.poll(dovecot.url(host="127.0.0.1"), now=now)


def test_what_an_imap_server_refuses_is_told_without_the_password(dovecot: Dovecot) -> None:
    for url in (dovecot.url(password="faux"), dovecot.url(box="absente")):
        with pytest.raises(BoxError, match="KIT_BOUNCES_URL") as told:
            inbox.poll(url, now=now)
        assert "faux" not in str(told.value)
        assert "ss@" not in str(told.value)
    with pytest.raises(BoxError, match=r"« ca=/absent »"):
        inbox.poll("imaps://a:b@localhost/?ca=/absent", now=now)
