"""What is found of the server: over real connections, and of what cannot be had on this machine."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

from ialirt_backfill.ask.overheard import Address, Connection, addresses
from ialirt_backfill.doctor import asking, server
from ialirt_backfill.doctor.asking import Answers, ask
from ialirt_backfill.doctor.findings import Finding, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.simulator import Redirect, Reset, Silence, Simulator, Times
from tests.support.access import KEY
from tests.support.clock import Clock
from tests.support.servers import EMPTY, Keeping

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", KEY)


def heard(url: str, instrument: str = "hit,swe", **more: Any) -> Answers:
    return ask(DoctorOptions(instrument=instrument, url=url, as_of=NOW, **more))


def odd(answers: Answers) -> dict[str, Finding]:
    """What is not ok, by check."""
    return {it.check: it for it in server.examine(answers.server, NOW) if it.verdict is not Verdict.OK}


@pytest.fixture(scope="module")
def usual() -> Answers:
    """What is heard of a server about which nothing is odd."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch, Simulator(seed=264, now=clock, keys={KEY: ("full",)}) as simulator:
        patch.setenv("IALIRT_API_KEY", KEY)
        return heard(simulator.url)


def test_nothing_is_odd(usual: Answers) -> None:
    assert odd(usual) == {}


def test_one_dead_address_among_others_is_a_notice(usual: Answers) -> None:
    dead = Address("2001:db8::1", 4.0, "timed out")
    both = replace(usual, server=replace(usual.server, addresses=[*usual.server.addresses, dead]))
    assert odd(both)["address"].verdict is Verdict.NOTICE
    assert odd(both)["address"].seen == "2001:db8::1 takes no connection: timed out"
    alone = replace(usual, server=replace(usual.server, addresses=[dead]))
    assert odd(alone)["address"].verdict is Verdict.WRONG


def test_a_certificate_that_ends_soon_and_none_at_all(usual: Answers) -> None:
    soon = Connection("192.0.2.1", "TLSv1.3", NOW + timedelta(days=3))
    ends = replace(usual, server=replace(usual.server, connections=[soon]))
    assert odd(ends)["TLS"].seen == "TLSv1.3; the certificate ends 2026-03-04"
    plain = replace(usual, server=replace(usual.server, url="http://ialirt.example"))
    assert odd(plain)["TLS"].seen.startswith("plain http: ")


def test_slow_answers(usual: Answers) -> None:
    slow = [replace(it, seconds=11.0) for it in usual.server.exchanges]
    assert odd(replace(usual, server=replace(usual.server, exchanges=slow)))["latency"].verdict is Verdict.NOTICE


def test_answers_that_are_not_compressed(simulator: Simulator) -> None:
    simulator.compresses = False
    found = odd(heard(simulator.url))
    assert set(found) == {"compression"}
    assert found["compression"].seen == "4 of 4 large answers came as they are"


def test_everything_is_public(simulator: Simulator) -> None:
    simulator.public_since = datetime(2025, 1, 1, tzinfo=UTC)
    found = odd(heard(simulator.url))
    assert set(found) == {"public"}
    assert found["public"].seen == "everything since launch is public"


def test_a_redirect_is_told_of(simulator: Simulator, clock: Clock) -> None:
    with Simulator(seed=264, now=clock, keys=simulator.keys) as elsewhere:
        simulator.faults = lambda it: Redirect(f"{elsewhere.url}{it.path}?{urlencode(it.parameters)}")
        found = odd(heard(simulator.url, "hit"))
        assert found["redirect"].seen == f"2 requests were sent on to {elsewhere.url.removeprefix('http://')}"
        assert not any(request.key for request in elsewhere.requests)


def test_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Keeping(lambda _: EMPTY, tls=context) as running:
        answers = heard(running.url, "hit")
        [address] = addresses(running.url, 4.0)
    assert answers.server.connections[-1].tls in {"TLSv1.2", "TLSv1.3"}
    assert answers.server.connections[-1].expires is not None
    assert not address.failure
    [tls] = [it for it in server.examine(answers.server, NOW) if it.check == "TLS"]
    assert tls.verdict is Verdict.OK
    assert tls.seen.endswith("the certificate is trusted")
    monkeypatch.delenv("SSL_CERT_FILE")
    with Keeping(lambda _: EMPTY, tls=context) as running:
        found = odd(heard(running.url, "hit"))
    assert "the server's certificate cannot be trusted" in found["reached"].seen
    assert "certificate verify failed" in found["address"].seen


def test_a_fault_of_the_first_request_stops_no_other(simulator: Simulator) -> None:
    simulator.faults = Times(1, Reset())
    answers = heard(simulator.url)
    assert set(odd(answers)) == {"public"}
    assert odd(answers)["public"].seen.startswith("it cannot be told: the connection broke")
    assert all(heard.failure is None for asked in answers.asked for heard in asked.all)


def test_a_server_that_says_nothing(simulator: Simulator) -> None:
    simulator.faults = lambda request: Silence()
    answers = heard(simulator.url, "hit", timeout=timedelta(seconds=0.3))
    assert odd(answers)["reached"].seen.startswith("no whole answer in time")
    assert [str(it.failure)[:23] for asked in answers.asked for it in asked.all] == ["no whole answer in time"] * 2


def test_no_request_is_begun_when_the_time_is_over(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.0)
    answers = heard(simulator.url)
    assert len(simulator.requests) == 1  # the one without a key
    assert all("not asked" in str(it.failure) for asked in answers.asked for it in asked.all)


def test_the_servers_clock_is_the_present(simulator: Simulator, clock: Clock) -> None:
    simulator.date_ahead = timedelta(hours=5)
    answers = ask(DoctorOptions(instrument="hit", url=simulator.url))
    ahead = answers.now - datetime.now(UTC)
    assert timedelta(hours=4, minutes=58) < ahead < timedelta(hours=5, minutes=2)
