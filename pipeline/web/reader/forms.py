"""What people fill in: the fields that the season declares. What may stand in them is for :mod:`pipeline.audience.asking` to say, and
each fault is shown beside its field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from pipeline import clock
from pipeline.audience import addresses, asking, flags, suggestions
from pipeline.audience.addresses import Address, AddressError
from pipeline.audience.asking import AskingError
from pipeline.audience.consent import PauseError
from pipeline.audience.departments import DEPARTMENTS
from pipeline.audience.models import CatchUp, Rhythm
from pipeline.audience.wishes import Profile, Wish
from pipeline.season.season import Season, Term


class Written(forms.CharField):
    """A text exactly as it was written."""

    def __init__(self) -> None:
        super().__init__(required=False, strip=False)
        self.validators = []


class OneOf(forms.ChoiceField):
    """Shows what may be chosen, and takes what was."""

    def __init__(self, terms: Iterable[tuple[str, str]]) -> None:
        super().__init__(choices=list(terms), required=False)

    def validate(self, value: Any) -> None:
        """Nothing is refused here."""


class SomeOf(forms.MultipleChoiceField):
    """The same, for several."""

    def __init__(self, terms: Iterable[tuple[str, str]]) -> None:
        super().__init__(choices=list(terms), required=False)

    def validate(self, value: Any) -> None:
        """Nothing is refused here."""


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

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell every fault that is found in here beside its field."""
        try:
            yield
        except AskingError as error:
            for fault in error.faults:
                self.add_error(fault.field, f"{fault.message} {fault.mend}")


class AddressForm(SeasonForm):
    """An address. Where its domain looks mistyped, ``suggestion`` holds another, once: whoever sends the form again keeps theirs.

    ``asked`` is the address that was asked about, ``correction`` the suggestion, where the person took it: then it is ``corrected``.
    ``address`` is there once the form is valid.
    """

    address: Address
    suggestion = ""
    asked = ""
    corrected = ""

    def declare(self) -> None:
        super().declare()
        self.fields["email"] = Written()

    def clean(self) -> dict[str, Any] | None:
        policy = flags.Policy.of(settings.KIT)
        with self.telling():
            self.address = asking.address(self._meant(self.cleaned_data["email"]), policy, now=clock.now())
        return super().clean()

    def _meant(self, written: str) -> str:
        """The correction, where the person took it. A domain that is refused is asked about all the same: the slip may be why."""
        try:
            address = addresses.parse(written)
        except AddressError:
            return written  # and is told why
        suggested = suggestions.suggest(address)
        if suggested is None:
            return written
        if self.data.get("correction") == suggested:
            self.corrected = suggested
            return suggested
        self.asked = address.mailbox
        self.suggestion = suggested if self.data.get("asked") != address.mailbox else ""
        return written


class WishForm(SeasonForm):
    """What somebody wants of the season: ``wish``, once the form is valid."""

    wish: Wish

    def declare(self) -> None:
        super().declare()
        self.fields["choice"] = OneOf((choice.id, choice.label) for choice in self.season.choices)
        self.fields["rhythm"] = OneOf(Rhythm.choices)
        if any(choice.pick_themes for choice in self.season.choices):
            self.fields["themes"] = SomeOf(_pairs(self.season.themes))

    def clean(self) -> dict[str, Any] | None:
        said = self.cleaned_data
        with self.telling():
            # Themes that no field asks for are none of the person's, who could not take them back either.
            self.wish = asking.wish(self.season, said["choice"], said.get("themes", ()), said["rhythm"])
        return super().clean()


class ProfileForm(SeasonForm):
    """Who somebody says they are; all of it may stay empty: ``profile``, once the form is valid.

    What the season does not ask for stays as it was ``before``.
    """

    profile: Profile

    def __init__(
        self, season: Season, data: Mapping[str, Any] | None = None, *, before: Profile | None = None, **options: Any
    ) -> None:
        self.before = before or Profile()
        super().__init__(season, data, **{"initial": asdict(self.before), **options})

    def declare(self) -> None:
        super().declare()
        self.fields["name"] = Written()
        self.fields["organisation"] = Written()
        if self.season.roles:
            self.fields["role"] = OneOf(_pairs(self.season.roles))
        if self.season.territories:
            self.fields["territory"] = OneOf(_pairs(self.season.territories))
        self.fields["department"] = OneOf(DEPARTMENTS.items())

    def clean(self) -> dict[str, Any] | None:
        told = {name: self.cleaned_data[name] for name in asdict(self.before) if name in self.fields}
        with self.telling():
            self.profile = asking.profile(self.season, told, self.before)
        return super().clean()


class SignUpForm(AddressForm, WishForm, ProfileForm):
    """All of it: what a new subscriber fills in. What is said of it is in the order of the page."""


class PauseForm(SeasonForm):
    """Until which day nothing is sent; that day, sending resumes: ``until``, once the form is valid."""

    def declare(self) -> None:
        super().declare()
        told = str(PauseError())
        self.fields["until"] = forms.DateField(
            input_formats=["%Y-%m-%d", "%d/%m/%Y"], error_messages={"required": told, "invalid": told}
        )

    def clean_until(self) -> dt.datetime:
        try:
            return asking.resuming(self.season, self.cleaned_data["until"])
        except PauseError as error:
            raise ValidationError(str(error)) from error

    @property
    def until(self) -> dt.datetime:
        instant: dt.datetime = self.cleaned_data["until"]
        return instant


class CatchUpForm(SeasonForm):
    """At which rhythm what was missed comes."""

    def declare(self) -> None:
        super().declare()
        missing = _("Choisissez un rythme.")
        self.fields["rhythm"] = forms.ChoiceField(
            choices=CatchUp.Rhythm.choices, error_messages={"required": missing, "invalid_choice": missing}
        )
