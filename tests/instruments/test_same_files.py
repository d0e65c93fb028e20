"""Whole days of the first eight instruments, byte for byte as they were when the catalogue was Python."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ialirt_backfill import BackfillOptions, backfill
from ialirt_backfill.instruments import INSTRUMENTS

DAY = date(2026, 2, 3)
CHECKSUMS = {
    "mag": "1ab906b6268c0b30a3117a4b7b86bc77922cffcb614c7c5827b480fad7d0137e",
    "mag_hk": "c8984e68d736229383855a21454ccb4342d9a52a038fa4e3535cd38512cbbb31",
    "hit": "c23ef8b084638e4155ebe23879585c55acb01b8eab2ec1494edb8e6a19bc4a8e",
    "swe": "c6c5f6990f444cd92d056d4b49c33aad7117c6303c5d708dd7b08de0f8358aba",
    "swapi": "3638482d3b17c671b05b9b634a7e0a9af7f13c73bd02bba3ebb325d4666889f3",
    "codice_lo": "5dae5f52d2e07b3f33bc443cb5d7b8695ba929bab4ffb1f79694e629c3e33fd7",
    "codice_hi": "538db9d9fb586f2aef51f658c5e8556a6051a0d3890992f4e784b8a0291eb9a0",
    "spacecraft": "d096688e0ff944d12b8d578f67761af6ff0404c43a8e6447a5ff9b80c2b84145",
}
"""Of the files of a demonstration, made by the last version whose table of instruments was code."""


@pytest.fixture(scope="module")
def datastore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    options = BackfillOptions(
        instrument=",".join(CHECKSUMS),
        start=DAY,
        end=DAY,
        datastore=str(folder),
        demo=True,
        as_of=datetime(2026, 2, 10, tzinfo=UTC),
    )
    assert backfill(options).exit_code == 0
    return folder


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_days_file_is_what_it_was(datastore: Path, name: str) -> None:
    path = datastore / INSTRUMENTS[name].path(DAY)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == CHECKSUMS[name]
