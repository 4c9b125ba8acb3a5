"""What the documentation names is there: commands and their options, settings, files, modules, defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.main import app
from pipeline.delivery import throttle
from pipeline.delivery.transports import servers
from pipeline.environment import KNOWN, SECRETS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OTHERS = [ROOT / "docker-compose.yml", ROOT / "Makefile", *sorted((ROOT / "docs/systemd").iterdir())]
OPERATOR = (ROOT / "docs/operator.md").read_text()
ALL = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES + OTHERS]

_SPAN = re.compile(r"`+([^`\n]+)`+")
_LINE = re.compile(r"^(?:\$ | {4}|\s*)((?:[\w./$()-]*/)?kit .*)$", re.MULTILINE)
_MESSAGE = re.compile(r"« (kit [a-z-]+[^»\n{]*)[»{]")


def shown(text: str) -> Iterator[str]:
    """The commands that a page shows: in code spans, and as lines of code blocks."""
    yield from (span for span in _SPAN.findall(text) if span.startswith("kit "))
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"(?:^ {4}\S.*\n?)+", text, re.MULTILINE)
    yield from (line for block in blocks for line in _LINE.findall(block))


def fault(command: str) -> str:
    """What of a command is not there; ``""`` where all of it is."""
    found: Any = typer.main.get_command(app)
    words = command.split()[1:]
    while words and hasattr(found, "commands"):
        name = words.pop(0)
        known = found.commands.get(name)
        if known is None:
            return f"{command}: {name}"
        found = known
    options = {name for parameter in found.params for name in parameter.opts} | {"--help"}
    unknown = {word.strip("[],.;") for word in words if word.strip("[").startswith("--")} - options
    return f"{command}: {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize(
    "command", ["kit publish", "kit season end", "kit delivery SLOT --everybody", "kit bench send --fast"]
)
def test_a_command_that_is_not_there_is_seen(command: str) -> None:
    assert fault(command).startswith(command)


@pytest.mark.parametrize("page", ALL)
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    assert [told for command in shown(page.read_text()) if (told := fault(command))] == []


def test_every_command_that_a_message_tells_to_type_exists() -> None:
    sources = sorted((ROOT / "pipeline").rglob("*.py"))
    commands = {command.strip() for path in sources for command in _MESSAGE.findall(path.read_text())}
    assert len(commands) > 10
    assert [told for command in sorted(commands) if (told := fault(command))] == []


@pytest.mark.parametrize("page", ALL)
def test_every_setting_shown_exists(page: Path) -> None:
    named = set(re.findall(r"\bKIT_[A-Z_]+\b", page.read_text()))
    assert named - KNOWN - {f"{name}_FILE" for name in SECRETS} == set()


def test_every_setting_is_in_the_operators_table_once() -> None:
    cells = re.findall(r"^\| (`KIT_[^|]*) \|", OPERATOR, re.MULTILINE)
    assert sorted(name for cell in cells for name in re.findall(r"KIT_[A-Z_]+", cell)) == sorted(KNOWN)


def test_the_secrets_that_may_stand_in_a_file_are_all_told() -> None:
    told = re.search(r"^(`KIT_\w+`.*?) se lisent aussi d'un fichier", OPERATOR, re.MULTILINE | re.DOTALL)
    assert told
    assert set(re.findall(r"KIT_[A-Z_]+", told[1])) == SECRETS


def test_the_paces_shown_are_the_defaults() -> None:
    told = re.search(r"\| `((?:\w+=\d+ ?)+)` \|", OPERATOR)
    assert told
    assert throttle.parse(told[1]) == throttle.Throttles()
    assert set(told[1].split()) == {f"{name}={rate:g}" for name, rate in throttle.DEFAULTS.items()}


def test_every_option_of_a_server_is_told() -> None:
    table = OPERATOR.partition("| option |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(servers._KNOWN.split(", "))


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(
        r"\]\((?!https?:|mailto:|#)([^)#\s]+)", re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    )
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text()
    links = set(re.findall(r"\]\(([\w.-]+)", index))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - links == {"index.md"}


@pytest.mark.parametrize("name", ["developer.md", "security.md", "performance.md"])
def test_every_module_named_exists(name: str) -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", (ROOT / "docs" / name).read_text())
    tree = [
        path.relative_to(ROOT).as_posix() + ("/" if path.is_dir() else "")
        for top in ("pipeline", "tests")
        for path in (ROOT / top).rglob("*")
    ]
    assert [one for one in named if not any(f"/{path}".endswith(f"/{one}") for path in tree)] == []
