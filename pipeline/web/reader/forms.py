"""What people fill in: the fields that the season declares, and what is said beside a field that does not pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from pipeline import clock
from pipeline.audience import addresses, domains, flags, suggestions
from pipeline.audience.addresses import Address, AddressError
from pipeline.audience.departments import DEPARTMENTS
from pipeline.audience.models import NAME_LENGTH, CatchUp, Person, Rhythm, Subscription
from pipeline.audience.wishes import Profile, Wish
from pipeline.season.season import Season, Term
from pipeline.web.reader.lines import one_line


class Line(forms.CharField):
    """One line of text, which may be left empty."""

    def __init__(self) -> None:
        super().__init__(required=False, strip=False)
        self.validators = []  # Django's own refuse less than :func:`one_line` does

    def clean(self, value: Any) -> str:
        return one_line(str(value or ""), most=NAME_LENGTH)


def _one_of(terms: Iterable[tuple[str, str]], missing: str = "") -> forms.ChoiceField:
    """One of these, or none where ``missing`` says nothing of it."""
    unknown = missing or _("Ce choix n’est pas proposé : prenez-en un de la liste.")
    return forms.ChoiceField(
        choices=list(terms),
        required=bool(missing),
        error_messages={"required": missing, "invalid_choice": unknown},
    )


def _pairs(terms: Iterable[Term]) -> list[tuple[str, str]]:
    return [(term.id, term.label) for term in terms]


class SeasonForm(forms.Form):
    """A form whose fields are the season's."""

    def __init__(self, season: Season, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, use_required_attribute=False, **options)
        self.season = season
        self.declare()

    def declare(self) -> None:
        """Add the fields that depend on the season."""


class AddressForm(SeasonForm):
    """An address. Where its domain looks mistyped, ``suggestion`` holds another, once: whoever sends the form again keeps theirs.

    ``asked`` is the address that was asked about, ``correction`` the suggestion, where the person took it: then it is ``corrected``.
    """

    suggestion = ""
    asked = ""
    corrected = ""

    def declare(self) -> None:
        super().declare()
        self.fields["email"] = forms.CharField(required=False, strip=False)
        self.fields["email"].validators = []

    @property
    def address(self) -> Address:
        """The address, once the form is valid."""
        address: Address = self.cleaned_data["email"]
        return address

    def clean_email(self) -> Address:
        address = _address(self.cleaned_data["email"])
        suggested = suggestions.suggest(address)
        if suggested is not None and self.data.get("correction") == suggested:
            address = _address(suggested)
            self.corrected = address.mailbox
        elif suggested is not None:
            self.asked = address.mailbox
            self.suggestion = suggested if self.data.get("asked") != address.mailbox else ""
        policy = flags.Policy(settings.KIT.role_addresses, settings.KIT.disposable_addresses)
        refusal = flags.verdict(address, policy).refusal
        if refusal:
            raise ValidationError(refusal)
        if domains.known(address.domain, clock.now()) == "none":
            told = _("Le domaine « %(domain)s » ne reçoit pas de courriel. Vérifiez l’adresse.")
            raise ValidationError(told % {"domain": address.domain})
        return address


class WishForm(SeasonForm):
    """What somebody wants of the season."""

    def declare(self) -> None:
        super().declare()
        choices = _pairs(Term(choice.id, choice.label) for choice in self.season.choices)
        self.fields["choice"] = _one_of(choices, _("Choisissez ce que vous voulez recevoir."))
        self.fields["rhythm"] = _one_of(Rhythm.choices, _("Choisissez un rythme."))
        if self.picking:
            self.fields["themes"] = forms.MultipleChoiceField(
                choices=_pairs(self.season.themes),
                required=False,
                error_messages={"invalid_choice": _("Un de ces thèmes n’est pas proposé : cochez-en dans la liste.")},
            )

    @property
    def picking(self) -> frozenset[str]:
        """The choices whose subscribers pick themes themselves."""
        return frozenset(choice.id for choice in self.season.choices if choice.pick_themes)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("choice") in self.picking and "themes" in cleaned and not cleaned["themes"]:
            self.add_error("themes", _("Cochez au moins un thème, ou choisissez de tout recevoir."))
        return cleaned

    @property
    def wish(self) -> Wish:
        """The wish, once the form is valid. Themes count only where the choice lets people pick."""
        said = self.cleaned_data
        themes = tuple(said.get("themes", ())) if said["choice"] in self.picking else ()
        return Wish(said["choice"], themes, said["rhythm"])


class ProfileForm(SeasonForm):
    """Who somebody says they are; all of it may stay empty."""

    def declare(self) -> None:
        super().declare()
        self.fields["name"] = Line()
        self.fields["organisation"] = Line()
        if self.season.roles:
            self.fields["role"] = _one_of(_pairs(self.season.roles))
        if self.season.territories:
            self.fields["territory"] = _one_of(_pairs(self.season.territories))
        self.fields["department"] = _one_of(DEPARTMENTS.items())

    @property
    def profile(self) -> Profile:
        said = self.cleaned_data
        return Profile(
            said["name"], said["organisation"], said.get("role", ""), said.get("territory", ""), said["department"]
        )


class SignUpForm(AddressForm, WishForm, ProfileForm):
    """All of it: what a new subscriber fills in."""


class PauseForm(SeasonForm):
    """Until which day nothing is sent; that day, sending resumes (midnight in the season's zone)."""

    def declare(self) -> None:
        super().declare()
        missing = _("Indiquez une date à venir, dans un an au plus.")
        self.fields["until"] = forms.DateField(
            input_formats=["%Y-%m-%d", "%d/%m/%Y"], error_messages={"required": missing, "invalid": missing}
        )

    def clean_until(self) -> dt.datetime:
        day: dt.date = self.cleaned_data["until"]
        try:
            return dt.datetime.combine(day, dt.time(), self.season.zone).astimezone(dt.UTC)
        except OverflowError as error:  # the first day of all time, west of Greenwich
            raise ValidationError(self.fields["until"].error_messages["invalid"]) from error

    @property
    def until(self) -> dt.datetime:
        instant: dt.datetime = self.cleaned_data["until"]
        return instant


class CatchUpForm(SeasonForm):
    """At which rhythm what was missed comes."""

    def declare(self) -> None:
        super().declare()
        self.fields["rhythm"] = _one_of(CatchUp.Rhythm.choices, _("Choisissez un rythme."))


def known_wish(wish: Wish) -> dict[str, Any]:
    """What a :class:`WishForm` shows of it."""
    return {"choice": wish.choice, "themes": list(wish.themes), "rhythm": wish.rhythm}


def known_profile(person: Person, subscription: Subscription) -> dict[str, Any]:
    """What a :class:`ProfileForm` shows of somebody."""
    return {
        "name": person.name,
        "organisation": person.organisation,
        "role": subscription.role,
        "territory": subscription.territory,
        "department": subscription.department,
    }


def _address(written: Any) -> Address:
    try:
        return addresses.parse(str(written or ""))
    except AddressError as error:
        raise ValidationError(str(error)) from error
