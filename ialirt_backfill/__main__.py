"""The command, also as ``python -m ialirt_backfill``: a look at the neighbours, then `ialirt_backfill.command`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ialirt_backfill.ending import EXIT_USAGE
from ialirt_backfill.neighbours import OURS, stranger


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. One sentence where a package of ours is another's."""
    if sentence := stranger("ledger"):
        print(f"{OURS}: {sentence}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    from ialirt_backfill.command import main as run  # noqa: PLC0415 - it would fail with what is a stranger's

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
