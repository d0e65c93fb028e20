"""What prefect.yaml and compose.yaml say fits the flows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from flows.settings import KEY_BLOCK, LEDGER_BLOCK

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "prefect.md").read_text(encoding="utf-8")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def deployments() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in read("prefect.yaml")["deployments"]}


def test_every_deployment_leads_to_a_flow_and_is_documented() -> None:
    for name, entry in deployments().items():
        path, _, function = entry["entrypoint"].partition(":")
        flow: Flow[Any, Any] = load_flow_from_entrypoint(f"{ROOT / path}:{function}")
        assert f"`{flow.name}/{name}`" in DOCUMENT
        assert entry["work_pool"]["name"] == "ialirt"


def test_the_poll_runs_every_hour_and_never_twice_at_once() -> None:
    poll = deployments()["hourly"]
    assert poll["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    [schedule] = poll["schedules"]
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
    assert {"pyproject.toml", "README.md", "cli.py", "flows", "ialirt_backfill", "ledger", "prefect.yaml"} <= names
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert names <= {line[1:] for line in kept if line.startswith("!")}


def test_the_document_names_the_blocks_and_shows_the_page() -> None:
    assert f"`{KEY_BLOCK}`" in DOCUMENT
    assert f"`{LEDGER_BLOCK}`" in DOCUMENT
    for image in re.findall(r"\]\((images/.*?)\)", DOCUMENT):
        assert 0 < (ROOT / "docs" / image).stat().st_size < 300_000
