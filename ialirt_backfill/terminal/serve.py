"""What a person sees of a server: where it answers, who may see what, and its log."""

from __future__ import annotations

import json
import sys

from ialirt_backfill.options import ServeOptions
from ialirt_backfill.options.datastore import is_marked
from ialirt_backfill.serve.access import is_local
from ialirt_backfill.terminal.consoles import make_console, set_up_logging, show_synthetic
from ialirt_backfill.terminal.lines import say


class ServeScreen:
    """What a person sees of a server: its address on standard output, everything else on standard error."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._out = make_console(stderr=options.json)
        self._err = make_console(stderr=True)

    def begin(self) -> None:
        """Before there is anything to serve."""
        options = self._options
        set_up_logging(self._err, verbose=options.verbose, quiet=options.quiet)
        if options.demo and not options.quiet:
            say(
                self._err, "Demonstration: a simulator on this machine gives two days of synthetic data …", style="bold"
            )

    def serving(self, url: str) -> None:
        """It answers from now on."""
        options = self._options
        if options.json:
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()
        if options.quiet or options.json:
            return
        show_synthetic(self._out, is_marked(options.datastore))
        say(self._out, f"Serving {options.datastore} at {url} (Ctrl-C ends)")
        if not is_local(options.host):
            what = "all of it" if options.restricted else "what I-ALiRT shows without a scope"
            say(self._err, f"Whoever reaches this address can read {what}: there is no login.", style="yellow")

    def stopping(self) -> None:
        """The person has asked for an end."""
        if not self._options.quiet:
            say(self._err, "Ending after the answers in flight; once more to stop at once.")
