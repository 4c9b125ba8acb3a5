"""What the API takes and gives. What a season has to say of a value is asked of :mod:`pipeline.audience.asking`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, TypeAlias

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from pipeline.audience.models import NAME_LENGTH
from pipeline.audience.wishes import Profile

DEPARTMENTS_PATTERN = "0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|97[12346]"
"""All of :data:`pipeline.audience.departments.DEPARTMENTS` and no other: the document need not list a hundred."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> dt.date | None:
    """RFC 3339 ``full-date``, and no other of the forms that pydantic takes for a date."""
    if value is None:
        return None
    try:
        if _DAY.fullmatch(value):
            return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise PydanticCustomError("date", "no date")


Rhythm: TypeAlias = Literal["each", "monthly"]
Name: TypeAlias = Annotated[str, Field(max_length=80)]
"""An identifier that the season's file declares."""
Line: TypeAlias = Annotated[str, Field(max_length=NAME_LENGTH)]
Department: TypeAlias = Annotated[
    str, Field(description="Code of the INSEE, or empty.", json_schema_extra={"pattern": f"^({DEPARTMENTS_PATTERN})?$"})
]
Token: TypeAlias = Annotated[str, Field(min_length=1, max_length=500, description="What stands in a mail's link.")]


class Body(Schema):
    """What is sent. A field that nobody knows is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid")


class ProfileIn(Body):
    """Who somebody says they are; what is left out is not said, or stays as it is."""

    name: Line = ""
    organisation: Line = ""
    role: Annotated[Name, Field(description="One of the season's « roles », or empty.")] = ""
    territory: Annotated[Name, Field(description="One of the season's « territories », or empty.")] = ""
    department: Department = ""


class SubscriptionIn(Body):
    """A sign-up. The person was shown the season's « information » beforehand, in the version named."""

    email: str = Field(max_length=320)
    choice: Name = Field(description="One of the season's « choices ».")
    themes: list[Name] = Field([], max_length=100, description="Counts where the choice has « pick_themes ».")
    rhythm: Rhythm = "each"
    profile: ProfileIn = ProfileIn()
    information_version: str = Field(max_length=80, description="The version of the text that the person was shown.")


def place(field: str) -> str:
    """Where a field of a profile stands in a body; other fields stand at its top."""
    return f"profile.{field}" if field in ProfileIn.model_fields else field


class TokenIn(Body):
    token: Token


class PreferencesIn(Body):
    """What is to change; what is left out stays as it is."""

    choice: Name | None = None
    themes: list[Name] | None = Field(None, max_length=100)
    rhythm: Rhythm | None = None
    profile: ProfileIn | None = None
    paused_until: Annotated[dt.date | None, BeforeValidator(_day)] = Field(
        None, description="The day on which mails resume; null ends a pause now."
    )


class Received(Schema):
    """The same, whatever is known of the address."""

    status: Literal["received"] = "received"
    message: str = "La demande est enregistrée. Si l’adresse peut en recevoir, un mail y arrive dans un instant."


class Confirmed(Schema):
    status: Literal["active"] = "active"
    season: str


class TermOut(Schema):
    id: str
    label: str


class ChoiceOut(TermOut):
    pick_themes: bool = Field(description="True: the person picks themes of the season.")


class InformationOut(Schema):
    """What has to be shown beside a sign-up form (RGPD, article 13)."""

    version: str
    html: str


class NextOut(Schema):
    """What goes out next. ``date`` is null while it is not known."""

    slot: str
    kind: Literal["launch", "release", "final"]
    date: dt.date | None
    provisional: bool
    titles: list[str]


class SeasonOut(Schema):
    name: str
    title: str
    tagline: str
    url: str
    open: bool = Field(description="True while people can sign up.")
    choices: list[ChoiceOut]
    themes: list[TermOut]
    roles: list[TermOut]
    territories: list[TermOut]
    rhythms: list[TermOut]
    information: InformationOut
    next: NextOut | None


class SeasonsOut(Schema):
    seasons: list[SeasonOut]


class ProfileOut(Schema):
    name: str
    organisation: str
    role: str
    territory: str
    department: str

    @classmethod
    def of(cls, profile: Profile) -> ProfileOut:
        return cls(
            name=profile.name,
            organisation=profile.organisation,
            role=profile.role,
            territory=profile.territory,
            department=profile.department,
        )


class PreferencesOut(Schema):
    season: str
    title: str
    email: str
    status: Literal["pending", "active"]
    since: dt.datetime
    choice: str
    themes: list[str]
    rhythm: Rhythm
    profile: ProfileOut
    paused_until: dt.date | None
