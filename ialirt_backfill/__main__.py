"""The command, also as ``python -m ialirt_backfill``: a look at the neighbours, then `ialirt_backfill.command`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ialirt_backfill.ending import EXIT_USAGE
from ialirt_backfill.neighbours import OURS, overwritten, stranger


def _command() -> Callable[..., int]:
    """The command; what says why there is none, where packages of ours are another's."""
    trouble = stranger("ledger")
    if trouble is None:
        try:
            from ialirt_backfill.command import main as run  # noqa: PLC0415 - what is a stranger's is not loaded
        except ImportError:
            trouble = overwritten("ledger")
            if trouble is None:
                raise
        else:
            return run

    def refuse(argv: Sequence[str] | None = None) -> int:
        print(f"{OURS}: {trouble}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE

    return refuse


main = _command()

if __name__ == "__main__":
    sys.exit(main())
