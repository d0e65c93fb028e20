"""The blocks of code in the pages: what is indented by four, and what stands between fences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]


@dataclass(frozen=True)
class Block:
    """A block of a page; ``language`` is what its fence says, empty where it is indented."""

    page: str
    language: str
    text: str

    @property
    def begins(self) -> str:
        return self.text.splitlines()[0]

    @property
    def commands(self) -> list[str]:
        """The lines that call the command, without remarks and without what stands before it."""
        found = re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S+ )?(ialirt-backfill(?: .*)?)$", self.text, re.MULTILINE)
        return [
            re.split(r"\s+#", line)[0] for line in found if not re.match(r"ialirt-backfill \d|ialirt-backfill:", line)
        ]


def blocks(page: Path) -> list[Block]:
    name = page.relative_to(ROOT).as_posix()
    found: list[Block] = []
    held: list[str] = []
    fence: str | None = None
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("```"):
            if fence is None:
                fence = line[3:].strip() or "text"
            else:
                found.append(Block(name, fence, "\n".join(held)))
                fence, held = None, []
        elif fence is not None or line.startswith("    ") or (held and not line):
            held.append(line if fence is not None else line[4:])
        elif held:
            found.append(Block(name, "", "\n".join(held).strip("\n")))
            held = []
    if held and any(held):
        found.append(Block(name, "", "\n".join(held).strip("\n")))
    return found
