"""Every message of exit code 1 or 2 can be found in docs/messages.md.

A message is looked for as it stands in the source, with … for what is put in; one that a function of the same module
puts together, in what that returns. Of a message that is nothing but what is put in, the words come from elsewhere, and
the page cannot list them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import ledger.exceptions
from ialirt_backfill import exceptions
from ialirt_backfill.ask import request

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
SOURCES = [path for part in ("ialirt_backfill", "ledger") for path in sorted(ROOT.glob(f"{part}/**/*.py"))]
RAISED = {
    name
    for module in (exceptions, ledger.exceptions, request)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
} - {"OddCells", "Interrupted"}
A_WORD = re.compile(r"(?<![-\w])[A-Za-z]{2,}")


def template(node: ast.expr) -> str:
    """A text of the source with … for what is put in."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case ast.Call(func=ast.Name(id="advised"), args=[sentence, _]):  # options.typed: and the command that is right
            return template(sentence) + ": …"
    return "…"


def messages_in(path: Path) -> Iterator[str]:
    """What a module's errors say."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(module):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in RAISED:
            yield from wordings(node.args[0], functions)
        elif called == "checked":  # options.fields: a value, whether it is good, what to say where it is not
            yield from wordings(node.args[2], functions)


def wordings(node: ast.expr, functions: Mapping[str, ast.FunctionDef]) -> Iterator[str]:
    """The texts that an expression may be: one, or those that a function of its module returns."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            yield from (*wordings(one, functions), *wordings(other, functions))
        case ast.Call(func=ast.Name(id=name)) if name in functions:
            for inner in ast.walk(functions[name]):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    yield from wordings(inner.value, functions)
        case _:
            yield template(node)


def tidy(text: str) -> str:
    return re.sub(r"…+", "…", " ".join(text.split())).rstrip(":; ")


@cache
def listed() -> frozenset[str]:
    return frozenset(tidy(text) for text in re.findall(r"^- `(.+)`", PAGE, re.MULTILINE))


def says_something(text: str) -> bool:
    return A_WORD.search(text) is not None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_message_of_a_module_is_listed(path: Path) -> None:
    said = {tidy(text) for text in messages_in(path)}
    missing = [text for text in said if says_something(text) and text not in listed()]
    assert not missing, "add to docs/messages.md:\n" + "\n".join(f"- `{text}`" for text in missing)


def test_nothing_is_listed_that_no_program_says() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    joined = re.sub(r"\"\s*\n\s*f?\"", "", sources).replace("{{", "{")
    for text in listed():
        longest = max(text.split("…"), key=len).strip(" :;")
        assert longest in joined, text


def test_this_looks_at_what_it_says() -> None:
    found = {tidy(text) for path in SOURCES for text in messages_in(path)}
    assert len(found) > 150
    assert "--jobs …: between 1 and 64 requests in flight" in found
