"""Everything that can go wrong and that a person can be told about. The docstring of a class is its default message."""

from __future__ import annotations

from collections.abc import Sequence


class IalirtBackfillError(Exception):
    """Something went wrong in ialirt-backfill."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UsageError(IalirtBackfillError):
    """An option or a setting is wrong."""


class UnknownInstrument(UsageError):
    """There is no such instrument."""


class CatalogueError(UsageError):
    """A catalogue of instruments is wrong. ``problems`` has a line for each thing that is wrong with it."""

    def __init__(self, problems: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ApiError(IalirtBackfillError):
    """I-ALiRT did not answer as it should. Run again with --retry-failed; if it stays, look at the server's words."""


class AccessDenied(ApiError):
    """I-ALiRT refused the request: check the API key (IALIRT_API_KEY or --api-key-file) and --url."""


class NothingThere(ApiError):
    """I-ALiRT has no record of what was asked for."""


class Unreachable(ApiError):
    """I-ALiRT cannot be reached. ``cause`` says why, in words."""

    def __init__(self, message: str | None = None, *, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class DayFileError(IalirtBackfillError):
    """The file of a day cannot be read or written."""


class ServerEnded(IalirtBackfillError):
    """The server has ended by itself; what it logged before says why. Start it again."""


class OddCells(UserWarning):
    """Cells of a day's file are not what their column holds: where it is read, they are missing there."""


class UnwritableValue(IalirtBackfillError):
    """A value arrived in a form that its column cannot hold truthfully."""


class Interrupted(IalirtBackfillError):
    """The run was asked to stop."""


class NeverReached(Unreachable, Interrupted):
    """I-ALiRT has not been reached at all yet: what was to be asked for is as it was, as when the run is stopped."""


class ExportError(IalirtBackfillError):
    """The days cannot be exported."""


class MirrorError(IalirtBackfillError):
    """The daily files cannot be mirrored into the database."""


class MirrorUnavailable(MirrorError):
    """The mirror's database cannot be reached: check that the server is up and that --database is right."""
