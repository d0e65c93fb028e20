"""I-ALiRT is not reached, or no longer: the run ends, and its days are as they were."""

from __future__ import annotations

import math
import ssl
from datetime import date, timedelta
from pathlib import Path

import trustme

from ialirt_backfill.options import PollOptions
from ialirt_backfill.run.poll import has_failed, polling
from ialirt_backfill.run.report import Report
from ialirt_backfill.simulator import Silence, Simulator, Times
from ledger import AttemptStatus, DayStatus
from tests.support.access import KEYS
from tests.support.clock import NOW, Clock
from tests.support.commands import Command
from tests.support.ledgers import DAY
from tests.support.places import Place
from tests.support.servers import EMPTY, Keeping

NOWHERE = "http://127.0.0.1:9"
LAST = DAY + timedelta(days=19)


def traces(place: Place) -> tuple[int, int]:
    """How many days the ledger knows of, and how many attempts."""
    with place.ledger() as ledger:
        keys = ["HIT_IALIRT", "SWE_IALIRT", "CODICE_LO_IALIRT"]
        rows = ledger.days(keys, DAY, LAST)
        tried = sum(len(ledger.attempts(*key)) for key in rows)
    return sum(row.status is not DayStatus.PENDING for row in rows.values()), tried


def failed(report: Report) -> list[tuple[str, date]]:
    return [(it.instrument.name, it.day) for it in report.results if it.status is DayStatus.FAILED]


def test_where_nothing_is_reached_no_day_fails_and_the_plain_command_fetches_all(place: Place) -> None:
    report = place.run("hit,swe", DAY, LAST, jobs=4, url=NOWHERE)
    assert (report.exit_code, report.never_reached, report.results) == (2, True, ())
    assert "cannot be reached ([Errno 111] Connection refused)" in str(report.ended)
    assert traces(place) == (0, 0)
    again = place.run("hit,swe", DAY, LAST, jobs=4)
    assert (again.exit_code, again.summary["downloaded"]) == (0, 40)


def test_a_certificate_that_is_not_trusted_costs_a_request_or_two_and_the_store_is_named(
    command: Command, tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    words = ("--instrument", "hit", "--start", str(DAY), "--end", str(LAST), "--as-of", NOW, "--json")
    with Keeping(lambda _: EMPTY, context) as server:
        done = command(*words, "--url", server.url)
        assert done.code == 2
        assert server.heads == []
        assert "Ended early: the server's certificate cannot be trusted (unable to get local issuer" in done.err
        assert "SSL_CERT_FILE" in done.err
        assert "--url" not in done.err.partition("Ended early")[2]
        assert done.json["results"] == []
        authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
        assert command(*words, "--url", server.url, SSL_CERT_FILE=str(tmp_path / "company.pem")).code == 0


def test_a_server_that_goes_silent_ends_the_run_and_leaves_the_other_days_as_they_were(place: Place) -> None:
    assert place.run("hit,swe,codice_lo", DAY, DAY, jobs=3).exit_code == 0
    place.simulator.faults = Times(math.inf, Silence())
    report = place.run("hit,swe,codice_lo", DAY + timedelta(days=1), LAST, jobs=3)
    assert report.exit_code == 1
    assert "each of hit, swe, codice_lo did not reach I-ALiRT (no whole answer in time" in str(report.ended)
    assert 9 <= len(failed(report)) <= 11
    assert traces(place) == (3 + len(failed(report)), 3 + len(failed(report)))
    place.simulator.faults = ()
    again = place.run("hit,swe,codice_lo", DAY, LAST, jobs=3)
    assert again.summary["downloaded"] == 57 - len(failed(report))
    assert again.summary["skipped_failed"] == len(failed(report))


def test_an_instrument_that_hangs_alone_costs_a_few_tries_not_five_of_every_day(place: Place) -> None:
    place.simulator.faults = Times(math.inf, Silence(), instrument="hit")
    report = place.run("hit,swe,codice_lo", DAY, LAST, jobs=3)
    assert report.exit_code == 1
    assert "3 days in a row of hit did not reach I-ALiRT" in str(report.ended)
    assert {name for name, _ in failed(report)} == {"hit"}
    assert 3 <= len(failed(report)) <= 5
    assert report.summary["downloaded"] == 40
    # Three days at once come down through five sizes, two tries of each; the two begun after them are not halved.
    assert sum(request.instrument == "hit" for request in place.simulator.requests) <= 3 * 5 * 2 + 2 * 2


def test_in_a_poll_it_ends_the_pass_and_the_next_one_tries_again(place: Place, clock: Clock) -> None:
    options = PollOptions(
        instrument="hit,swe", datastore=str(place.datastore), url=place.simulator.url, since=DAY - timedelta(days=9),
        timeout=timedelta(seconds=5),
    )  # fmt: skip
    clock.set(f"{DAY}T12:00:00")
    port = int(place.simulator.url.rpartition(":")[2])
    place.simulator.stop()
    with polling(options, key=next(iter(KEYS)), clock=lambda: clock.now) as poll:
        for _ in range(2):
            this = poll.begin()
            assert [it.decision.action.asks for it in this.tails] == [True, True]
            poll.ask(this)
            report = poll.catch_up(this)
            assert has_failed(report)
            assert "cannot be reached" in str(report.ended)
            assert {it.day for it in report.outcomes} == {DAY}  # no other day was tried
            assert report.results == ()
            clock.now += timedelta(minutes=5)
        with Simulator(seed=264, now=clock, keys=KEYS, port=port):
            this = poll.begin()
            poll.ask(this)
            report = poll.catch_up(this)
        assert not has_failed(report)
        assert report.summary["downloaded"] == 20
        clock.now += timedelta(minutes=5)
        this = poll.begin()  # and now it was reached, and is no more
        poll.ask(this)
        report = poll.catch_up(this)
        assert [it.status for it in report.results] == [DayStatus.FAILED] * 2
    with place.ledger() as ledger:
        statuses = [it.status for it in ledger.attempts("HIT_IALIRT", DAY)]
    assert set(statuses) == {AttemptStatus.DOWNLOADED, AttemptStatus.FAILED}
    assert len(statuses) == 2
