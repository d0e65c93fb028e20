"""pyarrow without pandas, for a process that makes no frames."""

from __future__ import annotations

import sys


class _NoPandas:
    """Among those who are asked for modules: pandas is not to be had."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def load_arrow_alone() -> None:
    """Load pyarrow so that it does not load pandas, which takes longer than most of a command's start.

    At its first conversion pyarrow 26 looks for pandas, once, to be able to tell a series from a list. Where it finds
    none it goes on without; ``to_pandas`` still finds it later. Only for a process of our own.
    """
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        import pyarrow as pa  # noqa: PLC0415 - most commands do without it

        pa.array([None])
    finally:
        sys.meta_path.remove(_NoPandas)
