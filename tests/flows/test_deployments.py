"""What prefect.yaml and compose.yaml say fits the flows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.events import DeploymentEventTrigger, Event, ResourceSpecification
from prefect.flows import load_flow_from_entrypoint

from flows.blocks import DATABASE_BLOCK, KEY_BLOCK, LEDGER_BLOCK
from flows.notices import Notices
from flows.origin import Origin
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.decisions import Action, Decision
from ialirt_backfill.run.events import DayOutcome
from ledger import DayStatus

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "prefect.md").read_text(encoding="utf-8")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def deployments(name: str = "prefect.yaml") -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in read(name)["deployments"]}


def all_deployments() -> list[tuple[str, dict[str, Any]]]:
    names = ("prefect.yaml", "prefect-mirror.yaml", "prefect-export.yaml", "prefect-quicklook.yaml")
    return [entry for name in names for entry in deployments(name).items()]


def test_every_deployment_leads_to_a_flow_and_is_documented() -> None:
    for name, entry in all_deployments():
        path, _, function = entry["entrypoint"].partition(":")
        flow: Flow[Any, Any] = load_flow_from_entrypoint(f"{ROOT / path}:{function}")
        assert f"`{flow.name}/{name}`" in DOCUMENT
        assert entry["work_pool"]["name"] == "ialirt"


@pytest.mark.parametrize(
    ("day", "synthetic", "runs"),
    [(date(2026, 1, 5), False, True), (date(2026, 1, 6), False, False), (date(2026, 1, 5), True, False)],
)
@pytest.mark.parametrize("name", ["prefect-mirror.yaml", "prefect-export.yaml"])
def test_mirror_and_export_run_when_a_real_day_that_is_over_has_changed(
    monkeypatch: pytest.MonkeyPatch, name: str, day: date, synthetic: bool, runs: bool
) -> None:
    emitted: list[Event] = []
    monkeypatch.setattr("flows.notices.emit_event", lambda **given: emitted.append(Event(**given)))
    monkeypatch.setattr("flows.notices.utc_now", lambda: datetime(2026, 1, 6, 12, tzinfo=UTC))
    decision = Decision(INSTRUMENTS["hit"], day, Action.RUN, "")
    notices = Notices(Origin("/data", "sqlite:////data/ledger.sqlite", synthetic=synthetic))
    notices.day_finished(DayOutcome(decision.instrument, day, decision, DayStatus.DOWNLOADED, changed=True))
    notices.tell()

    [described] = deployments(name)["on-change"]["triggers"]
    trigger = DeploymentEventTrigger(**described)
    [event] = [event for event in emitted if event.event in trigger.expect]
    assert ResourceSpecification.model_validate(trigger.match).matches(event.resource) is runs


@pytest.mark.parametrize(("name", "minute"), [("prefect-mirror.yaml", 17), ("prefect-export.yaml", 22)])
def test_mirror_and_export_have_an_hourly_safety_net(name: str, minute: int) -> None:
    [schedule] = deployments(name)["on-change"]["schedules"]
    assert (schedule["cron"], schedule["active"], schedule["slug"]) == (f"{minute} * * * *", True, "hourly")


def test_no_deployment_has_a_limit_that_a_dead_run_could_hold() -> None:
    for name, entry in all_deployments():
        assert "concurrency_limit" not in entry, name
    assert "concurrency_limit" not in read("prefect.yaml")["definitions"]["work_pool"]


def test_the_poll_runs_every_hour() -> None:
    [schedule] = deployments()["hourly"]["schedules"]
    assert schedule["cron"] == "0 * * * *"
    assert schedule["timezone"] == "UTC"
    assert schedule["slug"], "without one a changed schedule is added to the old one"
    assert deployments()["on-demand"]["schedules"] == []


def test_the_services_find_one_another() -> None:
    services = read("compose.yaml")["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
    environment = services["worker"]["environment"]
    assert environment == services["deploy"]["environment"]
    assert environment["PREFECT_API_URL"] == "http://server:4200/api"
    assert re.fullmatch(r"postgresql\+psycopg://ialirt:.*@postgres/ialirt", environment["IALIRT_LEDGER_URL"])
    assert services["server"]["ports"] == ["127.0.0.1:4200:4200"]


def test_the_image_holds_what_the_deployments_name() -> None:
    copied = re.findall(r"^COPY ([^-].*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    names = {name for names in copied for name in names.split()}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "cli.py",
        "flows",
        "ialirt_backfill",
        "ledger",
        "prefect.yaml",
        "prefect-mirror.yaml",
        "prefect-export.yaml",
        "prefect-quicklook.yaml",
    } <= names
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert names <= {line[1:] for line in kept if line.startswith("!")}


def test_the_document_names_the_blocks_and_shows_the_page() -> None:
    assert f"`{KEY_BLOCK}`" in DOCUMENT
    assert f"`{LEDGER_BLOCK}`" in DOCUMENT
    assert f"`{DATABASE_BLOCK}`" in DOCUMENT
    for image in re.findall(r"\]\((images/.*?)\)", DOCUMENT):
        assert 0 < (ROOT / "docs" / image).stat().st_size < 300_000
