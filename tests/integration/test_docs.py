"""Every example in README.md and docs/ runs, and prints what the page says it prints.

Python blocks of one page share a namespace. A ``text`` block right after a Python or shell block
is that block's output. A block whose first line is ``# file: NAME`` or ``// file: NAME`` is written
to that file, so that later blocks can read it. A shell block is run when it starts with
``quasim ``. Blocks that need an SDK that is not installed are skipped, and with them the blocks
that use a name defined there.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page
        for page in (ROOT / "docs").rglob("*.md")
        if "_build" not in page.parts and "reference" not in page.parts
    ),
]

# What an import of ours pulls in.
NEEDS = {
    "quasim_qiskit": "qiskit",
    "quasim_cirq": "cirq",
    "quasim_pennylane": "pennylane",
    "quasim_pytket": "pytket",
}
_FENCE = re.compile(r"^(?P<fence>```+|~~~+)\s*\{?(?P<language>[\w-]*)\}?[^\n]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, first line and the output the page claims for it."""

    language: str
    text: str
    line: int
    output: str | None = None


def blocks(source: str) -> list[Block]:
    """Return the fenced blocks of a Markdown page, outputs attached to what prints them."""
    found: list[Block] = []
    lines = source.splitlines()
    last_end = -2
    index = 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if opening is None:
            index += 1
            continue
        start = index + 1
        fence = opening["fence"]
        end = next(i for i in range(start, len(lines)) if lines[i].strip() == fence)
        text = "\n".join(lines[start:end]) + "\n"
        gap = "".join(lines[last_end + 1 : index]).strip()
        if opening["language"] == "text" and found and last_end >= 0 and not gap:
            previous = found[-1]
            found[-1] = Block(previous.language, previous.text, previous.line, text)
        else:
            found.append(Block(opening["language"], text, start + 1))
        last_end = end
        index = end + 1
    return found


def missing_package(tree: ast.AST) -> str | None:
    """Return the first package imported by a block that is not installed."""
    for node in ast.walk(tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            top = name.partition(".")[0]
            for package in (top, NEEDS.get(top)):
                if package and importlib.util.find_spec(package) is None:
                    return package
    return None


def names(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """Return the names a block reads (`ast.Load`) or binds (`ast.Store`)."""
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
    if context is ast.Store:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
    return found


def same_text(left: str, right: str) -> bool:
    """Compare printed text; trailing blanks do not count and ``...`` stands for anything."""
    pattern = re.escape(_trim(right)).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, _trim(left), re.DOTALL) is not None


def _trim(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and this environment's scripts first on the path."""
    monkeypatch.chdir(tmp_path)
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", scripts + os.pathsep + os.environ["PATH"])
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_on_the_page_run(
    page: Path, empty_folder: Path, subtests: pytest.Subtests
) -> None:
    namespace: dict[str, object] = {"__name__": "__page__"}
    lost: set[str] = set()  # names that skipped blocks would have defined
    for block in blocks(page.read_text(encoding="utf-8")):
        header = re.match(r"(?:#|//) file: (\S+)\n", block.text)
        if header:
            (empty_folder / header[1]).write_text(block.text.partition("\n")[2])
            continue
        if block.language == "python":
            with subtests.test(line=block.line):
                _run_python(page, block, namespace, lost)
        elif block.language in {"sh", "bash", "console"} and block.text.startswith("quasim "):
            with subtests.test(line=block.line):
                _run_shell(block)


def _run_python(page: Path, block: Block, namespace: dict[str, object], lost: set[str]) -> None:
    # Blank lines first, so that a traceback shows the line of the page.
    tree = ast.parse("\n" * (block.line - 1) + block.text, filename=str(page))
    absent = missing_package(tree)
    if absent or names(tree, ast.Load) & lost:
        lost |= names(tree, ast.Store)
        pytest.skip(f"needs {absent}" if absent else "needs a block that was skipped")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, str(page), "exec"), namespace)
    if block.output is not None:
        assert same_text(printed.getvalue(), block.output), printed.getvalue()


def _run_shell(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if block.output is not None:
        assert same_text(done.stdout, block.output), done.stdout


def test_the_reader_of_pages_finds_blocks_and_outputs() -> None:
    page = "x\n```python\nprint(1)\n```\n\n```text\n1\n```\n\nthen\n\n```text\nnot output\n```\n"
    found = blocks(page)
    assert [(b.language, b.text, b.line, b.output) for b in found] == [
        ("python", "print(1)\n", 3, "1\n"),
        ("text", "not output\n", 13, None),
    ]


def test_shown_output_may_leave_out_what_varies() -> None:
    assert same_text("took 12 ms\n", "took ... ms")
    assert not same_text("took 12 s\n", "took ... ms")
