"""Who is owed which releases. A person has a release once they are on the list of a mailing that carries it, whatever became of the
message: that is what makes it come once over live mails, digests and catching up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Concat

from pipeline.audience.models import Subscription
from pipeline.delivery.models import Recipient
from pipeline.release.models import Carrying, Release


@dataclass(frozen=True, slots=True)
class Claim:
    """A release, and who is owed it as long as they do not have it: a condition on subscriptions."""

    release: Release
    who: Q


def sets(people: QuerySet[Subscription], claims: Sequence[Claim]) -> list[str]:
    """The distinct sets of releases that people are owed, the most frequent first: each a sign for every claim, in their order, ``1``
    where the release is owed (``"011"``). To be owed nothing is none of them."""
    owing = people.annotate(owed=_marks(claims)).exclude(owed=nothing(claims)).order_by()
    counted = owing.values("owed").annotate(count=Count("pk")).order_by("-count", "owed")
    return list(counted.values_list("owed", flat=True))


def those(people: QuerySet[Subscription], claims: Sequence[Claim], marks: Collection[str]) -> QuerySet[Subscription]:
    """Who of them is owed exactly one of these sets."""
    return people.annotate(owed=_marks(claims)).filter(owed__in=marks)


def nothing(claims: Sequence[Claim]) -> str:
    """The set of who has everything."""
    return "0" * len(claims)


def _marks(claims: Sequence[Claim]) -> Concat:
    signs = [
        Case(When(claim.who & ~Exists(_having(claim.release)), then=Value("1")), default=Value("0")) for claim in claims
    ]
    return Concat(Value(""), Value(""), *signs, output_field=CharField())


def _having(release: Release) -> QuerySet[Recipient]:
    carriers = Carrying.objects.filter(release=release).values("mailing")
    return Recipient.objects.filter(mailing__in=carriers, person=OuterRef("person_id"))
