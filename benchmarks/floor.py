"""The floor: the mission's client fetching and parsing the windows of a range, and nothing else.

    python benchmarks/floor.py URL INSTRUMENT FIRST_DAY DAYS THREADS

It asks for the same windows as we do, with the same key from the environment and as many threads as we use connections,
and drops the answers.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

import ialirt_data_access

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.plan.coverage import SECOND, Span, day_span


def main(url: str, name: str, first_day: str, days: str, threads: str) -> None:
    """Fetch every window of the range once."""
    use_key(url)
    window = INSTRUMENTS[name].window
    spans = []
    for number in range(int(days)):
        whole = day_span(date.fromisoformat(first_day) + timedelta(days=number))
        start = whole.start
        while start < whole.end:
            spans.append(Span(start, min(start + window, whole.end)))
            start += window

    with ThreadPoolExecutor(int(threads)) as pool:
        print(sum(pool.map(partial(fetch, name), spans)))  # noqa: T201


def use_key(url: str) -> None:
    """Ask the part of the API at ``url`` that wants a key."""
    ialirt_data_access.config |= {"DATA_ACCESS_URL": f"{url}/api-key", "API_KEY": os.environ["IALIRT_API_KEY"]}


def fetch(name: str, span: Span) -> int:
    """Fetch and parse one window, and drop it; how many records it held."""
    answer = ialirt_data_access.data_product_query(
        instrument=name,
        time_utc_start=f"{span.start:%Y-%m-%dT%H:%M:%S}",
        time_utc_end=f"{span.end - SECOND:%Y-%m-%dT%H:%M:%S}",
    )
    return len(answer["data"])


if __name__ == "__main__":
    main(*sys.argv[1:])
