"""What a person sees who opens the server's address in a browser."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ialirt_backfill.serve.datasets import Dataset
from ialirt_backfill.serve.info import ACKNOWLEDGEMENT, AS_RECEIVED, SIMULATED


def page(root: str, served: Iterable[Dataset], *, synthetic: bool) -> bytes:
    """A page with what is served and how it is asked for. ``root`` is the path of HAPI on this server."""
    rows = "".join(
        f'<li><a href="{root}/info?dataset={escape(it.id)}">{escape(it.id)}</a>: {escape(it.title)}</li>\n'
        for it in served
    )
    places = " · ".join(f'<a href="{root}/{name}">{name}</a>' for name in ("about", "capabilities", "catalog"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>IMAP I-ALiRT by HAPI</title></head>'
        "\n<body>\n"
        f"<h1>IMAP I-ALiRT by HAPI</h1>\n<p><strong>{SIMULATED if synthetic else AS_RECEIVED}</strong></p>\n"
        '<p>This server speaks <a href="https://hapi-server.org/">HAPI 3.3</a>: hapiclient, Autoplot and pySPEDAS read'
        f" it. {places}</p>\n<ul>\n{rows}</ul>\n<p>{ACKNOWLEDGEMENT}</p>\n</body></html>\n"
    ).encode()
