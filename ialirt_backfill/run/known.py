"""What is known of a claimed instrument-day before anything of it is asked for: its row, its file, what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.plan.coverage import Span, day_span, measure, single_gaps
from ialirt_backfill.plan.decisions import Decision, plan_spans
from ialirt_backfill.store import dayfile
from ialirt_backfill.store.places import day_path
from ledger import Claim, DayState


@dataclass(frozen=True, slots=True)
class KnownDay:
    """A claimed instrument-day as it is found.

    ``row`` is its state in the ledger and ``size_bytes`` the size of its file (None: there is none). ``missing`` are
    stretches that the file has lost, as its own rows tell, and that the ledger knows nothing of.
    """

    claim: Claim
    decision: Decision
    path: PurePosixPath
    """Relative to the datastore."""
    file: Path
    size_bytes: int | None = None
    missing: tuple[Span, ...] = ()

    @classmethod
    def of(cls, claim: Claim, decision: Decision, datastore: Path) -> KnownDay:
        """What the ledger has of a day; its file is not looked at yet."""
        path = day_path(datastore, decision.instrument, decision.day, claim.state)
        return cls(claim, decision, path, datastore / path)

    @property
    def row(self) -> DayState:
        return self.claim.state

    @property
    def instrument(self) -> Instrument:
        return self.decision.instrument

    @property
    def whole(self) -> Span:
        """The seconds of the day."""
        return day_span(self.decision.day)

    @property
    def is_as_recorded(self) -> bool:
        """Whether the file is as the ledger has it, as far as is known: its size tells, and who decided on the day."""
        is_same = self.size_bytes is not None and self.size_bytes == self.row.size_bytes
        return is_same and not self.decision.reread

    def looked_at(self) -> KnownDay:
        """The day with its file as it is now and what earlier attempts left beside it swept away.

        Raises DayFileError where the file cannot be looked at or read.
        """
        size_bytes = dayfile.size(self.file)
        dayfile.sweep(self.file)
        found = replace(self, size_bytes=size_bytes)
        return replace(found, missing=found._lost()) if self.decision.reread and size_bytes is not None else found

    def looked_at_again(self) -> KnownDay:
        """The day with what happened to its file meanwhile.

        Raises DayFileError where it was taken away, or where something else stands in its place.
        """
        size_bytes = dayfile.size(dayfile.followed(self.file))
        if size_bytes is None and self.size_bytes is not None:
            raise DayFileError(f"{self.file} was taken away while its day was asked for: run again with --retry-failed")
        return replace(self, size_bytes=size_bytes)

    @property
    def spans(self) -> tuple[Span, ...]:
        """What to ask for. A file that is not as the ledger has it tells its own gaps."""
        if not self.decision.reread or self.size_bytes is None:
            return self.decision.spans
        wanted = [*self.missing, *self.decision.spans]
        so_far = Span(self.whole.start, max((span.end for span in wanted), default=self._asked.end))
        return plan_spans(self.instrument, wanted, so_far)

    @property
    def _asked(self) -> Span:
        return Span(self.whole.start, self.row.asked_through or self.whole.start)

    def _lost(self) -> tuple[Span, ...]:
        """What the file has not got of the stretch that was asked for."""
        times = dayfile.read_times(self.file)
        found = measure(self.instrument, self._asked, times)
        lost = [*found.gaps, *self._lost_rows(times)]
        if found.last is not None and found.last < self._asked.end and dayfile.is_cut(self.file):
            lost.append(Span(found.last, self._asked.end))  # the last row too: its last cell may have lost its end
        return tuple(lost)

    def _lost_rows(self, times: list[int]) -> tuple[Span, ...]:
        """Where the rows lay that the file had and has no more: too few, it may be, to leave a gap behind."""
        lost = self.row.records - len(times)
        if lost <= 0:
            return ()
        singles = single_gaps(self.instrument, self._asked, times)
        found = sum(span.duration // self.instrument.cadence for span in singles)
        return (self._asked,) if self.instrument.irregular or found < lost else singles
