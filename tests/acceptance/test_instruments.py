"""`ialirt-backfill instruments`: what is known, whether a catalogue is good, and a draft of one."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.catalogues import catalogue_of
from ialirt_backfill.simulator import Silence, Simulator, Transform
from tests.support.access import KEY
from tests.support.added import FILES, write_files
from tests.support.clock import NOW
from tests.support.commands import Command, Here

OURS = """
[hit]
file_name = "imap_counts_YYYYMMDD.csv"

[glows]
title = "GLOWS"
cadence = "2m"

[glows.fields]
glows_x = {}
"""

WRONG = """
[hit]
cadance = "4s"

[glows]
title = "GLOWS"
cadence = 2

[glows.fields]
a = { list = "energy" }
b = { unit = "bananas" }
"""


def test_all_that_is_known(here: Here) -> None:
    done = here("instruments")
    assert done.code == 0
    assert all(name in done.out for name in INSTRUMENTS)
    assert "4 s" in done.out
    assert "scope full or read" in done.out
    assert here("instruments", "list").out == done.out
    found = here("instruments", "--json").json["instruments"]
    assert [it["name"] for it in found] == list(INSTRUMENTS)
    assert {it["name"]: it["cadence_seconds"] for it in found}["codice_lo"] == 240
    assert all(len(it["columns"]) == len(INSTRUMENTS[it["name"]].columns) for it in found)


def test_one_with_its_columns(here: Here) -> None:
    done = here("instruments", "show", "swe")
    assert done.code == 0
    assert "swe_normalized_counts_8" in done.out
    assert "100.4" in done.out
    assert "0 to 1; missing: 255" in done.out
    assert "imap_ialirt_swe_YYYYMMDD.csv" in done.out
    assert here("instruments", "show", "SWE").out == done.out
    [found] = here("instruments", "show", "mag", "--json").json["instruments"]
    [column] = [it for it in found["columns"] if it["name"] == "mag_phi_B_GSE"]
    assert (column["unit"], column["mission_unit"], column["valid_min"], column["valid_max"]) == (
        "deg", "degrees", 0.0, 360.0
    )  # fmt: skip
    assert (column["fill"], {it["name"]: it["fill"] for it in found["columns"]}["kernel_set_key"]) == (-1e31, None)
    assert {it["unit"] for it in found["columns"] if it["name"].startswith("mag_B_")} == {"nT"}


def test_those_of_a_catalogue_of_ones_own(here: Here, command: Command) -> None:
    files = write_files(command.cwd)
    assert all(name in here("instruments", "--catalogue", files).out for name in FILES)
    shown = here("instruments", "show", "glows", "--catalogue", files).out
    assert "glows_counts_4" in shown
    assert "250 to 300" in shown


def test_a_good_catalogue(here: Here, command: Command) -> None:
    (command.cwd / "ours.toml").write_text(OURS)
    done = here("instruments", "check", "ours.toml")
    assert (done.code, done.out) == (0, "ours.toml is a good catalogue: it adds glows and changes hit\n")
    found = here("instruments", "check", "ours.toml", "--json").json["instruments"]
    assert "glows" in [it["name"] for it in found]


def test_all_that_is_wrong_with_one_is_told_at_once(here: Here, command: Command) -> None:
    (command.cwd / "ours.toml").write_text(WRONG)
    done = here("instruments", "check", "ours.toml")
    assert (done.code, done.out) == (2, "")
    for line, place, words in [
        (3, "hit.cadance", "there is no key cadance. Did you mean cadence?"),
        (7, "glows.cadence", 'write a time as "4s"'),
        (10, "glows.fields.a.list", "there is no axis 'energy'"),
        (11, "glows.fields.b.unit", "'bananas' is no unit"),
    ]:
        assert f"ours.toml, line {line}: {place}: {words}" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("show", "instruments show: name one, as in: instruments show hit"),
        ("check", "instruments check: name one, as in: instruments check ours.toml"),
        ("guess", "instruments guess: name one, as in: instruments guess glows"),
        ("check ''", "instruments check: name one, as in: instruments check ours.toml"),
        ("list hit", "instruments list shows all: for one, instruments show hit"),
        ("show hitt", "unknown instrument 'hitt'. Did you mean 'hit'?"),
        ("check none.toml", "none.toml cannot be read: No such file or directory"),
        ("guess GLOWS", "write the name as the API has it"),
        ("hit", "instruments show hit"),
        ("glows", "'glows' is none of list, show, check, guess: for one instrument, instruments show glows"),
        ("shwo hit", "Did you mean 'show'?"),
    ],
)
def test_what_is_not_plain_gets_one_sentence(here: Here, words: str, says: str) -> None:
    done = here("instruments", *shlex.split(words))
    assert (done.code, done.out) == (2, "")
    [said] = done.err.splitlines()
    assert said.startswith("ialirt-backfill: ")
    assert says in said


def test_a_completion_knows_the_command(here: Here) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = here("completion", shell).out
        assert "instruments" in script
        assert "guess" in script


def test_a_completion_offers_what_the_settings_catalogue_adds(here: Here, command: Command) -> None:
    files = write_files(command.cwd)
    (command.cwd / "ialirt-backfill.toml").write_text(f'catalogue = "{files}"\n')
    script = command.cwd / "completion"
    script.write_text(here("completion", "bash").out)
    words = ["instruments show g", "status --instrument sw", "instruments check gl"]
    typed = "".join(
        f"COMP_WORDS=(ialirt-backfill {line}); COMP_CWORD={len(line.split())}; _shtab_ialirt_backfill;"
        " echo ${COMPREPLY[@]}\n"
        for line in words
    )
    code = f"source {script}\n{typed}"
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["glows", "swe swapi swapi_hk", "glows"]
    (command.cwd / "ultra.toml").write_text("[ultra\n")  # is told by every other command
    assert "codice_lo" in here("completion", "bash").out


# --- drafts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_draft_of_what_nobody_knows_is_a_good_catalogue(command: Command, simulator: Simulator, name: str) -> None:
    simulator.catalogue = catalogue_of(write_files(command.cwd))
    done = command("instruments", "guess", name, "--as-of", NOW)
    assert done.code == 0, done.err
    (command.cwd / "draft.toml").write_text(done.out)
    checked = command("instruments", "check", "draft.toml")
    assert (checked.code, checked.out) == (0, f"draft.toml is a good catalogue: it adds {name}\n")
    assert [(it.instrument, it.key) for it in simulator.requests] == [(name, KEY)]
    days = ("--start", "2026-02-02", "--end", "2026-02-02", "--as-of", NOW)
    fetched = command("--catalogue", "draft.toml", "--instrument", name, *days, "--json")
    assert [it["status"] for it in fetched.json["results"]] == ["downloaded"]


def test_a_draft_of_a_demonstration_and_as_json(command: Command, simulator: Simulator) -> None:
    files = write_files(command.cwd)
    done = command("instruments", "guess", "ultra", "--demo", "--catalogue", files, "--as-of", NOW, "--json").json
    assert (done["instrument"], done["records"]) == ("ultra", 12)
    assert "[ultra]\n" in done["toml"]
    assert simulator.requests == []


def test_what_the_server_has_nothing_of_is_one_sentence(command: Command) -> None:
    done = command("instruments", "guess", "glows", "--as-of", NOW)
    assert (done.code, done.out) == (1, "")
    [said] = done.err.splitlines()
    assert "I-ALiRT has no record of 'glows' from 2026-03-01 11:00 to 12:00 UTC: check the name" in said


def test_records_of_another_instrument_are_no_draft(here: Here, simulator: Simulator) -> None:
    other = {"time_utc": "2026-03-01T11:30:00", "instrument": "swe", "a": 1}
    simulator.faults = lambda _: Transform(lambda _: [other])
    done = here("instruments", "guess", "glows", "--as-of", NOW, "--url", simulator.url)
    assert (done.code, done.out) == (1, "")
    assert "I-ALiRT has no record of 'glows'" in done.err


def test_what_it_refuses_and_does_not_answer(command: Command, simulator: Simulator) -> None:
    refused = command("instruments", "guess", "swapi_hk", "--as-of", NOW, IALIRT_API_KEY="")
    assert (refused.code, refused.out) == (1, "")
    assert "swapi_hk needs a key with a scope" in refused.err
    simulator.faults = lambda _: Silence()
    silent = command("instruments", "guess", "hit", "--as-of", NOW, "--timeout", "0.2s")
    assert (silent.code, silent.out) == (1, "")
    assert "no whole answer in time" in silent.err.splitlines()[-1]
