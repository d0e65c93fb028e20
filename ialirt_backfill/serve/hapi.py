"""The core: a request in, the pieces of an answer out. It opens no socket, and no file before it must.

Whether an answer has changed is told by the size and the time of the files that it would be made of, so that a client
that has it already is told so without one being opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any

from ialirt_backfill import __version__
from ialirt_backfill.exceptions import DayFileError
from ialirt_backfill.instruments import Instrument
from ialirt_backfill.options.datastore import is_marked
from ialirt_backfill.serve import landing
from ialirt_backfill.serve.access import is_from_this_machine
from ialirt_backfill.serve.datasets import Dataset, Parameter, datasets
from ialirt_backfill.serve.formats import MEDIA_TYPES, header_of, written
from ialirt_backfill.serve.holdings import Holding, Holdings
from ialirt_backfill.serve.http import METHODS, Entity, answered, redirected, refused, unchanged
from ialirt_backfill.serve.info import LONGEST, Stretch, about, info, stretch_of
from ialirt_backfill.serve.protocol import JSON_TYPE, VERSION, Code, HapiRequest, Refused, Response, header_text
from ialirt_backfill.serve.requests import ROOT, Format, HapiPlace, Question, place_of, positions, question
from ialirt_backfill.serve.rows import Version, rows, versions
from ialirt_backfill.serve.times import write
from ialirt_backfill.serve.values import HapiRows

log = logging.getLogger(__name__)

_AHEAD = timedelta(days=1)
"""How far past the present a stretch may reach that is looked for in files."""
_FAULT = "the log of the server says more"


@dataclass(frozen=True, slots=True)
class Served:
    """What one client may see, by id, as of a time."""

    datasets: Mapping[str, Dataset]
    known: Mapping[str, Holding]
    now: datetime

    def stretch(self, dataset: Dataset) -> Stretch:
        """From when to when a dataset goes."""
        return stretch_of(dataset, self.known[dataset.instrument.name], self.now)


class Hapi:
    """Answers requests, in any number of threads.

    ``prefix`` is the path before ``/hapi``. What is shown to keys with a scope only is passed on where it is
    ``restricted`` who may ask, or where the server is not ``exposed`` and the request comes from this machine.
    """

    def __init__(
        self,
        datastore: Path,
        holdings: Holdings,
        instruments: Sequence[Instrument],
        *,
        contact: str,
        prefix: str = "",
        restricted: bool = False,
        exposed: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._datastore, self._holdings = datastore, holdings
        self._contact, self._prefix, self._clock = contact, prefix, clock
        self._is_restricted, self._is_exposed = restricted, exposed
        self._for_all = datasets(instruments, restricted=False)
        self._for_some = datasets(instruments, restricted=True)
        self._since = clock()

    def answer(self, asked: HapiRequest) -> Response:
        """The answer to a request. What goes wrong after it has begun is raised by its body."""
        try:
            return self._answer(asked)
        except Refused as refusal:
            return refused(asked, refusal)
        except (DayFileError, OSError) as error:  # a damaged file, a place that has gone: no fault of the program
            log.error("%s", error)
        except Exception:
            log.exception("a request could not be answered")
        return refused(asked, Refused(Code.INTERNAL, _FAULT))

    def _answer(self, asked: HapiRequest) -> Response:
        if not asked.path.startswith(f"{self._prefix}/"):
            raise Refused(Code.NO_SUCH_PLACE)
        path = asked.path.removeprefix(self._prefix)
        if path != "/" and path.endswith("/"):
            place_of(path.rstrip("/"))
            return redirected(f"{self._prefix}{path.rstrip('/')}", asked.query)
        if path == "/":
            return redirected(f"{self._prefix}{ROOT}", "", HTTPStatus.FOUND)
        place = place_of(path)
        if asked.method not in METHODS:
            raise Refused(Code.NO_SUCH_METHOD)
        put = question(place, asked.query)
        served = self._served(asked)
        match place:
            case HapiPlace.DATA:
                return self._data(asked, put, *_chosen(served, put))
            case HapiPlace.INFO:
                dataset, stretch, parameters = _chosen(served, put)
                return self._told(asked, self._info(dataset, stretch, parameters), stretch.modified)
            case HapiPlace.CATALOG:
                modified = (served.stretch(dataset).modified for dataset in served.datasets.values())
                return self._told(asked, self._catalog(served, is_deep=put.is_deep), *modified)
            case HapiPlace.ABOUT:
                return self._told(asked, about(self._contact, synthetic=self._is_synthetic, test=_test(served)))
            case HapiPlace.CAPABILITIES:
                formats = [it.value for it in Format]
                return self._told(asked, {"outputFormats": formats, "catalogDepthOptions": ["dataset", "all"]})
            case HapiPlace.LANDING:
                return self._landing(asked, served)

    def _served(self, asked: HapiRequest) -> Served:
        """The datasets that there is anything of, for whoever asks."""
        sees_all = self._is_restricted or (not self._is_exposed and is_from_this_machine(asked.headers))
        known, all_ = self._holdings.known(), self._for_some if sees_all else self._for_all
        return Served({id_: it for id_, it in all_.items() if it.instrument.name in known}, known, self._clock())

    @property
    def _is_synthetic(self) -> bool:
        return is_marked(self._datastore)

    # Answers that are known at once

    def _told(self, asked: HapiRequest, content: Mapping[str, object], *modified: datetime) -> Response:
        body = header_text(Code.OK.status(), content)
        entity = Entity.of(max(self._since, *modified) if modified else self._since, body)
        if entity.is_named(asked):
            return unchanged(asked, entity)
        return answered(asked, Code.OK, JSON_TYPE, entity, body)

    def _landing(self, asked: HapiRequest, served: Served) -> Response:
        body = landing.page(f"{self._prefix}{ROOT}", served.datasets.values(), synthetic=self._is_synthetic)
        return answered(asked, Code.OK, "text/html; charset=utf-8", Entity.of(self._since, body), body)

    def _catalog(self, served: Served, *, is_deep: bool) -> dict[str, Any]:
        entries: list[dict[str, Any]] = []
        for id_, dataset in served.datasets.items():
            entry: dict[str, Any] = {"id": id_, "title": dataset.title}
            if is_deep:
                entry["info"] = self._info(dataset, served.stretch(dataset), dataset.parameters)
            entries.append(entry)
        return {"catalog": entries}

    def _info(self, dataset: Dataset, stretch: Stretch, parameters: Sequence[Parameter]) -> dict[str, Any]:
        return info(dataset, stretch, parameters, synthetic=self._is_synthetic)

    # Data

    def _data(
        self, asked: HapiRequest, put: Question, dataset: Dataset, stretch: Stretch, parameters: Sequence[Parameter]
    ) -> Response:
        start, stop = self._bounds(put, stretch)
        has_info = put.with_header or put.format is Format.JSON
        told = self._info(dataset, stretch, parameters) if has_info else None
        files = versions(self._datastore, dataset.instrument, start, stop)
        names = tuple(it.name for it in parameters)
        entity = Entity.of(_newest(files), __version__, dataset.id, names, put.format, start, stop, told, files)
        if entity.is_had(asked, with_time=told is None):
            return unchanged(asked, entity)
        found = self._rows(dataset, parameters, start, stop, files)
        if asked.method == "HEAD":
            return answered(asked, Code.OK if files else Code.NO_DATA, MEDIA_TYPES[put.format], entity, ())
        first = next(found, None)
        code = Code.NO_DATA if first is None else Code.OK
        header = None if told is None else header_of({"HAPI": VERSION, "status": code.status(), **told}, put.format)
        pieces = written(put.format, parameters, chain(() if first is None else (first,), found), header)
        return answered(asked, code, MEDIA_TYPES[put.format], entity, pieces)

    def _rows(
        self, dataset: Dataset, parameters: Sequence[Parameter], start: datetime, stop: datetime, files: list[Version]
    ) -> Iterator[HapiRows]:
        """The rows of these files. Raises DayFileError, also where one of them went away meanwhile, or the whole place
        of them has: without their rows the answer would look whole."""
        if not files:
            if not self._datastore.is_dir():
                raise DayFileError(f"{self._datastore} has gone, with all that is served")
            return
        yield from rows(self._datastore, dataset, parameters, start, stop)
        there = {it.path for it in versions(self._datastore, dataset.instrument, start, stop)}
        gone = [it.path for it in files if it.path not in there]
        if gone:
            raise DayFileError(f"{gone[0]} went away while it was served")

    def _bounds(self, put: Question, stretch: Stretch) -> tuple[datetime, datetime]:
        """From when to before when, in whole seconds and no further than there may be anything. Refused where it
        cannot be answered."""
        assert put.start is not None and put.stop is not None  # noqa: S101, PT018 - the place of data has both
        if put.start >= put.stop:
            raise Refused(Code.START_AFTER_STOP)
        ends_past = put.stop.whole > stretch.last_midnight and not stretch.grows
        if put.start.second < stretch.first_midnight or ends_past:
            raise Refused(Code.OUTSIDE, f"startDate is {write(stretch.start)}, stopDate {write(stretch.stop)}")
        last = max(stretch.last_midnight, self._clock() + _AHEAD) if stretch.grows else stretch.last_midnight
        start, stop = min(put.start.whole, last), min(put.stop.whole, last)
        if stop - start > LONGEST:
            raise Refused(Code.TOO_MUCH, f"ask for {LONGEST.days} days at once, at most")
        return start, stop


def _chosen(served: Served, put: Question) -> tuple[Dataset, Stretch, list[Parameter]]:
    """The dataset and the parameters that are asked for. Refused where there are none of that name."""
    dataset = served.datasets.get(put.dataset)
    if dataset is None:
        raise Refused(Code.UNKNOWN_DATASET, "catalog has their ids")
    places = positions(put.parameters, dataset.names)
    return dataset, served.stretch(dataset), [dataset.parameters[place] for place in places]


def _test(served: Served) -> dict[str, Any] | None:
    """A question for data that there are."""
    for id_, dataset in served.datasets.items():
        stretch = served.stretch(dataset)
        start = max(stretch.start, stretch.stop - timedelta(hours=1))
        names = ",".join(dataset.names[:2])
        return {"dataset": id_, "start": write(start), "stop": write(stretch.stop), "parameters": names}
    return None


def _newest(files: Sequence[Version]) -> datetime:
    return datetime.fromtimestamp(max((it.modified_ns for it in files), default=0) // 10**9, UTC)
