"""What is refused: every code of HAPI with its HTTP status, its text in the reason phrase, and nothing repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.serve.cores import Core, Make, body_of

RANGE = {"start": "2026-02-02T00:00:00Z", "stop": "2026-02-02T01:00:00Z"}
MAG = {"dataset": "mag", **RANGE}
WORD = "evil<script>"

TEXTS = {
    1200: "OK",
    1201: "OK - no data for time range",
    1400: "Bad request - user input error",
    1401: "Bad request - unknown API parameter name",
    1402: "Bad request - syntax error in start time",
    1403: "Bad request - syntax error in stop time",
    1404: "Bad request - start equal to or after stop",
    1405: "Bad request - start < startDate and/or stop > stopDate",
    1406: "Bad request - unknown dataset id",
    1407: "Bad request - unknown dataset parameter",
    1409: "Bad request - unsupported output format",
    1410: "Bad request - unsupported include value",
    1411: "Bad request - out-of-order or duplicate parameters",
    1412: "Bad request - unsupported resolve_references value",
    1413: "Bad request - unsupported depth value",
}

TABLE = [
    (1200, 200, "catalog", {}),
    (1200, 200, "data", MAG),
    (1201, 200, "data", MAG | {"start": "2026-02-02T00:00:01.1Z", "stop": "2026-02-02T00:00:01.2Z"}),
    (1400, 400, "info", {}),
    (1400, 400, "data", RANGE),
    (1400, 400, "data", {"dataset": "mag", "start": "2026-02-02"}),
    (1400, 400, "data", MAG | {"id": "mag"}),
    (1400, 404, WORD, {}),
    (1400, 404, "about/more", {}),
    (1401, 400, "data", MAG | {WORD: "1"}),
    (1401, 400, "data", MAG | {"Start": "2026"}),
    (1401, 400, "about", {"dataset": "mag"}),
    (1401, 400, "capabilities", {"x": WORD}),
    (1401, 400, "info", MAG),
    (1402, 400, "data", MAG | {"start": WORD}),
    (1402, 400, "data", MAG | {"start": ""}),
    (1403, 400, "data", MAG | {"stop": WORD}),
    (1404, 400, "data", MAG | {"stop": MAG["start"]}),
    (1404, 400, "data", MAG | {"stop": "2026-02-01"}),
    (1405, 400, "data", MAG | {"start": "2026-02-01T23:59:59Z"}),
    (1405, 400, "data", MAG | {"stop": "2026-02-04T00:00:01Z"}),
    (1405, 400, "data", MAG | {"start": "1800", "stop": "1801"}),
    (1406, 404, "info", {"dataset": WORD}),
    (1406, 404, "data", MAG | {"dataset": "../../etc/passwd"}),
    (1406, 404, "data", MAG | {"dataset": "MAG"}),
    (1407, 404, "info", {"dataset": "mag", "parameters": f"Time,{WORD}"}),
    (1407, 404, "data", MAG | {"parameters": "mag_B_GSE_x"}),
    (1407, 404, "data", MAG | {"parameters": "mag_B_GSE,"}),
    (1409, 400, "data", MAG | {"format": WORD}),
    (1409, 400, "data", MAG | {"format": "CSV"}),
    (1410, 400, "data", MAG | {"include": WORD}),
    (1411, 400, "info", {"dataset": "mag", "parameters": "mag_B_GSM,mag_B_GSE"}),
    (1411, 400, "data", MAG | {"parameters": "mag_B_GSE,mag_B_GSE"}),
    (1411, 400, "data", MAG | {"parameters": "mag_B_GSE,Time"}),
    (1412, 400, "info", {"dataset": "mag", "resolve_references": WORD}),
    (1413, 400, "catalog", {"depth": WORD}),
]  # fmt: skip


@pytest.mark.parametrize(("number", "http", "place", "query"), TABLE)
def test_every_code_comes_with_its_status_and_its_text(
    core: Core, number: int, http: int, place: str, query: dict[str, str]
) -> None:
    answer = core.ask(f"/hapi/{place}", query)
    body, text = body_of(answer), TEXTS[number]
    assert answer.status.value == http
    assert answer.reason == f"{answer.status.phrase}; HAPI {number} {text}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert WORD.encode() not in body
    assert "passwd" not in answer.reason + body.decode(errors="replace")
    if http == 200:
        return
    told = json.loads(body)
    assert answer.headers["Content-Type"] == "application/json"
    assert set(told) == {"HAPI", "status"}
    assert told["HAPI"] == "3.3"
    assert told["status"]["code"] == number
    assert told["status"]["message"].startswith(f"HAPI error {number}: {text}")


def test_too_long_a_stretch_is_refused_with_the_longest_that_is_not(own: Path, make: Make) -> None:
    source = own / "ialirt/2026/02/imap_ialirt_hit_20260202.csv"
    later = own / "ialirt/2027/02/imap_ialirt_hit_20270205.csv"
    later.parent.mkdir(parents=True)
    later.write_text(source.read_text(encoding="utf-8").replace("2026-02-02T", "2027-02-05T"), encoding="utf-8")
    for ledger in own.glob("ledger*"):
        ledger.unlink()
    core = make(own)
    answer = core.ask("/hapi/data", {"dataset": "hit", "start": "2026-02-02", "stop": "2027-02-06"})
    assert answer.status.value == 400
    assert answer.reason == "Bad Request; HAPI 1408 Bad request - too much time or data requested"
    assert "366 days" in json.loads(body_of(answer))["status"]["message"]
    assert len(core.rows("hit", "2026-02-05", "2027-02-06")) == 1440


def test_outside_it_is_said_what_there_is(core: Core) -> None:
    told = core.json("/hapi/data", **(MAG | {"stop": "2027"}))["status"]["message"]
    info = core.info("mag")
    assert info["startDate"] in told
    assert info["stopDate"] in told


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_nothing_but_get_and_head_is_answered(core: Core, method: str) -> None:
    answer = core.ask("/hapi/catalog", method=method)
    assert (answer.status.value, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert json.loads(body_of(answer))["status"]["code"] == 1400


@pytest.mark.parametrize(
    "path",
    ["/", "/hapi/../../etc/passwd", "/hapi//data", "/hapix", "/HAPI/catalog", "/hapi/data/../info", "hapi/catalog", ""],
)
def test_paths_lead_to_the_five_places_and_nowhere_else(core: Core, path: str) -> None:
    answer = core.ask(path)
    assert answer.status.value == (302 if path == "/" else 404)


def test_a_fault_of_the_server_is_told_without_its_secrets(
    own: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    core = make(own)
    core.info("hit")
    core.files("hit")[0].write_bytes(b"time_utc,time_utc\n1,2\n")
    answer = core.ask("/hapi/data", {"dataset": "hit", "start": "2026-02-02", "stop": "2026-02-03"})
    assert answer.status.value == 500
    assert answer.reason == "Internal Server Error; HAPI 1500 Internal server error"
    assert str(own) not in body_of(answer).decode()
    assert str(core.files("hit")[0]) in caplog.text
    assert "Traceback" not in caplog.text
