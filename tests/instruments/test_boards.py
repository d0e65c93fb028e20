"""Boards are data: what a table says, and what is said of one that is wrong."""

from __future__ import annotations

import pickle
import tomllib
from datetime import timedelta

import pytest

from ialirt_backfill.exceptions import CatalogueError
from ialirt_backfill.instruments import BOARDS, INSTRUMENTS, default_catalogue
from ialirt_backfill.instruments.boards import Board, BoardKind, PanelKind, Scale, boards_of
from ialirt_backfill.instruments.entries.tables import Problem


def made(text: str) -> tuple[dict[str, Board], list[Problem]]:
    problems: list[Problem] = []
    return boards_of(tomllib.loads(text)["board"], INSTRUMENTS, problems), problems


def test_a_team_adds_a_board() -> None:
    boards, problems = made("""
        [board.our-own]
        title = "What we look at"
        last = "7d"
        [[board.our-own.panels]]
        instrument = "swapi"
        lines = ["swapi_pseudo_proton_speed"]
        range = [200.0, 900.0]
        [[board.our-own.panels]]
        instrument = "hit"
        lines = ["hit_h_omni_low_en", "hit_h_omni_med_en"]
        scale = "log"
        height = 2
        [[board.our-own.panels]]
        instrument = "mag"
        lines = ["mag_B_GSE"]
        mark = { column = "mag_B_GSE_z", below = -5.0 }
    """)
    assert problems == []
    board = boards["our-own"]
    assert (board.kind, board.last) == (BoardKind.STACK, timedelta(days=7))
    assert [it.kind for it in board.panels] == [PanelKind.LINES] * 3
    assert board.panels[0].range == (200.0, 900.0)
    assert (board.panels[1].scale, board.panels[1].height) == (Scale.LOG, 2.0)


PANEL = '[board.b]\n[[board.b.panels]]\ninstrument = "mag"\n'
WRONG = [
    ('[board.b]\n', "b.panels", "there are no panels"),
    ('[board.B]\nkind = "coverage"\n', "B", "write a name of small letters"),
    ('[board.b]\nkind = "pie"\n', "b.kind", "write one of stack, grid, coverage, orbit"),
    ('[board.b]\nkind = "coverage"\nlast = "3h"\n', "b.last", 'write whole days, as "3d"'),
    ('[board.b]\nkind = "coverage"\ncolour = "red"\n', "b.colour", "there is no key colour"),
    ('[board.b]\nkind = "orbit"\n', "b.instrument", "say whose position it is"),
    ('[board.b]\nkind = "orbit"\ninstrument = "mag"\nposition = "mag_B_magnitude"\n', "b.position", "a vector of 3"),
    ('[board.b]\nkind = "orbit"\ninstrument = "spacecraft"\nposition = "sc_position_GSE"\nplaces = { L1 = [1.0] }\n',
     "b.places", "write x, y and z"),
    ('[board.b]\n[[board.b.panels]]\nlines = ["mag_B_GSE"]\n', "b.panels.1.instrument", "say whose columns they are"),
    ('[board.b]\n[[board.b.panels]]\ninstrument = "mog"\nlines = ["x"]\n', "b.panels.1.instrument", "write one of mag"),
    (PANEL, "b.panels.1", "write one of lines, points, spectrum, flags, states"),
    (PANEL + 'lines = ["hit_epoch"]\n', "b.panels.1.lines", "hit_epoch is no column of mag"),
    (PANEL + 'lines = []\n', "b.panels.1.lines", "a list of columns that is not empty"),
    (PANEL + 'lines = ["kernel_set_key"]\n', "b.panels.1.lines", "kernel_set_key is no number"),
    (PANEL + 'flags = ["mag_B_GSE"]\n', "b.panels.1.flags", "mag_B_GSE is no flag"),
    (PANEL + 'states = ["mag_B_GSE"]\n', "b.panels.1.states", "mag_B_GSE is no state"),
    (PANEL + 'spectrum = ["mag_B_GSE"]\n', "b.panels.1.spectrum", "no field with an axis of energies"),
    (PANEL + 'points = ["mag_phi_B_GSM"]\nright = ["mag_B_magnitude"]\n', "b.panels.1.right", "that is for lines"),
    (PANEL + 'lines = ["mag_B_GSE"]\nmark = { column = "mag_B_GSM_z", below = 0 }\n', "b.panels.1.mark", "not one of"),
    (PANEL + 'lines = ["mag_B_GSE"]\nscale = "log"\nrange = [0, 1]\n', "b.panels.1.range", "more than 0"),
    (PANEL + f'lines = ["mag_B_GSE"]\nheight = 1{"0" * 400}\n', "b.panels.1.height", "a number that a float has room"),
    (PANEL + 'lines = ["mag_B_GSE"]\nheight = 100\n', "b.panels.1.height", "write a number from 0.2 to 10"),
    (PANEL + 'flags = ["mag_B_GSE"]\nnormal = "yes"\n', "b.panels.1.normal", "write true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "what"), WRONG)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str, what: str) -> None:
    _, problems = made(text)
    assert any(".".join(it.place) == f"board.{place}" and what in it.what for it in problems), problems


def test_every_board_of_the_program_draws_columns_that_there_are() -> None:
    for board in BOARDS.values():
        assert board.title
        for panel in board.panels:
            assert panel.instrument is INSTRUMENTS[panel.instrument.name]


def test_a_file_of_a_team_has_boards_beside_instruments() -> None:
    text = """
        [board.orbit]
        kind = "coverage"
        [board.heat]
        [[board.heat.panels]]
        instrument = "thermal"
        lines = ["thermal_deck"]
        [thermal]
        title = "Deck"
        cadence = "60s"
        [thermal.fields]
        thermal_deck = { unit = "K" }
        [swapi.fields]
        swapi_pseudo_proton_speed = false
    """
    known = default_catalogue().with_file(text, "ours.toml")
    assert known.boards["orbit"].kind is BoardKind.COVERAGE
    assert known.boards["heat"].panels[0].instrument is known.instruments["thermal"]
    drawn = [name for panel in known.boards["solar-wind"].panels for name in panel.columns]
    assert "swapi_pseudo_proton_density" in drawn
    assert "swapi_pseudo_proton_speed" not in drawn, "what the team has taken away"
    assert "heat" not in BOARDS
    again = pickle.loads(pickle.dumps(known))
    assert list(again.boards) == list(known.boards)


def test_what_is_wrong_with_a_board_of_a_team_is_said_with_its_line() -> None:
    text = '[board.ours]\nkind = "stack"\nlost = "3d"\n'
    with pytest.raises(CatalogueError) as caught:
        default_catalogue().with_file(text, "ours.toml")
    assert "ours.toml, line 3: board.ours.lost: there is no key lost. Did you mean last?" in str(caught.value)
    with pytest.raises(CatalogueError, match="write a table for a board"):
        default_catalogue().with_file("board = 3", "ours.toml")
