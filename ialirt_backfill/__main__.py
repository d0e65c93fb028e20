"""The command, also as ``python -m ialirt_backfill``: a look at the neighbours, then `ialirt_backfill.command`.

Where another program's `ledger` stands in the place of ours, the command is a sentence about that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ialirt_backfill.ending import EXIT_USAGE
from ialirt_backfill.neighbours import OURS, stranger

__all__ = ["main"]

if (sentence := stranger("ledger")) is None:
    from ialirt_backfill.command import main
else:

    def main(argv: Sequence[str] | None = None) -> int:
        print(f"{OURS}: {sentence}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
