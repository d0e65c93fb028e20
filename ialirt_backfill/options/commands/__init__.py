"""The options of each command: at once its flags, the parameters of the flows and the Python API.

No ``from __future__ import annotations`` in here: argparse-dataclass reads the types as they stand.
"""
