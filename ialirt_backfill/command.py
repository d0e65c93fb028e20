"""The command line: argv -> a dataclass of options -> one call -> what the person sees, and the exit code.

Exit codes: 0 all well, 1 some instrument-day failed, 2 wrong usage or configuration, 129, 130 or 143 interrupted, with
the state kept. What a command had to say never changes them, but for one that has nothing to give but what it says: it
ends with 1 where that could not be written. (A reader that has gone, as in ``… | head``, has read what it wanted.)
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from ialirt_backfill.ending import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WELL, Stop
from ialirt_backfill.exceptions import ApiError, IalirtBackfillError, UsageError
from ialirt_backfill.options import (
    ALL,
    AdoptOptions,
    BackfillOptions,
    ChangesOptions,
    CompletionOptions,
    ConfigOptions,
    DoctorOptions,
    ExportOptions,
    GapsOptions,
    HistoryOptions,
    InstrumentsOptions,
    LedgerOptions,
    MirrorOptions,
    PlotOptions,
    PollOptions,
    QuicklookOptions,
    RunsOptions,
    ServeOptions,
    StatusOptions,
    VerifyOptions,
    arguments,
)
from ialirt_backfill.options.arguments import DEFAULT_COMMAND
from ialirt_backfill.options.typed import PROGRAM, command_line
from ialirt_backfill.terminal.streams import failure_of, steady_streams
from ledger import LedgerError

if TYPE_CHECKING:
    from ialirt_backfill.run.passes import PollListener

# Each command imports what it needs: --help must not load pandas, SQLAlchemy and their like, nor a report pyarrow.
# ruff: noqa: PLC0415


def run_backfill(options: BackfillOptions) -> int:
    from ialirt_backfill.run.backfill import backfill
    from ialirt_backfill.terminal.screen import Screen

    stop = Stop()
    screen = Screen(options)
    with screen.watching() as listener, _stopped_by_signals(stop, screen.stopping):
        report = backfill(options, listener=listener, stop=stop)
    screen.show(report, interrupted=stop.is_set(), command=_typed())
    return stop.exit_code if stop.is_set() else report.exit_code


def run_poll(options: PollOptions) -> int:
    from ialirt_backfill.listening import several
    from ialirt_backfill.run.poll import has_failed, poll
    from ialirt_backfill.terminal.poll import PollScreen

    stop = Stop()
    screen = PollScreen(options)
    listener = screen.listener()
    if options.picture is not None:
        listener = several(listener, _fresh_picture(options))
    with _stopped_by_signals(stop, screen.stopping):
        report = poll(options, listener=listener, stop=stop)
    screen.show(report)
    if stop.is_set():
        return stop.exit_code
    return EXIT_FAILED if has_failed(report) else EXIT_WELL


def _fresh_picture(options: PollOptions) -> PollListener:
    """What keeps the picture of a poll fresh. Raises UsageError where no picture can be drawn at all."""
    from ialirt_backfill.plot import draw, require
    from ialirt_backfill.terminal.pictures import FreshPicture

    require()
    return FreshPicture(options, draw)


def run_mirror(options: MirrorOptions) -> int:
    from ialirt_backfill.mirror import configuration, loading, views
    from ialirt_backfill.terminal.mirror import MirrorScreen

    if options.action == "config":
        print(configuration.yaml_text(options.instruments, options.table_prefix), end="")  # noqa: T201
        return EXIT_WELL
    screen = MirrorScreen(options)
    if options.action == "views":
        screen.show_views(views.make_views(options))
        return EXIT_WELL
    stop = Stop()
    with screen.watching() as listener, _stopped_by_signals(stop, screen.stopping):
        report = loading.mirror(options, listener=listener, stop=stop)
    screen.show(report, interrupted=stop.is_set(), command=_typed())
    return stop.exit_code if stop.is_set() else report.exit_code


def run_plot(options: PlotOptions) -> int:
    from ialirt_backfill.plot import draw
    from ialirt_backfill.terminal.pictures import odd_cells_told, show_drawn, warn

    if options.out is None:
        example = f"--out {options.board or 'picture'}.png"
        raise UsageError(f"--out is missing: the file of the picture, as {example}")
    with odd_cells_told(warn):
        drawn = draw(options, options.out)
    show_drawn(drawn, options)
    return EXIT_WELL


def run_serve(options: ServeOptions) -> int:
    from ialirt_backfill.serve.serving import serve
    from ialirt_backfill.terminal.serve import ServeScreen

    stop = Stop()
    screen = ServeScreen(options)
    screen.begin()
    with _stopped_by_signals(stop, screen.stopping):
        if options.demo and not _has_demonstration(options, stop):
            return stop.exit_code if stop.is_set() else EXIT_FAILED
        serve(options, tell=screen.serving, stop=stop)
    return EXIT_WELL


def _has_demonstration(options: ServeOptions, stop: Stop) -> bool:
    """Fetch two synthetic days of every instrument, or what is missing of them; whether there are any now."""
    from ialirt_backfill.run.backfill import backfill
    from ialirt_backfill.run.events import Listener

    days = BackfillOptions(
        instrument=options.instrument or ALL,
        catalogue=options.catalogue,
        datastore=options.datastore,
        last=timedelta(days=2),
        demo=True,
    )
    report = backfill(days, listener=Listener(), stop=stop)
    return not stop.is_set() and report.exit_code == EXIT_WELL


def run_export(options: ExportOptions) -> int:
    from ialirt_backfill.export.parquet import export_parquet
    from ialirt_backfill.terminal.export import ExportScreen

    stop = Stop()
    screen = ExportScreen(options)
    with screen.watching() as listener, _stopped_by_signals(stop, screen.stopping):
        report = export_parquet(options, listener=listener, stop=stop)
    screen.show(report, interrupted=stop.is_set(), command=_typed())
    return stop.exit_code if stop.is_set() else report.exit_code


def run_status(options: StatusOptions) -> int:
    from ialirt_backfill.reports.status import status
    from ialirt_backfill.terminal.reports import show_status

    show_status(status(options), options)
    return EXIT_WELL


def run_gaps(options: GapsOptions) -> int:
    from ialirt_backfill.reports.status import gaps
    from ialirt_backfill.terminal.reports import show_gaps

    show_gaps(gaps(options), options)
    return EXIT_WELL


def run_history(options: HistoryOptions) -> int:
    from ialirt_backfill.reports.history import history
    from ialirt_backfill.terminal.reports import show_history

    show_history(history(options), options)
    return EXIT_WELL


def run_runs(options: RunsOptions) -> int:
    from ialirt_backfill.reports.history import runs
    from ialirt_backfill.terminal.reports import show_runs

    show_runs(runs(options), options)
    return EXIT_WELL


def run_changes(options: ChangesOptions) -> int:
    from ialirt_backfill.reports.changes import changes
    from ialirt_backfill.terminal.changes import show_changes

    show_changes(changes(options), options)
    return EXIT_WELL


def run_adopt(options: AdoptOptions) -> int:
    from ialirt_backfill.terminal.upkeep import show_adoption
    from ialirt_backfill.upkeep.adopt import Adoption, adopt

    report = adopt(options)
    show_adoption(report, options)
    has_failed = report.unread or any(day.adoption is Adoption.FAILED for day in report.days)
    return EXIT_FAILED if has_failed else EXIT_WELL


def run_ledger(options: LedgerOptions) -> int:
    from dataclasses import asdict

    from ialirt_backfill.terminal import upkeep as screen
    from ialirt_backfill.upkeep import ledger

    if options.action == "prune" and options.keep is not None:
        counts = ledger.prune(options, options.keep)
        screen.show_ledger(counts, screen.pruned_sentence(counts), options)
        return EXIT_WELL
    upgrades = options.action == "upgrade"
    versions = ledger.upgrade(options) if upgrades else ledger.current(options)
    says = screen.upgraded_sentence if upgrades else screen.current_sentence
    screen.show_ledger(asdict(versions), says(versions.found, versions.head), options)
    return EXIT_WELL


def run_instruments(options: InstrumentsOptions) -> int:
    from ialirt_backfill.terminal import instruments as screen

    if options.action != "guess":
        screen.show_instruments(options)
        return EXIT_WELL
    from ialirt_backfill.upkeep.guess import guess

    try:
        screen.show_draft(guess(options), options)
    except ApiError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    return EXIT_WELL


def run_config(options: ConfigOptions) -> int:
    from ialirt_backfill.options.settings import configuration
    from ialirt_backfill.terminal.configuration import show_config

    kinds = [command.options for command in COMMANDS.values()]
    show_config(configuration([*kinds, QuicklookOptions]), options)  # of a flow, whose variables are ours as well
    return EXIT_WELL


def run_verify(options: VerifyOptions) -> int:
    from ialirt_backfill.terminal.screen import Screen
    from ialirt_backfill.terminal.verify import show_verification
    from ialirt_backfill.upkeep.verify import verify

    stop = Stop()
    screen = Screen(options)
    with screen.watching() as listener, _stopped_by_signals(stop, screen.stopping):
        found = verify(options, listener=listener, stop=stop)
    marks = [] if options.demo or not found.is_synthetic else ["--demo"]
    show_verification(found, options, again=_typed("--fix", *marks))
    return stop.exit_code if stop.is_set() else found.exit_code


def run_doctor(options: DoctorOptions) -> int:
    from ialirt_backfill.doctor.diagnosis import diagnose
    from ialirt_backfill.terminal.doctor import show_diagnosis

    diagnosis = diagnose(options, [command.options for command in COMMANDS.values()])
    show_diagnosis(diagnosis, options)
    return diagnosis.exit_code


def run_completion(options: CompletionOptions) -> int:
    helps = {name: command.help for name, command in COMMANDS.items()}
    print(arguments.completion(options.shell or "bash", _kinds(), helps))  # noqa: T201
    return EXIT_WELL


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its options and what it does with them.

    What ``only_tells`` has done nothing where it is not heard.
    """

    options: type[Any]
    run: Callable[[Any], int]
    help: str
    only_tells: bool = False


COMMANDS = {
    "backfill": Command(
        BackfillOptions, run_backfill, "make every day of a range complete (the command without a name)"
    ),
    "poll": Command(PollOptions, run_poll, "keep today complete, pass after pass"),
    "verify": Command(VerifyOptions, run_verify, "which files are not what the ledger recorded"),
    "mirror": Command(MirrorOptions, run_mirror, "load the daily files into a database"),
    "plot": Command(PlotOptions, run_plot, "draw a board, or columns of instruments, as png, svg or pdf"),
    "serve": Command(ServeOptions, run_serve, "serve the daily files by HAPI, to Autoplot, hapiclient and pySPEDAS"),
    "export": Command(ExportOptions, run_export, "write the days into a folder as Parquet, a file per month"),
    "status": Command(StatusOptions, run_status, "how complete a range is, with a calendar", only_tells=True),
    "gaps": Command(GapsOptions, run_gaps, "the gaps of a range, longest first", only_tells=True),
    "history": Command(HistoryOptions, run_history, "why a day is as it is: every attempt at it", only_tells=True),
    "runs": Command(RunsOptions, run_runs, "the last runs and their results", only_tells=True),
    "changes": Command(ChangesOptions, run_changes, "the days whose content has changed since", only_tells=True),
    "adopt": Command(AdoptOptions, run_adopt, "take the files of another program into the ledger, without the network"),
    "instruments": Command(
        InstrumentsOptions, run_instruments, "what is known of the instruments; check or draft a catalogue", True
    ),
    "ledger": Command(LedgerOptions, run_ledger, "show the ledger's version, upgrade it, prune its history"),
    "doctor": Command(DoctorOptions, run_doctor, "where server or place are not what we think", only_tells=True),
    "config": Command(ConfigOptions, run_config, "each setting's value and where it came from", only_tells=True),
    "completion": Command(CompletionOptions, run_completion, "completion for bash, zsh or fish"),
}


_WITHOUT_FRAMES = {"backfill", "verify", "adopt", "plot"}
"""The commands that need pyarrow, and never pandas."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    steady_streams()
    if argv is None:  # the process is ours, and nobody else's
        # To look through all that was loaded for garbage, at the end, is a fifth of what a short command costs.
        atexit.register(gc.freeze)
    try:
        name, words = arguments.command_of(sys.argv[1:] if argv is None else argv, _kinds())
        others = "\n".join(f"  {other:12} {it.help}" for other, it in COMMANDS.items() if other != DEFAULT_COMMAND)
        epilog = f"other commands (each has its own --help):\n{others}\n\n{arguments.SETTINGS}"
        options = arguments.parse(name, words, _kinds(), epilog if name == DEFAULT_COMMAND else "")
        for notice in arguments.notices(_kinds()):
            print(f"{PROGRAM}: {notice}", file=sys.stderr)  # noqa: T201
        if argv is None and name in _WITHOUT_FRAMES:
            from ialirt_backfill.day.lean import load_arrow_alone

            load_arrow_alone()
        code = COMMANDS[name].run(options)
    except (IalirtBackfillError, LedgerError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    except OSError as error:  # of a place that no part of the program knows more about
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"{PROGRAM}: {where}{error.strerror or error}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    except RuntimeError as error:
        if str(error) != "can't start new thread":
            raise
        advice = "raise its limit of processes and threads (ulimit -u, or that of the container)"
        print(f"{PROGRAM}: this machine says {error}: {advice}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED + signal.SIGINT
    except SystemExit as end:  # argparse's own way to end
        if end.code or _was_heard():
            raise
        return EXIT_FAILED
    return code if _was_heard() or not COMMANDS[name].only_tells else code or EXIT_FAILED


def _was_heard() -> bool:
    """Whether all that was said on standard output was written; a sentence on standard error where it was not."""
    failure = failure_of(sys.stdout)
    if failure is not None:
        print(f"{PROGRAM}: standard output could not be written: {failure.strerror}", file=sys.stderr)  # noqa: T201
    return failure is None


def _kinds() -> dict[str, type[Any]]:
    return {name: command.options for name, command in COMMANDS.items()}


def _typed(*more: str) -> str:
    """The command as it was typed, and more words, for telling a person how to go on."""
    from ledger.addresses import without_secrets

    return command_line(*map(without_secrets, sys.argv[1:]), *more)


_OF_THE_TERMINAL = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
"""Its end, where there are terminals."""


@contextmanager
def _stopped_by_signals(stop: Stop, tell: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP sets ``stop``, so that the run ends cleanly; the second ends the program at
    once. What the program was started to ignore (by ``nohup``, or as a job in a script's background) it ignores.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            if number in _OF_THE_TERMINAL:  # sent twice, by the shell and by the system; nobody is impatient
                return
            os._exit(EXIT_INTERRUPTED + number)
        stop.exit_code = EXIT_INTERRUPTED + number
        stop.set()
        tell()

    heeded = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, *_OF_THE_TERMINAL)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
