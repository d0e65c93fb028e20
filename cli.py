"""The command for a clone: ``python cli.py --help``. It lives in ``ialirt_backfill/command.py``."""

import sys

from ialirt_backfill.command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
