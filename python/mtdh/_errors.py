"""The exceptions of the package.

Each has `hint`: what can be done about it in one line, or None.
"""

from __future__ import annotations


class Error(Exception):
    """Something could not be done. The base of the package's exceptions."""

    hint: str | None

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint

    def __str__(self) -> str:
        text = str(self.args[0])
        return f"{text}\nhint: {self.hint}" if self.hint else text


class BadRequest(Error, ValueError):
    """A value cannot be used: a time, a column, a name, or two that contradict each other."""


class UnknownInstrument(Error, KeyError):
    """No instrument table of the lake has the key, or the text is no key."""


class NotFound(Error, LookupError):
    """Something that was named does not exist, such as a venue or a day's instrument table."""


class MissingData(Error, LookupError):
    """The lake lacks days that were asked for. `missing` lists them."""

    missing: list[tuple[str, str, str]]

    def __init__(
        self, text: str, hint: str | None = None, missing: list[tuple[str, str, str]] | None = None
    ) -> None:
        super().__init__(text, hint)
        self.missing = missing or []


class GradeTooLow(Error):
    """Some of the data has a grade below the one that was asked for, or was never checked. `below` lists it."""

    below: list[tuple[str, str, str | None]]

    def __init__(
        self, text: str, hint: str | None = None, below: list[tuple[str, str, str | None]] | None = None
    ) -> None:
        super().__init__(text, hint)
        self.below = below or []


class DamagedObject(Error):
    """An object of the lake is not what was written, or cannot be read as such."""


class NewerLake(Error):
    """A newer version of mtdh wrote the object."""


class LakeAway(Error, OSError):
    """The lake cannot be reached, does not exist or cannot be read."""


class VendorAway(Error, OSError):
    """The vendor cannot be reached or fails."""


class Refused(Error, PermissionError):
    """The other side refused the credentials."""


class QuotaUsedUp(Error):
    """The vendor's quota, or the limit in the settings, is used up."""


class MissingDataWarning(UserWarning):
    """Rows were read, and the lake lacks some of the days that were asked for."""


_CLASSES = {
    kind.__name__: kind
    for kind in (
        Error,
        BadRequest,
        UnknownInstrument,
        NotFound,
        MissingData,
        DamagedObject,
        NewerLake,
        LakeAway,
        VendorAway,
        Refused,
        QuotaUsedUp,
    )
}


for _kind in (*_CLASSES.values(), GradeTooLow, MissingDataWarning):
    _kind.__module__ = "mtdh"  # where people import it from


def of(kind: str, text: str, hint: str | None) -> Error:
    """The exception of a kind, for the native part."""
    return _CLASSES[kind](text, hint)
