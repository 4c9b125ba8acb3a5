"""Mails of the shapes that servers and people send back, written for these tests; what each means is decided from the RFCs.

``VERP`` stands for the signed return path, ``LEAVE`` for the unsubscribe token: a test fills them in.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from textwrap import dedent

VERP = "rebonds+b-00000001000000020123456789abcdef0123@retour.example.org"
LEAVE = "A" * 60
READER = "jeanne.martin@commune.example"


@dataclass(frozen=True)
class Sample:
    """A mail, whom our message had gone to, and what follows."""

    name: str
    raw: bytes
    kind: str
    meaning: str = ""
    enhanced: str = ""
    why: str = ""
    to: str = VERP
    address: str = READER


def mail(text: str) -> bytes:
    return dedent(text).lstrip("\n").replace("\n", "\r\n").encode()


RETURNED = """\
Return-Path: <VERP>
From: Carnet <carnet@essai.org>
To: jeanne.martin@commune.example
Subject: Carnet =?utf-8?q?n=C2=B0_1?=
Message-ID: <1.abc@essai.org>
List-Unsubscribe: <https://essai.org/desabonnement/LEAVE/>, <mailto:rebonds+quitter@retour.example.org?subject=unsubscribe%20LEAVE>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Bonjour.
"""


def dsn(
    head: str, words: str, status: str, *, status_type: str = "message/delivery-status", returned: str = RETURNED
) -> bytes:
    """A multipart/report of three parts (RFC 6522)."""
    return mail(
        dedent(head).strip("\n")
        + "\nTo: VERP\nMIME-Version: 1.0\n"
        + 'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n\n'
        + "--=_b\nContent-Type: text/plain; charset=utf-8\n\n"
        + dedent(words).strip("\n")
        + f"\n\n--=_b\nContent-Type: {status_type}\n\n"
        + dedent(status).strip("\n")
        + f"\n\n--=_b\nContent-Type: message/rfc822\n\n{returned}\n--=_b--\n"
    )


def arf(
    feedback: str, returned: str = RETURNED, *, head: str = "From: <fbl@provider.example>", returned_head: str = ""
) -> bytes:
    """A feedback report (RFC 5965)."""
    return mail(
        dedent(head).strip("\n")
        + "\nTo: plaintes@retour.example.org\nSubject: complaint\nMIME-Version: 1.0\n"
        + 'Content-Type: multipart/report; report-type=feedback-report; boundary="=_f"\n\n'
        + "--=_f\nContent-Type: text/plain\n\nThis is an abuse report.\n\n"
        + "--=_f\nContent-Type: message/feedback-report\n\n"
        + dedent(feedback).strip("\n")
        + f"\n\n--=_f\nContent-Type: message/rfc822\n{returned_head}\n{returned}\n--=_f--\n"
    )


POSTFIX = """
    Return-Path: <>
    From: MAILER-DAEMON@mx.commune.example (Mail Delivery System)
    Subject: Undelivered Mail Returned to Sender
    Auto-Submitted: auto-replied
    Message-Id: <20310303.1@mx.commune.example>
    """
POSTFIX_STATUS = """
    Reporting-MTA: dns; mx.commune.example
    X-Postfix-Queue-ID: 4Zk1
    X-Postfix-Sender: rfc822; VERP
    Arrival-Date: Mon,  3 Mar 2031 09:00:03 +0100 (CET)

    Final-Recipient: rfc822; jeanne.martin@commune.example
    Original-Recipient: rfc822;jeanne.martin@commune.example
    Action: {action}
    Status: {status}
    Remote-MTA: dns; imap.commune.example
    Diagnostic-Code: smtp; {said}
    """


def postfix(status: str, said: str, *, action: str = "failed", head: str = POSTFIX) -> bytes:
    words = "This is the mail system at host mx.commune.example.\n\n<jeanne.martin@commune.example>: host said: " + said
    return dsn(head, words, POSTFIX_STATUS.format(action=action, status=status, said=said))


MAILBOXES = [
    Sample(
        "postfix, no such user",
        postfix(
            "5.1.1",
            "550 5.1.1 <jeanne.martin@commune.example>: Recipient address rejected: User unknown in virtual mailbox table",
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "postfix, mailbox full",
        postfix("5.2.2", "552 5.2.2 <jeanne.martin@commune.example>: Quota exceeded"),
        "soft",
        "full",
        "5.2.2",
    ),
    Sample("postfix, full for a time", postfix("4.2.2", "452 4.2.2 Mailbox full"), "soft", "full", "4.2.2"),
    Sample(
        "postfix, gave up after days",
        postfix("4.4.1", "connect to imap.commune.example[192.0.2.7]:25: Connection timed out"),
        "soft",
        "busy",
        "4.4.1",
    ),
    Sample(
        "postfix, refused for policy",
        postfix("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.example"),
        "soft",
        "blocked",
        "5.7.1",
    ),
    Sample(
        "postfix, message too big",
        postfix("5.3.4", "552 5.3.4 Message size exceeds fixed limit"),
        "soft",
        "content",
        "5.3.4",
    ),
    Sample(
        "postfix, null MX",
        postfix("5.1.10", "Domain commune.example does not accept mail (nullMX)"),
        "hard",
        "dead",
        "5.1.10",
    ),
    Sample("postfix, disabled mailbox", postfix("5.2.1", "550 5.2.1 The account is disabled"), "hard", "dead", "5.2.1"),
    Sample(
        "postfix, a failure that says nothing", postfix("5.0.0", "550 Requested action not taken"), "soft", "", "5.0.0"
    ),
    Sample(
        "postfix, delayed",
        postfix("4.4.1", "connect to imap.commune.example[192.0.2.7]:25: Connection refused", action="delayed"),
        "ignored",
        why="retard",
    ),
    Sample("success notification", postfix("2.1.5", "250 2.1.5 Delivered", action="delivered"), "ignored", why="remis"),
    Sample("relayed", postfix("2.0.0", "250 2.0.0 ok", action="relayed"), "ignored", why="relayé"),
    Sample(
        "expanded by a list", postfix("2.0.0", "250 2.0.0 ok", action="expanded"), "ignored", why="remis à une liste"
    ),
    Sample(
        "exim, whose status never says more than its class",
        dsn(
            """
            From: Mail Delivery System <Mailer-Daemon@mail.departement.example>
            Subject: Mail delivery failed: returning message to sender
            Auto-Submitted: auto-replied
            X-Failed-Recipients: jeanne.martin@commune.example
            """,
            "This message was created automatically by mail delivery software.",
            """
            Reporting-MTA: dns; mail.departement.example

            Action: failed
            Final-Recipient: rfc822;jeanne.martin@commune.example
            Status: 5.0.0
            Remote-MTA: dns; mx.commune.example
            Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
             550 5.1.1 double-checking the recipient's address
            """,
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "microsoft 365, recipient not found",
        dsn(
            """
            From: <postmaster@commune.onmicrosoft.example>
            Subject: Non remis : Carnet
            Auto-Submitted: auto-replied
            """,
            "Votre message pour jeanne.martin@commune.example n'a pas pu être remis.",
            """
            Reporting-MTA: dns;PR0P264MB0001.FRAP264.PROD.OUTLOOK.example
            Received-From-MTA: dns;envoi.essai.org
            Arrival-Date: Mon, 3 Mar 2031 08:00:04 +0000

            Final-Recipient: rfc822;Jeanne.MARTIN@Commune.example
            Action: failed
            Status: 5.1.10
            Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
            X-Display-Name: Jeanne MARTIN
            """,
        ),
        "hard",
        "dead",
        "5.1.10",
    ),
    Sample(
        "microsoft 365, unknown at its edge",
        postfix("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. [PR0P264.prod.outlook.example]"),
        "hard",
        "dead",
        "5.4.1",
    ),
    Sample(
        "exchange, not authorised",
        postfix("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup"),
        "soft",
        "filtered",
        "5.7.133",
    ),
    Sample(
        "gmail, no such account",
        dsn(
            """
            From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
            Auto-Submitted: auto-replied
            Subject: Delivery Status Notification (Failure)
            X-Failed-Recipients: jeanne.martin@commune.example
            """,
            "** Adresse introuvable **",
            """
            Reporting-MTA: dns; googlemail.example
            Arrival-Date: Mon, 03 Mar 2031 00:00:03 -0800 (PST)
            X-Original-Message-ID: <1.abc@essai.org>

            Final-Recipient: rfc822; jeanne.martin@commune.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. For more
             550 5.1.1 information, go to https://support.google.example/mail/?p=NoSuchUser - gsmtp
            Last-Attempt-Date: Mon, 03 Mar 2031 00:00:04 -0800 (PST)
            """,
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "orange, unknown address in French",
        postfix("5.1.1", "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "orange, too many connections",
        postfix("4.7.0", "421 Trop de connexions, veuillez verifier. Too many connections. OFR004_104 [104]"),
        "soft",
        "slow",
        "4.7.0",
    ),
    Sample(
        "orange, a full mailbox under the code of an unknown one",
        postfix("5.1.1", "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"),
        "soft",
        "full",
        "5.1.1",
    ),
    Sample(
        "postfix, greylisted until it gave up",
        postfix("4.2.0", "450 4.2.0 <jeanne.martin@commune.example>: Recipient address rejected: Greylisted"),
        "soft",
        "greylist",
        "4.2.0",
    ),
    Sample(
        "sender refused, whose words could be about a recipient",
        postfix("5.1.8", "550 5.1.8 <carnet@essai.org>: Sender address rejected: Domain not found"),
        "soft",
        "blocked",
        "5.1.8",
    ),
    Sample("free, only words", postfix("5.0.0", "550 spam detected"), "soft", "content", "5.0.0"),
    Sample(
        "several recipients behind an alias, one of them delivered",
        dsn(
            POSTFIX,
            "Two of three.",
            """
            Reporting-MTA: dns; mx.commune.example

            Final-Recipient: rfc822; un@commune.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550 5.1.1 User unknown

            Final-Recipient: rfc822; deux@commune.example
            Action: delivered
            Status: 2.1.5
            """,
        ),
        "ignored",
        why="remis",
    ),
    Sample(
        "several recipients, ours among them",
        dsn(
            POSTFIX,
            "Two.",
            """
            Reporting-MTA: dns; mx.commune.example

            Final-Recipient: rfc822; autre@commune.example
            Action: delayed
            Status: 4.4.1

            Final-Recipient: rfc822; jeanne.martin@commune.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550 5.1.1 User unknown
            """,
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "another address behind ours is dead",
        dsn(
            POSTFIX,
            "One.",
            """
            Reporting-MTA: dns; mx.ailleurs.example

            Final-Recipient: rfc822; ancienne@ailleurs.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550 5.1.1 User unknown
            """,
        ),
        "soft",
        "",
        "5.1.1",
    ),
    Sample(
        "an address in Unicode, escaped (RFC 6533)",
        dsn(
            POSTFIX,
            "Un.",
            r"""
            Reporting-MTA: dns; mx.commune.example

            Final-Recipient: utf-8; \x{E9}lodie@commune.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550 5.1.1 Utilisatrice inconnue
            """,
        ),
        "hard",
        "dead",
        "5.1.1",
        address="Élodie@commune.example",
    ),
    Sample(
        "an address in Unicode, as it stands",
        dsn(
            POSTFIX,
            "Un.",
            """
            Reporting-MTA: dns; mx.commune.example

            Final-Recipient: utf-8; élodie@commune.example
            Action: failed
            Status: 5.1.1
            """,
            status_type="message/global-delivery-status",
        ),
        "hard",
        "dead",
        "5.1.1",
        address="élodie@commune.example",
    ),
    Sample(
        "a bounce of a bounce",
        dsn(
            POSTFIX,
            "Double.",
            POSTFIX_STATUS.format(action="failed", status="5.1.1", said="550 5.1.1 User unknown"),
            returned=(
                "Return-Path: <>\nFrom: MAILER-DAEMON@ailleurs.example\nSubject: Undelivered\n"
                'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\n\n--x--\n'
            ),
        ),
        "ignored",
        why="rapport sur un rapport",
    ),
    Sample(
        "a report about nobody",
        dsn(POSTFIX, "Rien.", "Reporting-MTA: dns; mx.commune.example"),
        "ignored",
        why="rapport sans destinataire",
    ),
    Sample(
        "the status part encoded",
        mail(
            """
            From: postmaster@commune.example
            Content-Type: multipart/report; report-type=delivery-status; boundary="b"

            --b
            Content-Type: message/delivery-status
            Content-Transfer-Encoding: base64

            UmVwb3J0aW5nLU1UQTogZG5zOyBteC5jb21tdW5lLmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDog
            cmZjODIyOyBqZWFubmUubWFydGluQGNvbW11bmUuZXhhbXBsZQpBY3Rpb246IGZhaWxlZApTdGF0
            dXM6IDUuMS4xCg==
            --b--
            """
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
]

OLD_FORMS = [
    Sample(
        "exim of old, without a report",
        mail(
            """
            From: Mail Delivery System <Mailer-Daemon@mail.departement.example>
            To: VERP
            Subject: Mail delivery failed: returning message to sender
            Auto-Submitted: auto-replied
            X-Failed-Recipients: jeanne.martin@commune.example

            This message was created automatically by mail delivery software.

            A message that you sent could not be delivered to one or more of its
            recipients. This is a permanent error. The following address(es) failed:

              jeanne.martin@commune.example
                SMTP error from remote mail server after RCPT TO:<jeanne.martin@commune.example>:
                host mx.commune.example [192.0.2.7]: 550 5.1.1 User unknown
            """
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "qmail",
        mail(
            """
            From: MAILER-DAEMON@mail.vieux.example
            To: VERP
            Subject: failure notice

            Hi. This is the qmail-send program at mail.vieux.example.
            I'm afraid I wasn't able to deliver your message to the following addresses.
            This is a permanent error; I've given up. Sorry it didn't work out.

            <jeanne.martin@commune.example>:
            Sorry, no mailbox here by that name. (#5.1.1)

            --- Below this line is a copy of the message.

            Return-Path: <VERP>
            """
        ),
        "hard",
        "dead",
        "5.1.1",
    ),
    Sample(
        "qmail, about another address",
        mail(
            """
            From: MAILER-DAEMON@mail.vieux.example
            To: VERP
            Subject: failure notice

            Hi. This is the qmail-send program at mail.vieux.example.
            I'm afraid I wasn't able to deliver your message to the following addresses.
            This is a permanent error; I've given up. Sorry it didn't work out.

            <ancienne@ailleurs.example>:
            Sorry, no mailbox here by that name. (#5.1.1)
            """
        ),
        "soft",
        "",
        "5.1.1",
    ),
    Sample(
        "a server's mail in no known form",
        mail("From: postmaster@commune.example\nTo: VERP\nSubject: Maintenance\n\nNous changeons de serveur.\n"),
        "ignored",
        why="rapport d’un format inconnu",
    ),
]

COMPLAINTS = [
    Sample(
        "yahoo",
        arf(
            """
            Feedback-Type: abuse
            User-Agent: Yahoo!-Mail-Feedback/2.0
            Version: 0.1
            Original-Mail-From: <VERP>
            Original-Rcpt-To: jeanne.martin@commune.example
            Received-Date: Mon, 03 Mar 2031 08:01:00 +0000
            Reported-Domain: essai.org
            """
        ),
        "complaint",
    ),
    Sample(
        "signal spam, the mail encoded and the reader blanked",
        arf(
            """
            Feedback-Type: abuse
            User-Agent: SignalSpam-FBL/1.0
            Version: 1
            Source-IP: 192.0.2.1
            Original-Rcpt-To: x@x.example
            """,
            returned=base64.encodebytes(
                RETURNED.replace("jeanne.martin@commune.example", "x@x.example").encode()
            ).decode(),
            returned_head="Content-Transfer-Encoding: base64\n",
        ),
        "complaint",
    ),
    Sample(
        "outlook's junk mail reporting, without a feedback part",
        mail(
            """
            From: staff@hotmail.example
            To: plaintes@retour.example.org
            Subject: complaint about message from 192.0.2.1
            MIME-Version: 1.0
            Content-Type: multipart/mixed; boundary="j"

            --j
            Content-Type: message/rfc822

            X-HmXmrOriginalRecipient: jeanne.martin@commune.example
            """
        )
        + RETURNED.replace("\n", "\r\n").encode()
        + b"--j--\r\n",
        "complaint",
    ),
    Sample("a phishing report", arf("Feedback-Type: fraud\nUser-Agent: X/1\nVersion: 1"), "complaint"),
    Sample("a reader who wants out", arf("Feedback-Type: opt-out\nUser-Agent: X/1\nVersion: 1"), "unsubscribe"),
    Sample(
        "a complaint taken back",
        arf("Feedback-Type: not-spam\nUser-Agent: X/1\nVersion: 1"),
        "ignored",
        why="rapport « not-spam »",
    ),
    Sample(
        "a virus scanner's",
        arf("Feedback-Type: virus\nUser-Agent: X/1\nVersion: 1"),
        "ignored",
        why="rapport « virus »",
    ),
    Sample(
        "a DMARC failure",
        arf("Feedback-Type: auth-failure\nUser-Agent: X/1\nVersion: 1"),
        "ignored",
        why="rapport « auth-failure »",
    ),
]


def answer(subject: str, more: str = "", body: str = "Je suis absente jusqu'au 10 mars.") -> bytes:
    return mail(f"From: Jeanne Martin <jeanne.martin@commune.example>\nTo: VERP\nSubject: {subject}\n{more}\n{body}\n")


ROBOTS = [
    Sample(
        "absence, in French",
        answer("Absence du bureau Re: Carnet", "Auto-Submitted: auto-replied\n"),
        "ignored",
        why="absence",
    ),
    Sample(
        "absence, encoded",
        answer("=?utf-8?b?UsOpcG9uc2UgYXV0b21hdGlxdWUgOiBDYXJuZXQ=?=", "X-Auto-Response-Suppress: All\n"),
        "ignored",
        why="absence",
    ),
    Sample(
        "absence, in English",
        answer("Out of Office: Carnet", body="I am away. User unknown in my absence."),
        "ignored",
        why="absence",
    ),
    Sample(
        "automatic reply of Exchange",
        answer("Automatic reply: Carnet", "Auto-Submitted: auto-generated\n"),
        "ignored",
        why="absence",
    ),
    Sample(
        "vacation of old",
        answer("Re: Carnet", "Precedence: bulk\nX-Autoreply: yes\n"),
        "ignored",
        why="réponse automatique",
    ),
    Sample(
        "absence of a postmaster, with the words of a bounce",
        mail(
            "From: postmaster@commune.example\nTo: VERP\nSubject: Absent\n\n<jeanne.martin@commune.example>: user unknown\n"
        ),
        "ignored",
        why="absence",
    ),
    Sample(
        "a filter that asks who we are",
        answer("Mailinblack : demande d'authentification"),
        "ignored",
        why="demande d’authentification",
    ),
    Sample("a filter of old", answer("Your mail", "X-Boxtrapper: aAbB\n"), "ignored", why="demande d’authentification"),
    Sample(
        "a person",
        answer("Re: Carnet", body="Merci pour cet envoi. Delivery failed? Non, bien reçu."),
        "ignored",
        why="ni rapport, ni plainte",
    ),
    Sample("a farewell", answer("Re: unsubscribe LEAVE"), "unsubscribe", to="rebonds+quitter@retour.example.org"),
    Sample(
        "a farewell without its token",
        answer("Stop"),
        "ignored",
        why="désinscription sans jeton",
        to="rebonds+quitter@retour.example.org",
    ),
]

ALL = [*MAILBOXES, *OLD_FORMS, *COMPLAINTS, *ROBOTS]


def filled(sample: Sample, *, verp: str = VERP, leave: str = LEAVE) -> bytes:
    """The mail with the signed texts in their places, within an encoded part too."""
    raw = sample.raw
    for mark, text in ((b"VERP", verp.encode()), (b"LEAVE", leave.encode())):
        raw = raw.replace(mark, text)
    if b"SignalSpam" in raw:
        head, mark, rest = raw.partition(b"Content-Transfer-Encoding: base64\r\n\r\n")
        body, end, tail = rest.partition(b"\r\n--=_f--")
        inner = base64.b64decode(body).replace(b"VERP", verp.encode()).replace(b"LEAVE", leave.encode())
        raw = head + mark + base64.encodebytes(inner) + end + tail
    return raw
