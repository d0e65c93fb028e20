"""What stands at the door for those who come: licence, citation, the checks of a commit, the parts of a hosted CI."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ialirt_backfill import __version__

ROOT = Path(__file__).parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_licence_is_the_same_wherever_it_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    [author] = project["authors"]
    assert project["license"] == read("CITATION.cff")["license"] == "MIT"
    assert text.startswith("MIT License\n")
    assert author["name"] in text
    assert read("CITATION.cff")["authors"] == [author]


def test_who_cites_names_this_version() -> None:
    assert read("CITATION.cff")["version"] == __version__


def test_checks_before_a_commit_fetch_nothing() -> None:
    assert [repo["repo"] for repo in read(".pre-commit-config.yaml")["repos"]] == ["local"]
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    named = {word for hook in hooks for word in hook["entry"].split() if word.startswith("tests/")}
    assert all((ROOT / name).exists() for name in named), named


def test_a_hosted_ci_does_all_parts_and_no_other() -> None:
    [known] = re.findall(r"parts=\((\w.*)\)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    jobs = read(".github/workflows/ci.yml")["jobs"].values()
    assert sorted(part for job in jobs for part in job["strategy"]["matrix"]["part"]) == sorted(known.split())


def test_an_unknown_part_is_refused_before_anything_is_done() -> None:
    done = subprocess.run([ROOT / ".ci" / "run", "everything"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no part everything" in done.stderr


LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
PAGES = [path for folder in (".", "docs", "benchmarks") for path in sorted((ROOT / folder).glob("*.md"))]


def anchors(path: Path) -> set[str]:
    """Of its headings, as a page on the web has them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_says_what_it_is_for_before_its_first_block(page: Path) -> None:
    heading, beginning, *_ = re.split(r"\n{2,}", page.read_text(encoding="utf-8"))
    assert heading.startswith("# ")
    assert not beginning.startswith(("    ", "```", "|"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in place:
            continue
        there = (page.parent / place).resolve() if place else page
        assert there.exists(), place
        assert not anchor or anchor in anchors(there), f"{place}#{anchor}"
