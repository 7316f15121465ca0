"""Which things can go wrong, and what does each tell the user to do?

The tree:

    VeridicalError
      SpecError            a YAML file, option or Python argument is wrong         exit 2
      DataError            the data cannot be read or used                         exit 2
      SchemaError          the schema is wrong, or disagrees with the data         exit 2
      ConstraintError      constraints clash, or cannot be kept                    exit 2
      ArtifactError        a saved folder is truncated, edited or of another kind  exit 2
      MissingExtraError    an optional dependency is not installed                 exit 2
      ReleaseRefused       a gate failed or was not measured                       exit 3
      BudgetError          a privacy, cost or time budget would be exceeded        exit 4
      ProviderError        a model server or database refused or broke             exit 5
"""

from __future__ import annotations

from typing import Any


class VeridicalError(Exception):
    """An error that says what happened, where, and how to mend it.

    `what` and `where` must never hold a value of a real row or a secret: errors are logged.

    Example:
        >>> print(DataError("3 orphan keys", where="orders.customer_id", fix="add the parents"))
        orders.customer_id: 3 orphan keys (to mend: add the parents)
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default way from a worker process to its parent.
        return _again, (type(self), self.what, self.where, self.fix)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where is not None else ""
        mend = f" (to mend: {self.fix})" if self.fix is not None else ""
        return f"{place}{self.what}{mend}"


def _again(kind: type[VeridicalError], what: str, where: str | None, fix: str | None) -> VeridicalError:
    return kind(what, where=where, fix=fix)


class SpecError(VeridicalError):
    """A YAML file, an option or a Python argument is wrong."""

    exit_code = 2


class DataError(VeridicalError):
    """The data cannot be read or used as asked."""

    exit_code = 2


class SchemaError(VeridicalError):
    """The schema is wrong, or disagrees with the data."""

    exit_code = 2


class ConstraintError(VeridicalError):
    """Constraints clash with each other, or cannot be kept."""

    exit_code = 2


class ArtifactError(VeridicalError):
    """A saved folder is truncated, edited, or of another kind or version."""

    exit_code = 2


class MissingExtraError(VeridicalError):
    """An optional dependency is needed and not installed."""

    exit_code = 2


class ReleaseRefused(VeridicalError):
    """A gate failed or was not measured, so nothing was released."""

    exit_code = 3


class BudgetError(VeridicalError):
    """A privacy, cost or time budget would be exceeded."""

    exit_code = 4


class ProviderError(VeridicalError):
    """A model server or a database refused or broke."""

    exit_code = 5
