"""What is found of the server: over real connections, and of what cannot be had on this machine."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import trustme

from ialirt_backfill.ask.overheard import addresses
from ialirt_backfill.doctor import server
from ialirt_backfill.doctor.asking import Answers, ask
from ialirt_backfill.doctor.findings import Finding, Verdict
from ialirt_backfill.options import DoctorOptions
from ialirt_backfill.simulator import Answer, Redirect, Reset, Simulator, Times
from tests.support.access import KEY
from tests.support.clock import Clock
from tests.support.servers import EMPTY, Keeping, http_answer

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


def test_one_dead_address_among_others_is_a_notice(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """One name, two addresses of this machine, and the server listens at the second only."""
    port = urlsplit(simulator.url).port
    places = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
    resolve = socket.getaddrinfo

    def two(host: str, *args: Any, **more: Any) -> list[Any]:
        if host != "localhost":
            return resolve(host, *args, **more)
        return [(family, socket.SOCK_STREAM, 6, "", place) for family, place in places]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    found = odd(heard(f"http://localhost:{port}", "hit"))
    assert set(found) == {"address"}
    assert found["address"].verdict is Verdict.NOTICE
    assert found["address"].seen.startswith("::1 takes no connection: ")
    assert found["address"].advice == "the others are used"
    del places[1]
    alone = odd(heard(f"http://localhost:{port}", "hit"))
    assert {check: it.verdict for check, it in alone.items()} == dict.fromkeys(("address", "reached"), Verdict.WRONG)


def test_none_at_all(usual: Answers) -> None:
    plain = replace(usual, server=replace(usual.server, url="http://ialirt.example"))
    assert odd(plain)["TLS"].seen.startswith("plain http: ")


def test_slow_answers(usual: Answers) -> None:
    first, *others = usual.server.exchanges
    for slow, verdict in ((others, Verdict.NOTICE), ([first], None)):
        exchanges = [replace(it, seconds=11.0) if it in slow else it for it in usual.server.exchanges]
        found = odd(replace(usual, server=replace(usual.server, exchanges=exchanges)))
        assert {it.verdict for it in found.values()} == ({verdict} if verdict else set())


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


def secured(authority: trustme.CA, begins: datetime | None = None, ends: datetime | None = None) -> Keeping:
    """A server with a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_before=begins, not_after=ends).configure_cert(context)
    return Keeping(lambda _: EMPTY, tls=context)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this machine trusts, for now."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
    return made


def tls_of(answers: Answers, now: datetime) -> Finding:
    [found] = [it for it in server.examine(answers.server, now) if it.check == "TLS"]
    return found


def test_with_tls(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    with secured(authority) as running:
        answers = heard(running.url, "hit")
        [address] = addresses(running.url, 4.0, 15.0)
    assert answers.server.connections[-1].tls in {"TLSv1.2", "TLSv1.3"}
    assert not address.failure
    assert tls_of(answers, NOW).verdict is Verdict.OK
    assert tls_of(answers, NOW).seen.endswith("the certificate is trusted")
    monkeypatch.delenv("SSL_CERT_FILE")
    with secured(authority) as running:
        found = odd(heard(running.url, "hit"))
    assert "the server's certificate cannot be trusted" in found["reached"].seen
    assert "certificate verify failed" in found["address"].seen


def test_a_certificate_that_ends_soon_or_has_ended(authority: trustme.CA) -> None:
    now = datetime.now(UTC)
    with secured(authority, ends=now + timedelta(days=5)) as running:
        soon = tls_of(heard(running.url, "hit"), now)
    assert soon.verdict is Verdict.NOTICE
    assert soon.seen.endswith(f"; the certificate ends {now + timedelta(days=5):%Y-%m-%d}")
    with secured(authority, now - timedelta(days=9), now - timedelta(days=1)) as running:
        found = odd(heard(running.url, "hit"))
    assert {check: it.verdict for check, it in found.items()} == dict.fromkeys(("address", "reached"), Verdict.WRONG)
    assert "certificate has expired" in found["reached"].seen


def test_a_fault_of_the_first_request_stops_no_other(simulator: Simulator) -> None:
    simulator.faults = Times(1, Reset())
    answers = heard(simulator.url)
    assert set(odd(answers)) == {"public"}
    assert odd(answers)["public"].seen.startswith("it cannot be told: the connection broke")
    assert all(heard.failure is None for asked in answers.asked for heard in asked.all)


def test_the_servers_clock_is_the_present(simulator: Simulator, clock: Clock) -> None:
    simulator.date_ahead = timedelta(hours=5)
    answers = ask(DoctorOptions(instrument="hit", url=simulator.url))
    ahead = answers.now - datetime.now(UTC)
    assert timedelta(hours=4, minutes=58) < ahead < timedelta(hours=5, minutes=2)


def test_a_clock_that_no_answer_tells() -> None:
    """Nor what the key may, or what is public, where nothing is answered."""
    refusal = http_answer(b"{}", "Retry-After: 3600", status="429 Too Many Requests")
    with Keeping(lambda _: refusal) as running:
        answers = heard(running.url, "hit")
    found = odd(answers)
    assert {check: it.seen for check, it in found.items()} == {
        "clock": "it cannot be told: no answer says when it was given",
        "key": "it cannot be told: no request was answered",
        "public": "it cannot be told: HTTP 429 Too Many Requests: {}",
    }
    assert answers.requests == 3


def test_a_clock_that_the_first_request_did_not_tell(simulator: Simulator) -> None:
    simulator.date_ahead = timedelta(hours=-3)
    simulator.faults = Times(1, Reset())
    assert odd(heard(simulator.url))["clock"].seen == "this machine's clock is 180 min ahead of the server's"


def test_who_is_refused_without_a_key_too_is_not_told_to_look_at_the_key(simulator: Simulator) -> None:
    simulator.faults = lambda request: Answer(403)
    found = odd(heard(simulator.url))
    assert found["key"].seen.startswith("every caller is refused, one without a key too: HTTP 403 Forbidden")
    assert found["public"].seen == "it cannot be told: HTTP 403 Forbidden: Forbidden"
