"""The files that add to what is known of the instruments, and change it: ``--catalogue``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import Catalogue, default_catalogue
from ialirt_backfill.options.texts import full_path, read_text

CATALOGUE_VARIABLE = "IALIRT_CATALOGUE"


def paths_of(text: str) -> list[str]:
    """The files that are named, separated by commas. Raises UsageError."""
    return [full_path("--catalogue", path.strip()) for path in text.split(",") if path.strip()]


class CatalogueFiles(str):
    """The files as they were named, and what was known once they were read: it goes along wherever these options go."""

    known: Catalogue

    def __new__(cls, text: str, known: Catalogue) -> CatalogueFiles:
        """Files that have been read."""
        found = super().__new__(cls, text)
        found.known = known
        return found

    def __reduce__(self) -> tuple[type[CatalogueFiles], tuple[str, Catalogue]]:
        return CatalogueFiles, (str(self), self.known)


def catalogue_files(text: str) -> CatalogueFiles | None:
    """The files that a text names, read; None where it names none. Raises UsageError, as `catalogue_of`."""
    if isinstance(text, CatalogueFiles):
        return text
    named = ",".join(paths_of(text))
    return CatalogueFiles(named, catalogue_of(named)) if named else None


def catalogue_of(text: str | None) -> Catalogue:
    """What is known of the instruments: what comes with the program, and then file by file what these say.

    Raises UsageError where a file cannot be read, and CatalogueError where one is wrong.
    """
    found = default_catalogue()
    for path in paths_of(text or ""):
        try:
            found = _with(found, read_text(Path(path)), path)
        except OSError as error:
            raise UsageError(f"--catalogue {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise UsageError(f"--catalogue {path} is no text in UTF-8") from None
    return found


@lru_cache(maxsize=16)
def _with(catalogue: Catalogue, text: str, shown: str) -> Catalogue:
    """Kept, so that options that are made again know the very same instruments."""
    return catalogue.with_file(text, shown)
