"""What the server says of itself and of its datasets, to whom, and how often: in HAPI's words and in HTTP's."""

from __future__ import annotations

import gzip
import json
import os
import re
import time
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.options.datastore import MARK
from ialirt_backfill.serve.datasets import datasets
from ialirt_backfill.serve.protocol import HapiRequest
from tests.serve.cores import LONG_AFTER, Core, Make, body_of

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
INFO = {
    "HAPI", "status", "startDate", "stopDate", "timeStampLocation", "cadence", "maxRequestDuration", "modificationDate",
    "description", "unitsSchema", "coordinateSystemSchema", "resourceURL", "provenance", "warning", "sampleStartDate",
    "sampleStopDate", "parameters",
}  # fmt: skip
PARAMETER = {
    "name", "type", "units", "fill", "length", "size", "label", "description", "bins", "coordinateSystemName",
    "vectorComponents",
}  # fmt: skip
ALL = list(datasets(INSTRUMENTS.values(), restricted=True))
HOUR = {"start": "2026-02-02T00:00:00Z", "stop": "2026-02-02T01:00:00Z"}
SCOPED_OF_HIT = {
    "hit_e_a_side_low_en", "hit_e_b_side_low_en", "hit_e_a_side_high_en", "hit_e_b_side_high_en",
    "hit_h_a_side_high_en", "hit_h_b_side_high_en",
}  # fmt: skip


def assert_well_described(info: dict[str, Any]) -> None:
    """All that HAPI 3.3 wants of an info."""
    assert {it for it in info if not it.startswith("x_")} <= INFO
    assert (info["HAPI"], info["status"]) == ("3.3", {"code": 1200, "message": "OK"})
    assert all(TIME.fullmatch(info[name]) for name in info if name.endswith("Date"))
    assert info["startDate"] < info["stopDate"]
    assert ("sampleStartDate" in info) == ("sampleStopDate" in info)
    assert info["unitsSchema"] == "vounits1.1"
    names = [it["name"] for it in info["parameters"]]
    assert len({name.lower() for name in names}) == len(names)
    first = info["parameters"][0]
    assert (first["name"], first["type"], first["units"], first["fill"]) == ("Time", "isotime", "UTC", None)
    for parameter in info["parameters"]:
        _assert_parameter(parameter)


def _assert_parameter(parameter: dict[str, Any]) -> None:
    assert parameter.keys() <= PARAMETER
    assert {"name", "type", "units", "fill"} <= parameter.keys()
    assert IDENTIFIER.fullmatch(parameter["name"])
    kind, fill, size = parameter["type"], parameter["fill"], parameter.get("size", [])
    assert kind in {"isotime", "string", "integer", "double"}
    assert ("length" in parameter) == (kind in {"isotime", "string"})
    assert parameter["units"] is None or parameter["units"].strip()
    assert kind != "isotime" or parameter["units"] == "UTC"
    assert all(isinstance(it, int) and it > 1 for it in size)
    assert len(size) <= 3
    if parameter["name"] != "Time":
        assert isinstance(fill, str)
    if kind == "integer":
        assert -(2**31) <= int(fill) < 2**31
    elif kind == "double":
        is_of_records = not parameter["description"].startswith("mean: ")
        has_own = is_of_records and parameter["name"] == "swe_normalized_counts"
        assert float(fill) == (-(2.0**63) if has_own else -1e31)
    elif fill is not None:
        assert len(fill) == parameter["length"] or kind == "string"
    label = parameter.get("label", "a label")
    assert label
    assert isinstance(label, str) or (len(label) == size[0] and all(label))
    if "bins" in parameter:
        assert [len(it["centers"]) for it in parameter["bins"]] == size
        assert all({"name", "units", "centers"} <= it.keys() and it["units"] for it in parameter["bins"])
    if "vectorComponents" in parameter:
        assert set(parameter["vectorComponents"]) <= {"x", "y", "z", "other"}
        assert len(parameter["vectorComponents"]) == size[0]


@pytest.mark.parametrize("id_", ALL)
def test_every_dataset_is_described_as_hapi_wants_it(core: Core, id_: str) -> None:
    info = core.info(id_)
    assert_well_described(info)
    assert "uncalibrated" in info["description"]
    assert "uncalibrated" in info["warning"]
    assert "IMAP" in info["x_acknowledgement"]
    some = [it["name"] for it in info["parameters"][2::2]]
    if some:
        less = core.json("/hapi/info", dataset=id_, parameters=",".join(some))
        assert [it["name"] for it in less["parameters"]] == ["Time", *some]
        assert [it for it in info["parameters"] if it["name"] in {"Time", *some}] == less["parameters"]


def test_the_ids_stay_for_ever() -> None:
    assert ALL == [
        "mag", "mag_1min", "mag_1h", "mag_hk", "mag_hk_1min", "mag_hk_1h", "hit", "hit_1min", "hit_1h", "swe",
        "swe_1min", "swe_1h", "swapi", "swapi_1min", "swapi_1h", "codice_lo", "codice_lo_1min", "codice_lo_1h",
        "codice_hi", "codice_hi_1min", "codice_hi_1h", "spacecraft", "spacecraft_1min", "spacecraft_1h",
        "spacecraft_status", "spacecraft_status_1min", "spacecraft_status_1h",
    ]  # fmt: skip
    assert all(IDENTIFIER.fullmatch(it) for it in ALL)


def test_what_is_measured_is_described_in_the_words_of_the_catalogue(core: Core) -> None:
    described = {it["name"]: it for id_ in ("mag", "swe", "codice_hi") for it in core.info(id_)["parameters"]}
    vector = described["mag_B_GSE"]
    assert (vector["size"], vector["units"], vector["coordinateSystemName"]) == ([3], "nT", "GSE")
    assert vector["vectorComponents"] == ["x", "y", "z"]
    counts = described["swe_normalized_counts"]
    assert (counts["type"], counts["size"], counts["units"]) == ("double", [8], "count")
    assert counts["bins"][0]["centers"][0] == 100.4
    assert counts["bins"][0]["units"] == "eV"
    assert described["swe_counterstreaming_electrons"]["type"] == "integer"
    assert described["codice_hi_epoch"]["size"] == [4]
    piece = described["codice_hi_h_4"]
    assert piece["size"] == [15, 4, 4]
    assert [it["name"] for it in piece["bins"]] == ["energy", "spin_sector", "polar"]
    assert piece["bins"][0]["ranges"][0] == pytest.approx([0.02, 0.02828427], rel=1e-6)


def test_the_mean_of_arrays_is_one_over_the_measurements_of_their_records(core: Core) -> None:
    described = {it["name"]: it for it in core.info("codice_hi_1h")["parameters"]}
    assert list(described) == ["Time", "codice_hi_h", "codice_hi_h_count", "codice_hi_records"]
    mean, piece = described["codice_hi_h"], core.info("codice_hi")["parameters"][1]
    assert (mean["size"], mean["bins"], mean["units"]) == ([15, 4, 4], piece["bins"], piece["units"])
    assert mean["description"].endswith("; of means 15 energy x 4 spin_sector x 4 polar")
    assert (described["codice_hi_h_count"]["size"], described["codice_hi_h_count"]["units"]) == ([15, 4, 4], None)


def test_the_dates_are_those_of_the_first_and_the_last_record(core: Core) -> None:
    info = core.info("mag")
    times = [row[0] for row in core.rows("mag", "2026-02-02", "2026-02-04", parameters="Time")]
    assert info["startDate"] == times[0]
    assert times[-1] < info["stopDate"]
    assert core.rows("mag", info["startDate"], info["stopDate"], parameters="Time") == [[time] for time in times]
    hours = core.info("mag_1h")
    assert (hours["startDate"], hours["stopDate"]) == ("2026-02-02T00:00:00Z", "2026-02-04T00:00:00Z")
    assert (info["cadence"], hours["cadence"], core.info("codice_lo")["cadence"]) == ("PT4S", "PT1H", "PT4M")
    sample = core.rows("mag", info["sampleStartDate"], info["sampleStopDate"])
    assert len(sample) == 900


def test_about_says_whom_to_ask_and_names_a_question_that_has_an_answer(core: Core) -> None:
    about = core.json("/hapi/about")
    assert about["contact"] == "the tests"
    assert len(about["title"]) <= 40
    query = about["dataTest"]["query"]
    assert core.rows(**query)


def test_capabilities_and_the_catalog(core: Core) -> None:
    told = core.json("/hapi/capabilities")
    assert told["outputFormats"] == ["csv", "binary", "json"]
    assert told["catalogDepthOptions"] == ["dataset", "all"]
    catalog = core.json("/hapi/catalog", depth="all")["catalog"]
    assert [it["id"] for it in catalog] == ALL
    for entry in catalog:
        assert len(entry["title"]) <= 40
        info = core.info(entry["id"])
        assert entry["info"] == {name: value for name, value in info.items() if name not in {"HAPI", "status"}}


def test_synthetic_days_are_called_so(own: Path, make: Make) -> None:
    (own / MARK).touch()
    core = make(own)
    assert "Synthetic" in core.info("mag")["warning"]
    assert "synthetic" in core.json("/hapi/about")["title"]
    assert b"Synthetic" in body_of(core.ask("/hapi"))


# --- a dataset that grows ---------------------------------------------------------------------------------------------


def test_a_dataset_that_grows_answers_beyond_its_end(whole: Path, make: Make) -> None:
    growing = make(whole, now=datetime(2026, 2, 9, tzinfo=UTC))
    beyond = growing.ask("/hapi/data", {"dataset": "hit", "start": "2026-02-05", "stop": "2027-01-01"})
    assert beyond.reason == "OK; HAPI 1201 OK - no data for time range"
    assert body_of(beyond) == b""
    for end in ("2100", "9999-12-31T23:59:59.9Z"):
        assert len(growing.rows("hit", "2026-02-03T23:00", end, parameters="Time")) == 60
    assert json.loads(growing.data("hit", "2026-02-08", "2100"))["status"]["code"] == 1201
    rests = make(whole, now=LONG_AFTER)
    refusal = rests.ask("/hapi/data", {"dataset": "hit", "start": "2026-02-03", "stop": "2026-02-05"})
    assert "1405" in refusal.reason


# --- who may see it ---------------------------------------------------------------------------------------------------

ELSEWHERE = [
    {"host": "data.example.org"}, {"host": "192.168.1.7:8080"}, {"x-forwarded-for": "10.0.0.1"}, {"via": "1.1 proxy"},
    {"x-forwarded-server": "proxy"}, {"cf-connecting-ip": "10.0.0.1"},
    {"forwarded": "for=10.0.0.1"}, {"x-real-ip": "10.0.0.1"}, {"host": "localhost", "origin": "https://example.org"},
    {"origin": "null"}, {"host": "[::1"}, {"host": "127.0.0.1.example.org"},
]  # fmt: skip
HERE = [
    {}, {"host": "localhost:8080"}, {"host": "127.0.0.1:8080"}, {"host": "[::1]:8080"},
    {"host": "localhost", "origin": "http://localhost:3000"},
]  # fmt: skip


def seen(core: Core, headers: dict[str, str] | None = None) -> tuple[set[str], set[str]]:
    """The instruments that are restricted, and the columns of HIT that are, as far as they are shown."""
    catalog = core.hapi.answer(HapiRequest("GET", "/hapi/catalog", "", headers or {}))
    ids = {it["id"] for it in json.loads(body_of(catalog))["catalog"]}
    names, means = (
        {it["name"] for it in json.loads(body_of(core.hapi.answer(asked)))["parameters"]}
        for asked in (HapiRequest("GET", "/hapi/info", f"dataset={id_}", headers or {}) for id_ in ("hit", "hit_1h"))
    )
    assert names & SCOPED_OF_HIT == means & SCOPED_OF_HIT
    return {it for it in ids if it.startswith(("mag_hk", "spacecraft_status"))}, names & SCOPED_OF_HIT


@pytest.mark.parametrize("headers", HERE)
def test_who_sits_at_this_machine_sees_all(core: Core, headers: dict[str, str]) -> None:
    ids, columns = seen(core, headers)
    assert len(ids) == 6
    assert columns == SCOPED_OF_HIT


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_who_comes_from_elsewhere_sees_what_everybody_may(core: Core, headers: dict[str, str]) -> None:
    assert seen(core, headers) == (set(), set())


def test_beyond_this_machine_only_who_was_told_to_serves_what_is_restricted(whole: Path, make: Make) -> None:
    assert seen(make(whole, exposed=True)) == (set(), set())
    ids, columns = seen(make(whole, exposed=True, restricted=True), {"host": "data.example.org"})
    assert (len(ids), columns) == (6, SCOPED_OF_HIT)


def test_what_is_not_shown_is_not_there(whole: Path, make: Make) -> None:
    core = make(whole, exposed=True)
    assert "1406" in core.ask("/hapi/data", {"dataset": "mag_hk", **HOUR}).reason
    scoped = {"dataset": "hit", "parameters": "hit_e_a_side_low_en", **HOUR}
    assert "1407" in core.ask("/hapi/data", scoped).reason
    rows = core.rows("hit", **HOUR)
    assert len(rows[0]) == len(core.info("hit")["parameters"])
    records = core.json("/hapi/info", dataset="hit_1h", parameters="hit_records")
    assert len(records["parameters"]) == 2


# --- HTTP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/hapi/catalog", {}),
        ("/hapi/info", {"dataset": "mag"}),
        ("/hapi/data", {"dataset": "mag", **HOUR}),
        ("/hapi/data", {"dataset": "mag", "format": "json", **HOUR}),
        ("/hapi/data", {"dataset": "mag_1min", "format": "binary", "include": "header", **HOUR}),
    ],
)
def test_who_has_an_answer_is_told_so_without_a_file_being_opened(
    own: Path, make: Make, path: str, query: dict[str, str]
) -> None:
    core = make(own)
    first = core.ask(path, query)
    assert first.status.value == 200
    tag = first.headers["ETag"]
    for file in own.rglob("*.csv"):  # to be seen by whoever opens it
        looked = file.stat()
        file.write_bytes(b"?" * looked.st_size)
        os.utime(file, ns=(looked.st_atime_ns, looked.st_mtime_ns))
    seen_again = [
        core.ask(path, query, if_none_match=tag),
        core.ask(path, query, if_none_match=f'"other", W/{tag}'),
        core.ask(path, query, if_none_match=tag, accept_encoding="gzip"),
    ]
    assert [(it.status.value, it.body, it.headers["ETag"][:20]) for it in seen_again] == [(304, b"", tag[:20])] * 3
    assert core.ask(path, query, method="HEAD").body == b""


def test_when_something_restricted_has_changed_is_not_told(own: Path, make: Make) -> None:
    for file in own.glob("ledger*"):
        file.unlink()
    future = time.time() + 3600
    os.utime(make(own).files("mag_hk")[1], (future, future))
    here, elsewhere = make(own), make(own, exposed=True)
    later = datetime.fromtimestamp(int(future), UTC)
    modified = [parsedate_to_datetime(it.ask("/hapi/catalog").headers["Last-Modified"]) for it in (here, elsewhere)]
    assert (modified[0] == later, modified[1] < later) == (True, True)


def test_an_answer_of_files_alone_is_had_also_by_its_time(own: Path, make: Make) -> None:
    core = make(own)
    query = {"dataset": "mag", **HOUR}
    since = core.ask("/hapi/data", query, method="HEAD").headers["Last-Modified"]
    assert core.ask("/hapi/data", query, if_modified_since=since).status.value == 304
    for odd in ("yesterday", "", "Mon, 01 Jan 99999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999"):
        assert core.ask("/hapi/data", query, if_modified_since=odd).status.value == 200
    os.utime(core.files("mag")[0])
    assert core.ask("/hapi/data", query, if_modified_since=since).status.value == 200


def test_another_version_of_a_day_is_another_answer(own: Path, make: Make) -> None:
    core = make(own)
    query = {"dataset": "mag_1h", "start": "2026-02-02", "stop": "2026-02-04"}
    tags = {core.ask("/hapi/data", query, method="HEAD").headers["ETag"]}
    path = core.files("mag")[1]
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    tags.add(core.ask("/hapi/data", query, method="HEAD").headers["ETag"])
    path.unlink()
    tags.add(core.ask("/hapi/data", query, method="HEAD").headers["ETag"])
    tags |= {core.ask("/hapi/data", query | {"format": it}, method="HEAD").headers["ETag"] for it in ("csv", "json")}
    assert len(tags) == 4


def test_head_has_the_headers_of_get(core: Core) -> None:
    for path, query in (("/hapi/about", {}), ("/hapi/data", {"dataset": "hit", **HOUR}), ("/hapi/nothing", {})):
        get, head = core.ask(path, query), core.ask(path, query, method="HEAD")
        assert (head.status, head.reason, head.headers) == (get.status, get.reason, get.headers)
        assert body_of(head) == b""


@pytest.mark.parametrize(
    ("accepted", "packs"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("gzip; q=0.0", False),
     ("identity", False), ("", False), ("br", False), ("GZIP", True)],
)  # fmt: skip
def test_an_answer_is_compressed_for_who_takes_it_so(core: Core, accepted: str, packs: bool) -> None:
    for path, query in (("/hapi/info", {"dataset": "mag"}), ("/hapi/data", {"dataset": "hit", **HOUR})):
        plain, answer = core.ask(path, query), core.ask(path, query, accept_encoding=accepted)
        assert answer.headers.get("Content-Encoding") == ("gzip" if packs else None)
        assert answer.headers["Vary"] == "Accept-Encoding"
        body = body_of(answer)
        assert (gzip.decompress(body) if packs else body) == body_of(plain)
        assert (answer.headers["ETag"] != plain.headers["ETag"]) is packs


def test_what_is_compressed_can_be_read_piece_by_piece(core: Core) -> None:
    answer = core.ask("/hapi/data", {"dataset": "mag", **HOUR}, accept_encoding="gzip")
    assert not isinstance(answer.body, bytes)
    first = next(iter(answer.body))
    assert zlib.decompressobj(31).decompress(first).startswith(b"2026-02-02T00:00:")


def test_a_slash_at_the_end_leads_to_the_place_without_it(whole: Path, make: Make) -> None:
    core = make(whole, prefix="/ialirt")
    for path, to in (("/ialirt/hapi/", "/ialirt/hapi"), ("/ialirt/hapi/info/", "/ialirt/hapi/info?dataset=mag")):
        answer = core.ask(path, {"dataset": "mag"} if "info" in path else {})
        assert (answer.status.value, answer.headers["Location"]) == (301, to)
    assert core.ask("/ialirt/hapi/nothing/").status.value == 404
    assert core.ask("/hapi/catalog").status.value == 404
    assert core.json("/ialirt/hapi/catalog")["catalog"]


def test_the_landing_page_leads_on(core: Core) -> None:
    answer = core.ask("/hapi")
    page = body_of(answer).decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    assert all(f"/hapi/info?dataset={id_}" in page for id_ in core.ids)
    assert "uncalibrated" in page


def test_an_instrument_of_ones_own_catalogue_is_served_too(own: Path, make: Make, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        """
[sun]
title = "Sun"
sentence = "How it shines."
cadence = "60s"
window = "1d"
[sun.axes.band]
unit = "nm"
values = [1.0, 2.0]
[sun.fields]
sun_flux = { list = "band", unit = "W.m**-2" }
[swapi]
scopes = ["full"]
""",
        encoding="utf-8",
    )
    path = own / "ialirt/2026/02/imap_ialirt_sun_20260202.csv"
    path.write_text("time_utc,sun_flux_1,sun_flux_2\n2026-02-02T00:00:01,1.5,\n", encoding="utf-8")
    for ledger in own.glob("ledger*"):
        ledger.unlink()
    core = make(own, catalogue=str(catalogue), exposed=True)
    assert {"sun", "sun_1min", "sun_1h"} <= set(core.ids)
    assert "swapi" not in core.ids
    flux = core.info("sun")["parameters"][1]
    assert (flux["size"], flux["units"], flux["bins"][0]["centers"]) == ([2], "W.m**-2", [1.0, 2.0])
    assert core.rows("sun", "2026-02-02", "2026-02-03", parameters="sun_flux") == [
        ["2026-02-02T00:00:01Z", [1.5, -1e31]]
    ]
