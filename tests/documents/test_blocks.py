"""Every block of code in the pages is run by a test, or it is said here why it cannot be.

What can be looked at without running is looked at in any case: commands have options that there are, Python compiles,
TOML and shell are TOML and shell.
"""

from __future__ import annotations

import ast
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from ialirt_backfill.command import COMMANDS
from ialirt_backfill.options import arguments
from tests.support.blocks import PAGES, ROOT, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page)]
KINDS = {name: command.options for name, command in COMMANDS.items()}

ASKS = "it asks the real I-ALiRT, which no test does; the simulator is asked so in tests/acceptance/test_backfill.py"
FORM = "it shows a form, and is no program"
INSTALLS = "it installs from the network; .ci/run does so"
SERVES = "it starts a server that stays"
PLACES = "it needs a place of the reader's own"
DRAWN = "acceptance/test_docs.py::test_the_picture_of_the_readme"
DRAFT = "acceptance/test_instruments.py::test_a_draft_of_what_nobody_knows_is_a_good_catalogue"
PICTURE = "it shows what is seen"
DEPLOYS = "it needs a Prefect server that stays; what it deploys is read in tests/flows/test_deployments.py"
SEEN = "acceptance/test_docs.py::test_what_is_shown_is_what_is_seen"
AFTER = "acceptance/test_docs.py::test_the_commands_after_the_demonstration_work_as_they_stand"

# Of a page: the beginning of a block, and the test that runs it, or why none can; "" stands for all others of the page.
HOW: dict[str, dict[str, str]] = {
    "README.md": {
        "python3 -m venv .venv && .venv/bin/pip install --quiet . &&": SEEN,
        "python3 -m venv .venv && .venv/bin/pip install --quiet --editable": INSTALLS,
        "python3 -m venv .venv && .venv/bin/pip install --quiet '.[plot]'": DRAWN,
        "ialirt-backfill --instrument": ASKS,
        "IALIRT_API_KEY=": ASKS,
        "ialirt-backfill poll": ASKS,
        "ialirt-backfill status": AFTER,
        "from ialirt_backfill": "acceptance/test_docs.py::test_the_lines_of_python_in_the_readme",
    },
    "CONTRIBUTING.md": {".venv/bin/pip": INSTALLS, ".venv/bin/pytest tests/live": ASKS},
    "docs/architecture.md": {"cli.py": PICTURE},
    "docs/catalogue.md": {
        "ialirt-backfill --catalogue": ASKS,
        "ialirt-backfill instruments check": "acceptance/test_instruments.py::test_a_good_catalogue",
        "ialirt-backfill instruments guess": DRAFT,
        "ialirt-backfill --demo --datastore try --catalogue": "it needs an entry that is not there yet",
        "[mag]": "acceptance/test_catalogue.py::test_the_names_of_another_pipeline_are_gone_on_with",
        "[glows]": "acceptance/test_catalogue.py::test_the_other_example_is_a_whole_instrument",
        "ialirt-backfill --instrument mag": ASKS,
        "from ialirt_backfill": "its instrument is made up, and `day` is the reader's",
    },
    "docs/commands.md": {"ialirt-backfill [": FORM, "Demonstration: ": SEEN, "demo-data/ialirt": PICTURE, "": ASKS,
        "ialirt-backfill plot": "acceptance/test_docs_plot.py::test_what_the_page_types_draws_pictures",
    },
    "docs/data.md": {
        "above, below": "it needs matplotlib; the columns it draws are held in tests/acceptance/test_docs.py",
        "SELECT": "documents/test_pages_run.py::test_the_question_in_sql",
        "": "acceptance/test_docs.py::test_the_lines_of_python_for_who_reads_the_data",
    },
    "docs/doctor.md": {
        "ialirt-backfill doctor": ASKS.replace("acceptance/test_backfill.py", "doctor/test_command.py"),
        "python -m": "doctor/test_command.py::test_the_program_serves_what_was_kept",
    },
    "docs/export.md": {
        "ialirt-backfill export parquet --to parquet": "documents/test_pages_run.py::test_the_days_are_exported",
        "parquet/instrument=mag": "documents/test_pages_run.py::test_the_days_are_exported",
        "": "export/test_interop.py::test_what_the_document_shows_gives_the_means",
    },
    "docs/json.md": {"": "acceptance/test_docs_json.py::test_what_is_told_of_days", '{"url"}': SERVES},
    "docs/ledger.md": {
        "ialirt-backfill --ledger": ASKS,
        "-- what is missing": "documents/test_pages_run.py::test_the_questions_to_the_ledger",
        "$ ialirt-backfill changes": "documents/test_pages_run.py::test_what_has_changed",
        "OF_IALIRT_BACKFILL": (
            "faults/test_neighbours.py::test_the_autogenerate_of_another_program_leaves_our_tables_alone"
        ),
        "$ ialirt-backfill ledger": "documents/test_pages_run.py::test_the_ledger_is_looked_after_by_hand",
        "postgresql://": "it needs two servers, one of which takes over",
        "ialirt-backfill adopt": FORM,
        "UPDATE workflow": "ledger/test_documented.py::test_a_demonstration_is_taken_out_of_a_ledger_as_documented",
    },
    "docs/mirror.md": {
        "pip install": INSTALLS,
        "4 days to load": PICTURE,
        "DROP VIEW": "it mends tables that an older version has made; mirror/test_retyping.py follows such advice",
        "ialirt-backfill: ": PICTURE,
        "  SELECT": "the last line of a sentence in the page; the view is read in tests/mirror/test_views.py",
        "ialirt-backfill mirror --database URL": FORM,
        "prefect": DEPLOYS,
    },
    "docs/plot.md": {
        "ialirt-backfill poll": ASKS,
        "": "acceptance/test_docs_plot.py::test_what_the_page_types_draws_pictures",
    },
    "docs/prefect.md": {
        "python3 -m venv": INSTALLS,
        "pip install": INSTALLS,
        "prefect server": SERVES,
        "export PREFECT": SERVES,
        "export IALIRT": PLACES,
        "prefect work-pool": DEPLOYS,
        "prefect deployment": "it needs a worker that stays; the flows are run in tests/flows",
        "python -c": "flows/test_forms.py::test_the_documented_command_keeps_a_key_changes_it_and_never_shows_it",
        "triggers:": "it is a part of a deployment of the reader's own",
        "POSTGRES_PASSWORD": "it needs Docker; the files are read in tests/flows/test_deployments.py",
        "": PICTURE,
    },
    "docs/read.md": {"": "acceptance/test_docs_read.py::test_the_examples_run_one_after_the_other"},
    "docs/serve.md": {
        "pip install": INSTALLS,
        "curl": "it asks a server that stays; such requests are tried in tests/serve/test_hapi.py",
        "from hapiclient": "it asks a server that stays; hapiclient is tried in tests/serve/test_hapiclient.py",
        "import pyspedas": "it asks a server that stays; pySPEDAS is tried in tests/serve/test_pyspedas.py",
        "vap+hapi": "it needs Autoplot, a desktop and Java; the page says that it was not tried",
        "location": "it needs nginx",
    },
    "docs/simulator.md": {
        "python -m": "acceptance/test_docs_simulator.py::test_who_has_what",
        "ialirt-backfill --url http://127.0.0.1:8765 --datastore try/public --instrument hit --start 2026-02-01": (
            "acceptance/test_docs_simulator.py::test_who_has_what"
        ),
        "ialirt-backfill --url": "acceptance/test_docs_simulator.py::test_what_is_refused",
    },
}  # fmt: skip


def said(block: Block) -> str | None:
    """What is said of a block: the longest beginning that fits."""
    known = HOW.get(block.page, {})
    fitting = [begin for begin in known if block.text.startswith(begin)]
    return known[max(fitting, key=len)] if fitting else None


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.begins[:50]}")
def test_a_block_is_run_or_it_is_said_why_not(block: Block) -> None:
    how = said(block)
    assert how is not None, "say in HOW which test runs it, or why none can"
    file, is_test, name = how.partition("::")
    if is_test:
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text, how


@pytest.mark.parametrize("page", HOW)
def test_nothing_is_said_of_what_is_not_there(page: str) -> None:
    there = [block.text for block in BLOCKS if block.page == page]
    assert not [begin for begin in HOW[page] if not any(text.startswith(begin) for text in there)]


COMMAND_LINES = sorted({line for block in BLOCKS for line in block.commands if "[" not in line})


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_command_is_one_that_the_program_takes(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "find", lambda _: {})
    entries = [block.text for block in BLOCKS if block.text.startswith(("[glows]", "[board."))]
    (tmp_path / "catalogue.toml").write_text("\n".join(entries), encoding="utf-8")
    stands_for = dict.fromkeys(("ours.toml", "glows.toml", "boards.toml"), str(tmp_path / "catalogue.toml"))
    stands_for["URL"] = "sqlite:///mirror.sqlite"
    _, *words = [stands_for.get(word, word) for word in shlex.split(line.partition(" > ")[0])]
    name, others = arguments.command_of(words, KINDS)
    assert arguments.parse(name, others, KINDS, "")


@pytest.mark.parametrize("block", [it for it in BLOCKS if it.language], ids=lambda it: f"{it.page}: {it.begins[:50]}")
def test_a_block_is_written_in_its_language(block: Block) -> None:
    match block.language:
        case "python":
            ast.parse(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "sh":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        case _:
            assert block.language in {"sql", "text"}


def test_there_are_blocks_of_all_kinds() -> None:
    assert {"", "python", "sh", "sql", "toml"} <= {block.language for block in BLOCKS}
    assert len(COMMAND_LINES) > 15
