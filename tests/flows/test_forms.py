"""The form that Prefect's page draws for a flow, and what a flow makes of what was filled in."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import Flow, get_client
from prefect.blocks.system import Secret
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import StateType
from prefect.context import get_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema
from pydantic import SecretStr

from flows import blocks
from flows.backfill import backfill
from flows.export import export
from flows.forms import BACKFILL, EXPORT, FOR_A_TERMINAL, MIRROR, POLL, QUICKLOOK, Form
from flows.mirror import mirror
from flows.poll import poll
from flows.quicklook import quicklook
from flows.settings import api_key, completed
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options import BackfillOptions, PollOptions, parse_duration
from tests.support.flows import Seen, eventually

FORMS: dict[str, tuple[Flow[Any, Any], Form[Any]]] = {
    "backfill": (backfill, BACKFILL),
    "poll": (poll, POLL),
    "mirror": (mirror, MIRROR),
    "export": (export, EXPORT),
    "quicklook": (quicklook, QUICKLOOK),
}
DOCUMENT = (Path(__file__).parents[2] / "docs" / "prefect.md").read_text(encoding="utf-8")
MAG: dict[str, object] = {"instrument": ["mag"], "start": "2026-02-01"}
PASSWORD = "postgresql+psycopg://user:top-secret@127.0.0.1:1/x"


def schema_of(entry: Flow[Any, Any]) -> dict[str, Any]:
    return parameter_schema(entry.fn).model_dump()


def properties(entry: Flow[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema_of(entry)["properties"]["options"]["properties"]
    return found


# --- what the page draws ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_a_form_holds_what_belongs_into_it_and_says_what_it_is(name: str) -> None:
    entry, form = FORMS[name]
    drawn = properties(entry)
    assert drawn.keys() == form.fields.keys()
    assert not drawn.keys() & (FOR_A_TERMINAL | {"action", "until_end_of_hour"})
    assert [field["position"] for field in drawn.values()] == list(range(len(drawn)))
    for field in drawn.values():
        assert field["title"]
        assert len(field["description"]) > 10
        assert not re.search(r"<\w+>|--\w", field["description"]), "a tag, or an option of the command line"


def test_what_is_required_is_required_and_nothing_else_is() -> None:
    schema = schema_of(backfill)
    assert schema["required"] == ["options"]
    assert schema["properties"]["options"]["required"] == ["instrument", "start"]
    drawn = properties(backfill)
    assert not any("anyOf" in field for field in drawn.values()), "which the page shows as a choice of types, or None"
    assert "default" not in drawn["instrument"]
    for entry in (poll, mirror, export):
        assert schema_of(entry)["required"] == []
        assert schema_of(entry)["properties"]["options"]["required"] == []
        assert schema_of(entry)["properties"]["options"]["default"] == {}


@pytest.mark.parametrize("name", FORMS)
def test_instruments_are_a_list_to_choose_from_and_days_are_dates(name: str) -> None:
    drawn = properties(FORMS[name][0])
    assert drawn["instrument"]["type"] == "array"
    assert drawn["instrument"]["items"]["enum"] == [*INSTRUMENTS, "all"]
    days = drawn.keys() & {"start", "end", "since"}
    assert days
    assert {drawn[day]["format"] for day in days} == {"date"}


def test_an_instrument_of_ones_own_is_one_more_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "ours.toml"
    catalogue.write_text('[another]\ntitle = "Another"\ncadence = "2s"\n[another.fields]\nanother_value = {}\n')
    monkeypatch.setenv("IALIRT_CATALOGUE", str(catalogue))
    assert properties(poll)["instrument"]["items"]["enum"] == [*INSTRUMENTS, "another", "all"]
    assert [it.name for it in completed(POLL, {"instrument": ["another", "hit"]}).instruments] == ["another", "hit"]
    catalogue.write_text("[another")
    assert properties(poll)["instrument"]["items"]["enum"] == [*INSTRUMENTS, "all"]
    message, _ = sentence(poll, {"instrument": ["hit"]})
    assert "is not TOML" in message


@pytest.mark.parametrize("name", FORMS)
def test_durations_have_examples_that_are_taken(name: str) -> None:
    durations = {name: it for name, it in properties(FORMS[name][0]).items() if "examples" in it}
    assert durations
    for it in durations.values():
        assert re.search(r"\b\d+[smhd]\b", it["description"])
        for example in it["examples"]:
            assert parse_duration(example)
            assert re.match(it["pattern"], example)
        assert not re.match(it["pattern"], "5"), "five of what?"


# --- what the server refuses before it keeps anything -----------------------------------------------------------------


async def submit(entry: Flow[Any, Any], parameters: dict[str, Any]) -> tuple[str, int]:
    """What the server says to a run with these parameters, and how many runs there are then."""
    async with get_client() as client:
        flow_id = await client.create_flow(entry)
        deployment = await client.create_deployment(
            flow_id, f"tests-{uuid4()}", parameter_openapi_schema=schema_of(entry), enforce_parameter_schema=True
        )
        try:
            await client.create_flow_run_from_deployment(deployment, parameters=parameters)
            said = ""
        except PrefectHTTPStatusError as error:
            said = str(error.response.json())
        chosen = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
        kept = len(await client.read_flow_runs(flow_run_filter=chosen))
        await client.delete_deployment(deployment)
        return said, kept


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("backfill", {}, "'instrument' is a required property"),
        ("backfill", {"instrument": ["hit"]}, "'start' is a required property"),
        ("backfill", MAG | {"instrument": ["hti"]}, "'hti' is not one of"),
        ("backfill", MAG | {"instrument": []}, "options.instrument"),
        ("backfill", MAG | {"timeout": "5"}, "options.timeout"),
        ("backfill", MAG | {"strt": "x"}, "'strt' was unexpected"),
        ("backfill", MAG | {"ledger": PASSWORD}, "options.ledger"),
        ("poll", {"ledger": PASSWORD}, "options.ledger"),
        ("mirror", {"ledger": PASSWORD}, "options.ledger"),
        ("mirror", {"database": "postgresql://h/x?password=top-secret"}, "options.database"),
        ("backfill", MAG | {"ledger": "postgresql+psycopg://user@h/x", "timeout": "2m", "end": None}, ""),
        ("poll", {}, ""),
    ],
)
def test_the_server_refuses_what_cannot_be_right_and_keeps_no_run_of_it(
    name: str, options: dict[str, Any], said: str
) -> None:
    answer, kept = asyncio.run(submit(FORMS[name][0], {"options": options}))
    assert said in answer
    assert kept == (0 if said else 1)


def test_nothing_filled_in_is_refused() -> None:
    answer, kept = asyncio.run(submit(backfill, {}))
    assert "'options' is a required property" in answer
    assert kept == 0


# --- what a flow makes of it ------------------------------------------------------------------------------------------


def test_what_was_filled_in_is_what_is_meant() -> None:
    filled: dict[str, object] = {
        "instrument": ["hit", "swe"],
        "start": "2026-02-01",
        "end": None,
        "timeout": "90s",
        "overlap": "PT5M",
        "max_rate": 2,
        "jobs": 4,
        "newest_first": True,
        "datastore": "",
    }
    assert completed(BACKFILL, filled) == BackfillOptions(
        instrument="hit,swe",
        start=date(2026, 2, 1),
        timeout=timedelta(seconds=90),
        overlap=timedelta(minutes=5),
        max_rate=2.0,
        newest_first=True,
    )


def sentence(entry: Flow[Any, Any], options: Mapping[str, object]) -> tuple[str, Seen]:
    state: Any = entry(options, return_state=True)
    assert state.type is StateType.FAILED
    assert state.state_details.flow_run_id is not None
    return str(state.message), Seen(state.state_details.flow_run_id)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (MAG | {"start": "2024-02-01"}, "Start 2024-02-01: IMAP was launched on 2025-09-24, there is nothing before"),
        (MAG | {"end": "2026-01-31"}, "End 2026-01-31 lies before Start 2026-02-01"),
        (MAG | {"jobs": 99}, "Jobs 99: between 1 and 64 requests in flight"),
        (MAG | {"timeout": "5"}, "Timeout: '5' is not a duration: 5s, 5m, 5h or 5d?"),
        (MAG | {"instrument": "hti"}, "Instrument: unknown instrument 'hti'. Did you mean 'hit'?"),
        (MAG | {"strat": "2026-02-01"}, "the form has no 'strat'; did you mean 'start'?"),
        ({"start": "2026-02-01"}, "Instrument is missing: choose from mag,"),
    ],
)
def test_an_error_in_a_form_is_one_sentence_in_its_words(options: dict[str, object], said: str) -> None:
    message, seen = sentence(backfill, options)
    assert message.startswith(said)
    lines = eventually(lambda: seen.logs, lambda found: any("Finished in state" in line for line in found))
    assert message in lines
    assert not any("Traceback" in line for line in lines)


def test_an_error_of_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_JOBS", "99")
    message, _ = sentence(backfill, MAG)
    assert message == "environment variable IALIRT_JOBS: 99: between 1 and 64 requests in flight"


@pytest.mark.parametrize("name", FORMS)
def test_a_ledgers_password_is_refused_by_every_flow_and_not_repeated(name: str, datastore: str) -> None:
    needed = MAG if name == "backfill" else {}
    message, seen = sentence(FORMS[name][0], {**needed, "datastore": datastore, "ledger": PASSWORD})
    assert message.startswith("Ledger: the address holds a password")
    assert f"the Secret block {blocks.LEDGER_BLOCK}" in message
    assert "change the password" in message
    assert "top-secret" not in f"{message} {seen.logs}"
    assert not Path(datastore).exists()


@pytest.mark.usefixtures("own_blocks")
def test_what_the_form_leaves_open_comes_from_blocks_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_DATASTORE", "/data")
    monkeypatch.setenv("IALIRT_SETTLE", "2d")
    monkeypatch.setenv("IALIRT_JOBS", "8")
    monkeypatch.setenv("IALIRT_LEDGER_URL", "sqlite:////data/of-the-environment.sqlite")
    monkeypatch.setenv("IALIRT_API_KEY", "key-of-the-environment")
    options = completed(POLL, PollOptions(jobs=2))
    assert (options.datastore, options.settle, options.jobs) == ("/data", timedelta(days=2), 2)
    assert options.ledger == "sqlite:////data/of-the-environment.sqlite"
    assert api_key(options) == "key-of-the-environment"
    assert completed(POLL, PollOptions(datastore="elsewhere")).datastore == "elsewhere"
    assert completed(POLL, {}).jobs == 8
    assert completed(POLL, {"jobs": 4}).jobs == 4, "what is filled in goes before, also where it is the default"

    try:
        Secret(value=SecretStr("key-of-the-block")).save(blocks.KEY_BLOCK)
        Secret(value=SecretStr("sqlite:////data/of-the-block.sqlite")).save(blocks.LEDGER_BLOCK)
        assert api_key(options) == "key-of-the-block"
        assert completed(POLL, {}).ledger == "sqlite:////data/of-the-block.sqlite"
        assert completed(POLL, {"ledger": "sqlite:////data/x.sqlite"}).ledger == "sqlite:////data/x.sqlite"
    finally:
        for name in (blocks.KEY_BLOCK, blocks.LEDGER_BLOCK):
            Secret.delete(name)


def test_options_made_in_python_must_be_those_of_the_flow() -> None:
    with pytest.raises(UsageError, match="is not a form"):
        POLL.given("hit")  # type: ignore[arg-type]


# --- the documented command for a key ---------------------------------------------------------------------------------


def typed(code: str, answer: str) -> str:
    """What a terminal shows of a Python command that asks for a line."""
    environment = os.environ | get_settings_context().settings.to_environment_variables(exclude_unset=True)
    child, terminal = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    shown = b""
    try:
        while b"key: " not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, f"{answer}\n".encode())
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:  # as Linux tells that the other side has closed
        pass
    _, status = os.waitpid(child, 0)
    assert status == 0, shown
    return shown.decode()


def test_the_documented_command_keeps_a_key_changes_it_and_never_shows_it() -> None:
    [code] = re.findall(r"python -c '(from getpass .*)'", DOCUMENT)
    assert f'"{blocks.KEY_BLOCK}"' in code
    name = f"tests-{uuid4()}"
    try:
        for key in ("the-first-key", "the-second-key"):
            assert key not in typed(code.replace(blocks.KEY_BLOCK, name), key)
            assert blocks.secret(name) == key
    finally:
        Secret.delete(name)
