"""A fault of each kind, for ever, through the flow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.simulator import Fault, Request, Simulator
from tests.support.faults import BEARERS, befall
from tests.support.flows import FEBRUARY, eventually, options_for, run
from tests.support.ledgers import execute


@pytest.mark.usefixtures("short_pauses")
def test_the_faulty_days_fail_by_name_and_no_other_does(simulator: Simulator, datastore: str) -> None:
    names = [*BEARERS, "spacecraft"]
    befall(simulator)
    options = options_for(simulator, datastore, instrument=",".join(names), timeout=timedelta(seconds=0.5))
    state, seen = run(options)
    assert state.type is StateType.FAILED
    runs = eventually(
        lambda: seen.task_runs, lambda runs: len(runs) == 4 and all(it.state and it.state.is_final() for it in runs)
    )
    found = {it.name.split()[0]: it.state for it in runs}
    assert found.pop("spacecraft").type is StateType.COMPLETED
    for name, (_, words) in BEARERS.items():
        assert f"{name} {FEBRUARY}" in (state.message or "")
        assert found[name].type is StateType.FAILED
        assert words in found[name].message

    simulator.faults = ()
    state, _ = run(options_for(simulator, datastore, instrument=",".join(names), retry_failed=True))
    assert state.type is StateType.COMPLETED, state.message
    assert all((Path(datastore) / INSTRUMENTS[name].path(FEBRUARY)).exists() for name in names)


def test_a_run_that_loses_its_ledger_names_no_day_that_failed(simulator: Simulator, datastore: str) -> None:
    options = options_for(simulator, datastore)

    def losing(_: Request) -> Fault | None:
        execute(options.ledger_url, "DROP TABLE IF EXISTS attempt")
        return None

    simulator.faults = losing
    state, _ = run(options)
    assert state.type is StateType.FAILED
    assert str(state.message).endswith(" 0 failed. Ended early: the ledger cannot be used.")
