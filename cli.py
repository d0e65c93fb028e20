"""The command for a clone: ``python cli.py --help``. It lives in ``ialirt_backfill``."""

import sys

from ialirt_backfill.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
