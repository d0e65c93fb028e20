"""The instruments of I-ALiRT, as data: what the API serves and what a day's file holds.

Every product of the API is called an *instrument*, housekeeping and spacecraft included. One more is a table more in
``catalogue.toml``; no other code knows any of them by name.

Sources: the ``ialirt-data-access`` package and its README; IMAP-Science-Operations-Center/sds-data-manager
(``lambda_code/IAlirtCode``, the API's query and ingest functions); IMAP-Science-Operations-Center/imap_processing
(``ialirt/``, the product algorithms, the attributes of the daily CDF, and packet definition 4.05). Read as of November
2026.
"""

from __future__ import annotations

from ialirt_backfill.instruments.boards import Board
from ialirt_backfill.instruments.catalogue import BOARDS, INSTRUMENTS, Catalogue, of_file
from ialirt_backfill.instruments.catalogue import default as default_catalogue
from ialirt_backfill.instruments.definition import definition_of
from ialirt_backfill.instruments.model import (
    FILL_VALUE,
    LAUNCH,
    NANOSECONDS,
    PUBLIC_SINCE,
    SCOPES,
    TIME_UTC,
    Axis,
    Column,
    ColumnKind,
    ColumnType,
    Coordinate,
    Field,
    Instrument,
    Shape,
)

__all__ = [
    "BOARDS",
    "FILL_VALUE",
    "INSTRUMENTS",
    "LAUNCH",
    "NANOSECONDS",
    "PUBLIC_SINCE",
    "SCOPES",
    "TIME_UTC",
    "Axis",
    "Board",
    "Catalogue",
    "Column",
    "ColumnKind",
    "ColumnType",
    "Coordinate",
    "Field",
    "Instrument",
    "Shape",
    "default_catalogue",
    "definition_of",
    "of_file",
]
