"""What a process of its own does: it loads this file, and with it nothing that it does not need."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr
from typing import Any

from ledger import Ledger


def open_together(url: str, together: Any, complaints: Any) -> None:
    """Open a ledger when all others do; what is said of it on standard error goes to the complaints."""
    warnings.simplefilter("error")
    with redirect_stderr(io.StringIO()) as said:
        together.wait()
        Ledger.open(url).close()
    complaints.put(said.getvalue())
