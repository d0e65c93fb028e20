"""Carry a plan out with N workers. A day that fails never stops the others."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from ialirt_backfill.ending import Stop
from ialirt_backfill.plan.decisions import Decision
from ialirt_backfill.run.circuit import Circuit
from ialirt_backfill.run.context import Context
from ialirt_backfill.run.events import DayOutcome
from ialirt_backfill.run.instrument_day import carry_out
from ledger import DayStatus, Ledger, LedgerError

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 30.0
DENIED_DAYS = 3
"""So many days refused, one of every instrument among them, and none answered, end the run: key or address is wrong."""


CarryOut = Callable[[Context, Decision], DayOutcome | Decision]
"""How a day is carried out: here (`carry_out`), or elsewhere on behalf of the worker that waits for it."""


class Queue:
    """The days to work on, in the order of the plan; the instrument with the fewest days in work comes first.

    So an instrument whose requests hang holds up its own days only, as long as others have any left.
    """

    def __init__(self, decisions: Iterable[Decision], is_open: Callable[[str], bool] = lambda _: False) -> None:
        self._is_open = is_open
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[int, Decision]]] = {}
        self._in_work: Counter[str] = Counter()
        for place, decision in enumerate(decisions):
            self._waiting.setdefault(decision.instrument.name, deque()).append((place, decision))

    def take(self) -> Decision | None:
        """The next day, None when there is none left."""
        with self._lock:
            names = [name for name, waiting in self._waiting.items() if waiting and not self._is_open(name)]
            if not names:
                return None
            name = min(names, key=lambda name: (self._in_work[name], self._waiting[name][0][0]))
            self._in_work[name] += 1
            return self._waiting[name].popleft()[1]

    def left(self) -> dict[str, int]:
        """How many days of each instrument are not worth being begun."""
        with self._lock:
            return {name: len(it) for name, it in self._waiting.items() if it and self._is_open(name)}

    def done(self, decision: Decision) -> None:
        """The day is no longer in work."""
        with self._lock:
            self._in_work[decision.instrument.name] -= 1


class Runner:
    """Carries the asking decisions of one plan out.

    ``stop`` ends the run after the requests in flight; set it from a signal handler. After :meth:`run`, ``ended`` tells
    why the run ended before its plan did (None: it did not), ``ledger_error`` holds what the ledger failed with, and
    ``broken_days`` counts those of which a fault of this program left not even a result.
    """

    def __init__(
        self, context: Context, *, jobs: int, stop: Stop, fail_fast: bool = False, ask: CarryOut = carry_out
    ) -> None:
        self._context, self._jobs, self._stop, self._fail_fast, self._ask = context, jobs, stop, fail_fast, ask
        self._lock = threading.Lock()
        self._no_more = threading.Event()
        self._denied_days = self._answered_days = 0
        self._not_denied: set[str] = set()
        self.outcomes: list[DayOutcome] = []
        self.skipped: list[Decision] = []
        self.ended: str | None = None
        self.circuit = Circuit()
        self.ledger_error: LedgerError | None = None
        self.broken_days = 0

    def run(self, decisions: Iterable[Decision]) -> None:
        """Work on the days until none is left or the run is stopped."""
        asking = [decision for decision in decisions if decision.action.asks]
        self._not_denied = {decision.instrument.name for decision in asking}
        queue = Queue(asking, self.circuit.is_open)
        with ThreadPoolExecutor(self._jobs, "worker") as pool:
            workers = self._started(pool, queue)
            try:
                for worker in workers:
                    worker.result()
            except BaseException:  # whatever ends the waiting ends the run: the workers are waited for either way
                self._stop.set()
                raise
        if (left := queue.left()) and self.ended is None:
            self.ended = self.circuit.sentence(left)
            self._context.listener.stopping(self.ended)

    def _started(self, pool: ThreadPoolExecutor, queue: Queue) -> list[Future[None]]:
        """The workers, or fewer where this machine starts no more threads."""
        started: list[Future[None]] = []
        for number in range(self._jobs):
            try:
                # Each in a copy of the context: whoever logs by context (Prefect does) finds the run again.
                started.append(pool.submit(contextvars.copy_context().run, self._work, queue))
            except RuntimeError as error:
                if not started:
                    raise
                log.warning("working with --jobs %d: this machine says %s", number, error)
                break
        return started

    def _work(self, queue: Queue) -> None:
        while not (self._stop.is_set() or self._no_more.is_set()) and (decision := queue.take()) is not None:
            try:
                self._take_in(self._ask(self._context, decision))
            except LedgerError as error:
                log.warning("%s %s: without a result", decision.instrument.name, decision.day)
                self._lose_ledger(error)
            except Exception:
                log.exception("%s %s: unexpected failure; please report this", decision.instrument.name, decision.day)
                self.broken_days += 1
            finally:
                queue.done(decision)

    def _take_in(self, result: DayOutcome | Decision) -> None:
        with self._lock:
            if isinstance(result, Decision):
                self.skipped.append(result)
            else:
                self.outcomes.append(result)
                self.circuit.note(result)
                self._answered_days += not result.denied and bool(result.requests)
                if result.denied:
                    self._denied_days += 1
                    self._not_denied.discard(result.instrument.name)
        if isinstance(result, Decision):
            self._context.listener.day_skipped(result)
            return
        self._context.listener.day_finished(result)
        if self.circuit.never_reached is not None:
            self._end(self.circuit.never_reached)
        elif self._fail_fast and result.status is DayStatus.FAILED and not result.interrupted:
            self._end("stopped at the first failure (--fail-fast)")
        elif self._denied_days >= DENIED_DAYS and not (self._answered_days or self._not_denied):
            self._end("the server refuses every request: check the API key and --url")

    def _lose_ledger(self, error: LedgerError) -> None:
        with self._lock:
            is_first = self.ledger_error is None
            self.ledger_error = error
        if is_first:
            log.error("%s", error)
        self._end("the ledger cannot be used")

    def _end(self, why: str) -> None:
        with self._lock:
            if self._no_more.is_set():
                return
            self._no_more.set()
            self.ended = why
        self._context.listener.stopping(why)


@contextmanager
def heartbeat(ledger: Ledger, run_id: str) -> Iterator[None]:
    """Keep the run's claims alive."""
    finished = threading.Event()

    def beat() -> None:
        while not finished.wait(HEARTBEAT_SECONDS):
            try:
                ledger.renew(run_id)
            except LedgerError as error:
                log.warning("the claims could not be renewed: %s", error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(beat,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
