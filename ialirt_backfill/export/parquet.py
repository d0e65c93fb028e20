"""Write the months of which a day has changed: options -> plan -> files, one after another -> report."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from ialirt_backfill import __version__
from ialirt_backfill.ending import EXIT_FAILED, Stop
from ialirt_backfill.exceptions import DayFileError, ExportError, Interrupted, UsageError
from ialirt_backfill.export.columns import fingerprint
from ialirt_backfill.export.events import ExportAction, ExportDecision, ExportListener, ExportReport, MonthOutcome
from ialirt_backfill.export.folder import Folder, FolderKind
from ialirt_backfill.export.month import Month
from ialirt_backfill.export.planning import ExportPlanner
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.listening import guarded
from ialirt_backfill.options import ExportOptions
from ialirt_backfill.options.recorded import recorded
from ialirt_backfill.store.demonstration import is_synthetic_throughout
from ialirt_backfill.store.places import day_path
from ledger import Ledger

log = logging.getLogger(__name__)


def export_parquet(
    options: ExportOptions, *, listener: ExportListener | None = None, stop: Stop | None = None
) -> ExportReport:
    """Write the files of which a day has changed since they were last written.

    ``stop`` ends it after the file in work. Raises UsageError, ExportError (before any file is touched) and
    ledger.LedgerError; what happens to single days is in the report.
    """
    listener, stop = guarded(listener or ExportListener()), stop or Stop()
    root = options.folder
    if not Path(options.datastore).is_dir():
        raise UsageError(f"--datastore {options.datastore}: there is no such folder")
    is_synthetic_throughout(options, None)
    with ExitStack() as stack:
        ledger = (Ledger.open_existing if options.dry_run else Ledger.open)(options.ledger_url)
        if ledger is not None:
            stack.enter_context(ledger)
        folder = Folder(root, FolderKind(options.public, is_synthetic_throughout(options, ledger)))
        folder.refuse_mixing()
        planner = ExportPlanner(options, folder, ledger)
        if options.dry_run or ledger is None:
            plan = planner.plan(datetime.now(UTC) if ledger is None else ledger.now())
            listener.planned(plan)
            return _report(planner, plan)
        with _run(planner, ledger, stop, listener) as run:
            run.go()
        return run.report()


def _report(
    planner: ExportPlanner,
    plan: tuple[ExportDecision, ...],
    run_id: str | None = None,
    outcomes: Iterable[MonthOutcome] = (),
) -> ExportReport:
    options, folder = planner.options, planner.folder
    return ExportReport(
        to=folder.root,
        public=options.public,
        run_id=run_id,
        plan=plan,
        outcomes=tuple(outcomes),
        is_synthetic=folder.kind.synthetic,
        datastore=options.datastore_shown,
        ledger=options.ledger_shown,
    )


@dataclass(slots=True)
class _Run:
    """A row in the ledger's list of runs, and what came of it."""

    planner: ExportPlanner
    ledger: Ledger
    run_id: str
    stop: Stop
    listener: ExportListener
    plan: tuple[ExportDecision, ...] = ()
    outcomes: list[MonthOutcome] = field(default_factory=list)

    @property
    def folder(self) -> Folder:
        return self.planner.folder

    def go(self) -> None:
        """Plan and write, alone in the folder."""
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    self.folder.alone(self.stop.is_set, lambda: self.listener.waiting(self.folder.root))
                )
            except Interrupted:
                return
            self.folder.sweep()
            if not self.folder.refuse_mixing():  # which another may have made a folder of another kind meanwhile
                self.folder.mark()
            self.plan = self.planner.plan(self.ledger.now())
            self.listener.planned(self.plan)
            for instrument, month in self._months():
                if self.stop.is_set():
                    return
                self._write(instrument, month)
            self._remember_what_is_there()

    def report(self) -> ExportReport:
        return _report(self.planner, self.plan, self.run_id, self.outcomes)

    def _months(self) -> list[tuple[Instrument, date]]:
        """The files to write, in the order of the plan."""
        to_write = [it for it in self.plan if it.action is ExportAction.EXPORT]
        return list(dict.fromkeys((it.instrument, it.month) for it in to_write))

    def _write(self, instrument: Instrument, month: date) -> None:
        """Write a month's file and remember it: the ledger is told only when it is there."""
        began = time.monotonic()
        of_month = [it for it in self.plan if it.instrument is instrument and it.month == month]
        asked = {it.day: it.path for it in of_month if it.action is ExportAction.EXPORT}
        self.listener.month_started(instrument, month, len(asked))
        path = self.folder.path(instrument, month)
        held = self.folder.held(path)
        schema = self.folder.schema(instrument)
        outgrown = set() if held is None or held.schema == fingerprint(schema) else held.days.keys() - asked.keys()
        making = Month(instrument, schema, asked | self._files(instrument, outgrown), path, held)
        size = 0
        try:
            content = making.content(self.ledger.now())
            if content is not None and (self.planner.options.rewrite or not making.is_as_before):
                self.folder.publish(path, content)
                size = content.size
                self._remember(instrument, making)
        except (DayFileError, ExportError, OSError) as error:
            making.failed |= dict.fromkeys(asked, f"{instrument.name} {month:%Y-%m} was not exported: {error}")
        records = {day: making.days[day].records for day in asked if day not in making.failed}
        failed = {day: making.failed[day] for day in asked if day in making.failed}
        outcome = MonthOutcome(instrument, month, path, records, failed, size, time.monotonic() - began)
        self.outcomes.append(outcome)
        self.listener.month_finished(outcome)

    def _files(self, instrument: Instrument, days: Collection[date]) -> dict[date, Path]:
        """The day files of days that were not planned, as far as they are there."""
        if not days:
            return {}
        key, datastore = instrument.progress_key, Path(self.planner.options.datastore)
        states = self.ledger.days([key], min(days), max(days))
        paths = {day: datastore / day_path(datastore, instrument, day, states.get((key, day))) for day in days}
        return {day: path for day, path in paths.items() if path.is_file()}

    def _remember(self, instrument: Instrument, made: Month) -> None:
        written = {day: (made.days[day].sha256, made.days[day].records) for day in made.files if day not in made.failed}
        self.ledger.record_mirrored_days(self.folder.target, instrument.progress_key, written)

    def _remember_what_is_there(self) -> None:
        """What a run has written that was killed before it could remember it."""
        for instrument in dict.fromkeys(it.instrument for it in self.plan):
            forgotten = {
                it.day: (it.there.sha256, it.there.records)
                for it in self.plan
                if it.instrument is instrument and it.action is not ExportAction.EXPORT
                if it.there is not None and not it.is_remembered
            }
            self.ledger.record_mirrored_days(self.folder.target, instrument.progress_key, forgotten)


@contextmanager
def _run(planner: ExportPlanner, ledger: Ledger, stop: Stop, listener: ExportListener) -> Iterator[_Run]:
    """Write the run's row, and how it ended."""
    options = recorded(planner.options, ledger=ledger.url_shown, to=str(planner.folder.root))
    run = _Run(planner, ledger, ledger.start_run("export", options, __version__), stop, listener)
    exit_code = EXIT_FAILED
    try:
        yield run
        exit_code = run.report().exit_code
    finally:
        summary = run.report().summary
        counts = {name: summary[name] for name in ("planned", "exported", "failed")}
        ledger.finish_run(run.run_id, counts, stop.exit_code if stop.is_set() else exit_code)
