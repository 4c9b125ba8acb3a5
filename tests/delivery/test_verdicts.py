"""What replies mean: the registry's codes, the providers' own, and words alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import verdicts
from pipeline.delivery.envelope import Outcome, Stage, Verdict
from pipeline.delivery.transports.replies import Reply


def said(line: str, stage: Stage = "rcpt") -> str:
    """What a server's line means at a stage, read as the transport reads it."""
    reply = Reply(int(line[:3]), (line[4:].encode(),))

    class Anyone:
        key = 1

    return verdicts.meaning(reply.outcome(Anyone(), stage))  # type: ignore[arg-type]


# IANA « SMTP Enhanced Status Codes »: the registry's own words stand for the server's, which must not change the verdict.
REGISTRY: list[tuple[str, str, str]] = [
    ("5.1.1", "Bad destination mailbox address", "dead"),
    ("5.1.2", "Bad destination system address", "dead"),
    ("5.1.3", "Bad destination mailbox address syntax", "dead"),
    ("5.1.4", "Destination mailbox address ambiguous", "dead"),
    ("5.1.6", "Destination mailbox has moved, No forwarding address", "dead"),
    ("5.1.7", "Bad sender's mailbox address syntax", "blocked"),
    ("5.1.8", "Bad sender's system address", "blocked"),
    ("5.1.10", "Recipient address has null MX", "dead"),
    ("5.2.0", "Other or undefined mailbox status", "filtered"),
    ("5.2.1", "Mailbox disabled, not accepting messages", "dead"),
    ("5.2.2", "Mailbox full", "full"),
    ("5.2.3", "Message length exceeds administrative limit", "filtered"),
    ("5.2.4", "Mailing list expansion problem", "filtered"),
    ("5.3.0", "Other or undefined mail system status", "filtered"),
    ("5.3.1", "Mail system full", "filtered"),
    ("5.3.2", "System not accepting network messages", "filtered"),
    ("5.3.3", "System not capable of selected features", "filtered"),
    ("5.3.5", "System incorrectly configured", "filtered"),
    ("5.4.0", "Other or undefined network or routing status", "filtered"),
    ("5.4.1", "No answer from host", "filtered"),
    ("5.4.4", "Unable to route", "dead"),
    ("5.4.6", "Routing loop detected", "filtered"),
    ("5.4.7", "Delivery time expired", "filtered"),
    ("5.6.7", "Non-ASCII addresses not permitted for that sender/recipient", "filtered"),
    ("5.7.2", "Mailing list expansion prohibited", "filtered"),
    ("5.7.17", "Mailbox owner has changed", "dead"),
    ("5.7.18", "Domain owner has changed", "dead"),
    ("5.7.25", "Reverse DNS validation failed", "blocked"),
    ("5.7.27", "Sender address has null MX", "blocked"),
]


@pytest.mark.parametrize(("code", "words", "meaning"), REGISTRY)
def test_a_registered_code_at_rcpt_says_whom_it_speaks_of(code: str, words: str, meaning: str) -> None:
    assert said(f"550 {code} {words}") == meaning


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("552 5.3.4 Message too big for system", "content"),
        ("554 5.6.0 Other or undefined media error", "content"),
        ("554 5.6.1 Media not supported", "content"),
        ("554 5.6.3 Conversion required but not supported", "content"),
        ("554 5.7.0 Other or undefined security status", "policy"),
        ("554 5.7.1 Delivery not authorized", "filtered"),
        ("550 5.7.7 Message integrity failure", "content"),
        ("550 5.7.15 Priority level is too low", "policy"),
        ("550 5.7.20 No passing DKIM signature found", "policy"),
        ("550 5.7.23 SPF validation failed", "policy"),
        ("550 5.7.26 Multiple authentication checks failed", "policy"),
        ("550 5.7.28 Mail flood detected", "policy"),
        ("550 5.7.29 ARC validation failure", "policy"),
        ("550 5.7.30 REQUIRETLS support required", "policy"),
        ("550 5.1.1 No such user", "dead"),  # a proxy that learns of it only now
        ("552 5.2.2 Mailbox full", "full"),
        ("554 no", "content"),
    ],
)
def test_a_refusal_at_the_dot_speaks_of_us_or_of_the_message_unless_its_code_says_otherwise(
    line: str, meaning: str
) -> None:
    assert said(line, "dot") == meaning


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("550 5.1.8 Bad sender's system address", "policy"),
        ("550 5.7.1 no", "policy"),
        ("550 5.7.27 Sender address has null MX", "policy"),
        ("530 5.7.0 Authentication required", "policy"),
        ("535 5.7.8 Authentication credentials invalid", "policy"),
        ("550 unknown user kit@example.org", "policy"),  # the sender: nobody else was named yet
        ("552 5.3.4 Message too big for system", "content"),
        ("552 message exceeds fixed maximum message size", "content"),
        ("550 5.6.7 Non-ASCII addresses not permitted", "filtered"),
    ],
)
def test_before_a_recipient_is_named_a_refusal_never_speaks_of_one(line: str, meaning: str) -> None:
    assert said(line, "mail") == meaning


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("554 5.7.1 <a@b.fr>: Relay access denied", "blocked"),
        ("554 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org", "blocked"),
        ("550 5.7.1 <kit@x.org>: Sender address rejected: Domain not found", "blocked"),
        ("554 5.7.1 <mx.x.org[192.0.2.1]>: Client host rejected: cannot find your hostname", "blocked"),
        ("550 5.7.1 Your message was rejected as spam", "blocked"),
        ("550 5.7.1 Recipient not authorized, your message was not delivered", "filtered"),
        ("554 5.7.1 <a@b.fr>: Recipient address rejected: Access denied", "filtered"),
        ("550 5.7.1 RESOLVER.RST.AuthRequired; sender must be known", "filtered"),
        ("550 5.7.1 no", "filtered"),
        ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", "filtered"),
        ("550 5.7.511 Access denied, banned sender[192.0.2.1]", "blocked"),
        ("525 5.7.13 User Account Disabled", "dead"),
    ],
)
def test_571_at_rcpt_speaks_of_us_only_where_its_words_do(line: str, meaning: str) -> None:
    assert said(line) == meaning


@pytest.mark.parametrize(
    ("line", "stage", "meaning"),
    [
        ("550 5.1.1 h8z Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]", "rcpt", "dead"),
        ("552 5.1.1 hib Boite du destinataire pleine. Recipient overquota. OFR_417 [417]", "rcpt", "full"),
        ("550 5.5.0 Boite du destinataire archivee. Archived recipient. LPN007_420", "rcpt", "dead"),
        ("550 5.5.0 Le compte du destinataire est bloque. LPN007_426", "rcpt", "dead"),
        ("550 mwinf5c04 ME Adresse IP source bloquee pour incident de spam. OFR006_102", "rcpt", "blocked"),
        ("550 5.7.1 Service unavailable LPNAAA_101", "rcpt", "blocked"),
        ("501 5.1.0 Emetteur invalide. Invalid Sender. OFR004_405 [405]", "mail", "policy"),
        ("550 Mail rejete. Mail rejected. OFR_506 [506]", "dot", "content"),
        ("550 5.5.0 Service refuse. Veuillez essayer plus tard. LPN005_510", "dot", "policy"),
        ("571 5.7.1 Message refused, DMARC verification Failed. LPN007_517", "dot", "policy"),
        ("421 mwinf5c79 ME Trop de connexions, veuillez verifier. OFR005_104 [104]", "connect", "slow"),
        ("450 4.7.1 Client host rejected: Service refuse LPN027_503", "rcpt", "slow"),
        ("450 4.7.1 Service refused due to bad behavior SFR_IN_101", "rcpt", "slow"),
        ("550 spam detected", "dot", "content"),
        ("421 Too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/", "mail", "slow"),
        ("550 mailbox blocked due to inactivity", "rcpt", "dead"),
        ("550-5.1.1 The email account that you tried to reach does not exist. - gsmtp", "rcpt", "dead"),
        ("550 5.2.1 The email account that you tried to reach is disabled. - gsmtp", "rcpt", "dead"),
        ("552 5.2.2 The email account that you tried to reach is over quota. - gsmtp", "rcpt", "full"),
        ("452 4.2.2 The recipient's inbox is out of storage space - gsmtp", "rcpt", "full"),
        ("550 5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp", "dot", "policy"),
        ("550 5.7.1 This message violates example.com email policy. - gcdp x - gsmtp", "dot", "filtered"),
        ("421 4.7.28 Gmail has detected an unusual rate of mail - gsmtp", "dot", "slow"),
        ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", "rcpt", "slow"),
        ("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. (S3140)", "mail", "policy"),
        ("550 5.7.1 part of their network is on our block list (AS3150)", "rcpt", "blocked"),
        ("550 SC-001 (BAY004-MC4F49) Unfortunately, messages from 192.0.2.1 weren't sent", "rcpt", "blocked"),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "rcpt", "dead"),
        ("550 5.4.1 Recipient address rejected: Access denied.", "rcpt", "dead"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "rcpt", "dead"),
        ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS843)", "rcpt", "slow"),
        ("421 4.7.0 [TSS04] Messages temporarily deferred due to unexpected volume", "mail", "slow"),
        ("553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred", "rcpt", "blocked"),
        ("554 delivery error: dd This user doesn't have a yahoo.com account", "rcpt", "dead"),
        ("554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30).", "dot", "dead"),
        ("554 5.7.9 Message not accepted for policy reasons.", "dot", "policy"),
    ],
)
def test_the_great_providers_are_understood(line: str, stage: Stage, meaning: str) -> None:
    assert said(line, stage) == meaning


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("550 User unknown", "dead"),
        ("550 <a@b.fr>: Recipient address rejected: User unknown in relay recipient table", "dead"),
        ("550 No such user here", "dead"),
        ("550 Utilisateur inconnu", "dead"),
        ("550 Cette adresse n’existe pas", "dead"),
        ("550 User a not listed in Domino Directory", "dead"),
        ("550 La boîte de ce destinataire est pleine", "full"),
        ("550 5.1.1 mailbox is full", "full"),
        ("552 no", "full"),
        ("551 User not local; please try <b@c.fr>", "dead"),
        ("553 no", "dead"),
        ("556 no", "dead"),
        ("550 no", ""),
        ("554 no", ""),
    ],
)
def test_without_a_code_the_words_decide_and_a_bare_550_says_nothing(line: str, meaning: str) -> None:
    assert said(line) == meaning


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("450 4.2.0 <a@b.fr>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch", "greylist"),
        ("451 4.7.1 Greylisting in action, please come back later", "greylist"),
        ("450 4.7.1 Please try again later", "greylist"),
        ("451 Try again in 300 seconds", "greylist"),
        ("452 4.3.1 Insufficient system storage", "busy"),
        ("451 4.3.0 Temporary system problem", "busy"),
        ("450 4.1.1 <a@b.fr>: Recipient address rejected: unverified address", "busy"),
        ("421 4.4.2 Timeout", "busy"),
        ("421 Too many connections", "slow"),
        ("422 the recipient is over quota", "full"),
    ],
)
def test_what_is_temporary_says_how_long_to_wait(line: str, meaning: str) -> None:
    assert said(line) == meaning


@pytest.mark.parametrize("verdict", ["sent", "unknown", "withheld"])
def test_what_nobody_refused_means_nothing(verdict: Verdict) -> None:
    assert verdicts.meaning(Outcome(1, verdict, 250, "2.0.0", "mailbox full, spam, user unknown", "dot")) == ""


def test_a_lost_connection_before_the_dot_means_nothing() -> None:
    assert verdicts.meaning(Outcome(1, "deferred", 0, "", "connexion perdue", "data")) == ""


@pytest.mark.parametrize(
    ("code", "enhanced", "meaning"),
    [(553, "5.1.3", "dead"), (553, "5.1.7", "policy"), (552, "5.3.4", "content"), (553, "5.6.7", "filtered")],
)
def test_what_we_refuse_ourselves_is_judged_alike(code: int, enhanced: str, meaning: str) -> None:
    assert verdicts.meaning(Outcome(1, "refused", code, enhanced, "", "")) == meaning


STAGES = st.sampled_from(["", "connect", "mail", "rcpt", "data", "dot"])
DETAILS = st.one_of(st.just(""), st.builds("{}.{}".format, st.integers(0, 999), st.integers(0, 999)))
_SCRAPS = ("your", "account", "mailbox", "is", "full", "spam", "OFR_416", "quota", "not", "listed in", "boîte pleine")
TEXTS = st.one_of(st.text(max_size=500), st.lists(st.sampled_from(_SCRAPS), max_size=40).map(" ".join))


@given(st.integers(400, 499), DETAILS, TEXTS, STAGES)
def test_a_4xx_never_stops_a_mailing_and_never_condemns_an_address(
    code: int, detail: str, text: str, stage: Stage
) -> None:
    enhanced = f"4.{detail}" if detail else ""
    found = verdicts.meaning(Outcome(1, "deferred", code, enhanced, text, stage))
    assert found in ("full", "greylist", "slow", "busy")


@given(st.integers(500, 599), DETAILS, TEXTS, STAGES)
def test_every_5xx_has_a_meaning_that_fits_its_column_and_its_stage(
    code: int, detail: str, text: str, stage: Stage
) -> None:
    enhanced = f"5.{detail}" if detail else ""
    found = verdicts.meaning(Outcome(1, "refused", code, enhanced, text, stage))
    assert found in verdicts.WORDS
    assert len(found) <= 10
    assert found not in ("greylist", "slow", "busy")
    assert (stage == "rcpt") >= (found == "blocked")
    assert (stage != "rcpt") >= (found in ("policy", "content"))
