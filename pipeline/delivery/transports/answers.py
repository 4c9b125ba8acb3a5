"""What an API's answer means for one message (RFC 9110 status codes → verdicts)."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import Any

from anymail import exceptions
from anymail.message import AnymailStatus
from requests import RequestException

from pipeline.delivery.envelope import Envelope, Outcome, withheld
from pipeline.delivery.transports.base import TransportUnavailable
from pipeline.delivery.transports.fitness import local_refusal
from pipeline.delivery.transports.providers import Account
from pipeline.delivery.transports.replies import plain

# The words by which providers blame the recipient rather than the message: Brevo, Mailgun, Mailjet, SparkPost.
_RECIPIENT = re.compile(
    r"not valid in to\b|\bto\b\W{1,3}parameter is not a valid|\"To\[0\]|recipients? address|invalid recipient", re.I
)
_NOBODY_HOME = frozenset({401, 402, 403, 404, 405, 407})
_LATER = frozenset({408, 425, 429, 503})
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """``pause``: the provider said « later », so many seconds; ``failure``: it takes nothing from us for now."""

    outcome: Outcome
    pause: float | None = None
    failure: TransportUnavailable | None = None


def accepted(account: Account, envelope: Envelope, status: AnymailStatus) -> Answer:
    """The answer to a message that the API did not refuse as a whole."""
    title, words = account.provider.title, f"{status.message_id or ''}"
    if status.status and status.status <= {"sent", "queued"}:
        return Answer(Outcome(envelope.key, "sent", 250, "2.0.0", plain(f"{title} : {words}"), "dot"))
    code = getattr(status.esp_response, "status_code", 0)
    if "failed" in (status.status or ()):
        return _by_status(account, envelope, code if code >= 400 else 400, status.esp_response)
    return Answer(_unknown(envelope, f"{title} ne dit pas si le message est pris"))


def failed(account: Account, envelope: Envelope, error: Exception, *, written: bool) -> Answer:
    """The answer where the backend raised ``error``. ``written``: the request may have reached the provider."""
    title = account.provider.title
    if isinstance(error, exceptions.AnymailRecipientsRefused):
        return Answer(_refused_recipient(account, envelope, error))
    status = getattr(error, "status_code", None)
    if status:
        return _by_status(account, envelope, status, getattr(error, "response", None))
    if isinstance(error, exceptions.AnymailInvalidAddress):
        return Answer(local_refusal(envelope, 553, "5.1.3", plain(f"{title} : {error.args[0]}")))
    if isinstance(error, exceptions.AnymailError) and not isinstance(error, RequestException):
        return Answer(
            local_refusal(envelope, 554, "5.6.0", plain(f"{title} : {error.args[0] if error.args else error}"))
        )
    if written:
        return Answer(_unknown(envelope, f"{title} : réponse perdue ({_cause(error)})"))
    why = TransportUnavailable(f"{title} ne répond pas ({_cause(error)}).", temporary=not _is_certificate(error))
    return Answer(withheld(envelope, str(why)), failure=why)


def _by_status(account: Account, envelope: Envelope, status: int, response: Any) -> Answer:
    title, said = account.provider.title, plain(str(getattr(response, "text", "")))
    words = plain(f"{title} : HTTP {status} {said}")
    if status in _NOBODY_HOME or 300 <= status < 400:
        why = TransportUnavailable(f"{title} refuse l’accès : HTTP {status} {said}."[:500], temporary=False)
        return Answer(withheld(envelope, words), failure=why)
    if status in _LATER:
        pause = _retry_after(response)
        return Answer(Outcome(envelope.key, "deferred", 451, "4.3.2", words, "data"), pause=pause)
    if status < 300 or status >= 500:
        # Between a gateway that gave up and a server that failed after it had queued the message, nobody can tell.
        return Answer(_unknown(envelope, words))
    if _RECIPIENT.search(said):
        return Answer(Outcome(envelope.key, "refused", 550, "5.1.3", words, "rcpt"))
    if status == 413:
        return Answer(Outcome(envelope.key, "refused", 552, "5.3.4", words, "data"))
    return Answer(Outcome(envelope.key, "refused", 554, "5.6.0", words, "data"))


def _refused_recipient(account: Account, envelope: Envelope, error: exceptions.AnymailRecipientsRefused) -> Outcome:
    """Anymail tells an address that is none (``invalid``) from one that the provider keeps a block on (``rejected``)."""
    status = getattr(error.email_message, "anymail_status", None)
    enhanced = "5.1.3" if status is not None and status.status == {"invalid"} else "5.1.0"
    said = getattr(error.response, "text", "")
    return Outcome(envelope.key, "refused", 550, enhanced, plain(f"{account.provider.title} : {said}"), "rcpt")


def _unknown(envelope: Envelope, text: str) -> Outcome:
    return Outcome(envelope.key, "unknown", 0, "", plain(text), "dot")


def _retry_after(response: Any) -> float:
    """Seconds, from the header of RFC 9110 §10.2.3; its other form, a date, counts as the longest pause."""
    value = getattr(response, "headers", {}).get("Retry-After", "1")
    return min(float(value), _LONGEST_PAUSE) if value.isascii() and value.isdigit() else _LONGEST_PAUSE


def _cause(error: BaseException) -> str:
    """The innermost reason, without the address, which may hold what is nobody's business."""
    reason: BaseException = error
    while isinstance(inner := _inner(reason), BaseException):
        reason = inner
    return str(getattr(reason, "strerror", None) or reason.__class__.__name__)


def _inner(error: BaseException) -> object:
    reason = getattr(error, "reason", None)
    return error.__cause__ or (reason if isinstance(reason, BaseException) else None) or _argument(error)


def _argument(error: BaseException) -> object:
    return next((one for one in error.args if isinstance(one, BaseException)), None)


def _is_certificate(error: BaseException) -> bool:
    reason: object = error
    while isinstance(reason, BaseException):
        if isinstance(reason, ssl.SSLCertVerificationError):
            return True
        reason = _inner(reason)
    return False
