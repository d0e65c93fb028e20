"""What the server is, by what was heard of it. Pure: no request, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from urllib.parse import urlsplit

from ialirt_backfill.ask.overheard import Address, Connection, Exchange, Heard
from ialirt_backfill.doctor.findings import Finding, Part, Verdict
from ialirt_backfill.instruments import PUBLIC_SINCE, SCOPES
from ialirt_backfill.options.hosts import is_loopback
from ialirt_backfill.plan.access import WHERE_A_KEY_IS_PUT, Admission, NoAccess, Refusal, Want

CLOCK_TOLERANCE_SECONDS = 60.0
_SLOW_SECONDS = 10.0
_SOON = timedelta(days=14)
_WORTH_COMPRESSING = 16_384


@dataclass(frozen=True, slots=True)
class HeardServer:
    """What was heard. ``addresses`` is empty behind a proxy, ``probe`` what came of asking without a key for the oldest
    data; ``most_at_once`` is how many requests were made at once. ``clock_error_seconds`` is None where no answer told
    the time."""

    url: str
    addresses: Sequence[Address]
    exchanges: Sequence[Exchange]
    connections: Sequence[Connection]
    clock_error_seconds: float | None
    probe: Heard
    admission: Admission
    most_at_once: int = 1

    @property
    def sends_on(self) -> bool:
        """Whether it sent the first request on, and never to an answer."""
        return bool(self.probe.exchanges) and _is_redirect(self.probe.exchanges[-1])


def _is_redirect(exchange: Exchange) -> bool:
    return 300 <= exchange.reply.status < 400


def examine(server: HeardServer, now: datetime) -> list[Finding]:
    """What is found of the server."""
    return [*_examined(server, now)]


def _examined(server: HeardServer, now: datetime) -> Iterator[Finding]:
    yield from _addresses(server)
    if not server.exchanges:
        failure = str(server.probe.failure)
        yield _finding("reached", Verdict.WRONG, failure, f"an answer from {server.url}", "check --url and the network")
        return
    yield _finding("reached", Verdict.OK, f"{server.url} answers")
    yield _tls(server, now)
    yield _redirect(server)
    yield _clock(server)
    yield _latency(server)
    yield _compression(server)
    yield _kept(server)
    yield _key(server)
    yield _public(server)


def _finding(check: str, verdict: Verdict, seen: str, expected: str = "", advice: str = "") -> Finding:
    return Finding(Part.SERVER, "server", check, verdict, seen, expected, advice)


def _addresses(server: HeardServer) -> Iterator[Finding]:
    works = any(not it.failure for it in server.addresses)
    for address in server.addresses:
        if not address.failure:
            seen = f"{address.place} takes a connection in {1000 * address.seconds:.0f} ms"
            yield _finding("address", Verdict.OK, seen)
        else:
            seen = f"{address.place} takes no connection: {address.failure}"
            advice = "the others are used" if works else "check the network, a firewall, and --url"
            verdict = Verdict.NOTICE if works else Verdict.WRONG
            yield _finding("address", verdict, seen, "a connection", advice)


def _tls(server: HeardServer, now: datetime) -> Finding:
    used = server.connections[-1]
    if used.tls is None:
        host = urlsplit(server.url).hostname or ""
        if is_loopback(host):
            return _finding("TLS", Verdict.OK, "none, on this machine")
        seen = "plain http: anybody on the way can read and change the answers"
        return _finding("TLS", Verdict.NOTICE, seen, "https", "give --url as https://…")
    if used.expires is not None and used.expires - now < _SOON:
        seen = f"{used.tls}; the certificate ends {used.expires:%Y-%m-%d}"
        return _finding("TLS", Verdict.NOTICE, seen, "one for weeks to come", "the server's operator renews it")
    return _finding("TLS", Verdict.OK, f"{used.tls}, the certificate is trusted")


def _redirect(server: HeardServer) -> Finding:
    sent = [it for it in server.exchanges if _is_redirect(it)]
    if not sent:
        return _finding("redirect", Verdict.OK, "none")
    target = urlsplit(sent[0].reply.headers.get("Location") or "").netloc or "another path"
    if server.sends_on:
        seen = f"a request was sent on to {target}, {len(sent)} times in all, and to no answer"
        return _finding("redirect", Verdict.WRONG, seen, "an answer", "check --url; nothing else was asked")
    advice = "give that address as --url; the key is sent to no other host"
    return _finding("redirect", Verdict.NOTICE, f"{len(sent)} requests were sent on to {target}", "none", advice)


def _clock(server: HeardServer) -> Finding:
    error = server.clock_error_seconds
    if error is None:
        seen, advice = "it cannot be told: no answer says when it was given", "a proxy on the way may leave it out"
        return _finding("clock", Verdict.NOTICE, seen, "the header Date", advice)
    if abs(error) <= CLOCK_TOLERANCE_SECONDS:
        return _finding("clock", Verdict.OK, "this machine's and the server's agree within a minute")
    way = "ahead of" if error > 0 else "behind"
    return _finding(
        "clock", Verdict.WRONG, f"this machine's clock is {round(abs(error) / 60)} min {way} the server's",
        "within a minute", "set it right: behind, it leaves the newest records out; ahead, it asks too often",
    )  # fmt: skip


def _latency(server: HeardServer) -> Finding:
    seconds = [it.seconds for it in server.exchanges]
    seen = f"{median(seconds):.2f} s to a whole answer, {max(seconds):.2f} s at most"
    if median(seconds) <= _SLOW_SECONDS:
        return _finding("latency", Verdict.OK, seen)
    advice = "nothing is lost; a larger --timeout spares retries where it is near to it"
    return _finding("latency", Verdict.NOTICE, seen, f"{_SLOW_SECONDS:g} s, half of the answers sooner", advice)


def _compression(server: HeardServer) -> Finding:
    large = [it for it in server.exchanges if len(it.reply.body or b"") >= _WORTH_COMPRESSING]
    plain = [it for it in large if "content-encoding" not in {name.lower() for name in it.reply.headers}]
    if not large:
        return _finding("compression", Verdict.OK, "no answer was large enough to tell")
    if not plain:
        return _finding("compression", Verdict.OK, f"{len(large)} large answers came compressed")
    seen = f"{len(plain)} of {len(large)} large answers came as they are"
    return _finding("compression", Verdict.NOTICE, seen, "gzip", "nothing is lost; more goes over the network")


def _kept(server: HeardServer) -> Finding:
    old = [it for it in server.exchanges if it.reply.version < 11]
    requests, opened = len(server.exchanges), len(server.connections)
    seen = f"{requests} requests over {opened} connections"
    if old:
        seen = f"HTTP/1.0, {seen}"
    elif opened < requests or requests <= server.most_at_once:
        return _finding("connections", Verdict.OK, seen)
    advice = "nothing is lost, every request is slower; a proxy on the way, or the server, has changed"
    return _finding("connections", Verdict.NOTICE, seen, "HTTP/1.1, connections that are kept", advice)


def _key(server: HeardServer) -> Finding:
    """What the key may."""
    admission = server.admission
    if not admission.has_key:
        return _finding("key", Verdict.OK, "none: what is public, as it is shown to everybody")
    if not admission.answered and not admission.refusals:
        seen, advice = "it cannot be told: no request was answered", "see below why; ask again later"
        return _finding("key", Verdict.NOTICE, seen, "an answer, or a refusal", advice)
    if not admission.answered and any(it.want is Want.OTHER_KEY for it in admission.refusals):
        if (without := _refusal(server.probe)) is not None and without.want is Want.OTHER_KEY:
            seen, advice = f"every caller is refused, one without a key too: {without.words}", "check --url"
            return _finding("key", Verdict.WRONG, seen, "answers", f"{advice}; is this network let in at all?")
        words = next(it.words for it in admission.refusals if it.want is Want.OTHER_KEY)
        advice = f"check it ({WHERE_A_KEY_IS_PUT}); has it been revoked?"
        return _finding("key", Verdict.WRONG, f"it is unknown: {words}", "a key that the server knows", advice)
    if admission.shown:
        return _finding("key", Verdict.OK, f"full: it is shown what needs scope {' or '.join(SCOPES)}")
    if any(it.want is Want.SCOPE for it in admission.refusals):
        return _finding("key", Verdict.OK, "known, without a scope: data of all times, nothing restricted")
    return _finding("key", Verdict.OK, "known; no answer tells whether it has a scope")


def _public(server: HeardServer) -> Finding:
    """Since when data are public, by the refusal of the oldest."""
    failure, expected = server.probe.failure, f"{PUBLIC_SINCE:%Y-%m-%d %H:%M:%S}Z"
    if failure is None:
        advice = "all the better: days before need no key any more"
        return _finding("public", Verdict.NOTICE, "everything since launch is public", f"since {expected}", advice)
    refusal = _refusal(server.probe)
    before = refusal.before if refusal else None
    if before is None:
        seen = f"it cannot be told: {refusal.words if refusal else failure}"
        return _finding("public", Verdict.NOTICE, seen, f"the refusal of data before {expected}", "report it")
    if before == PUBLIC_SINCE:
        return _finding("public", Verdict.OK, f"since {expected}")
    seen, advice = f"since {before:%Y-%m-%d %H:%M:%S}Z", "nothing is lost: a run believes what the server says"
    return _finding("public", Verdict.NOTICE, seen, f"since {expected}", advice)


def _refusal(heard: Heard) -> Refusal | None:
    return heard.failure.refusal if isinstance(heard.failure, NoAccess) else None
