"""Decision files have one format, and the index lists each of them."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
INDEX = FOLDER / "README.md"
FILES = sorted(path for path in FOLDER.iterdir() if path != INDEX)
HEAD = re.compile(r"# (?P<number>\d+)\. (?P<title>\S.*)\n\nDate: 20\d\d-[01]\d-[0-3]\d\n\n## Context\n\n[^#\n]")
SECTIONS = re.compile(r"Context,Decision(,Figures)?(,Tried and dropped)?")
LINE_MAX = 140


def slug(title: str) -> str:
    """Return a title as it appears in the file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_decision_begins_with_title_date_context_and_decision(path: Path) -> None:
    """Figures, and what was tried and dropped, follow where there are any."""
    text = path.read_text()
    head = HEAD.match(text)
    assert head, "title, date and context come first"
    assert path.name == f"{int(head['number']):04}-{slug(head['title'])}.md"
    assert SECTIONS.fullmatch(",".join(re.findall(r"^## (.*)$", text, re.MULTILINE)))
    assert [line for line in text.splitlines() if len(line) > LINE_MAX] == []


def test_numbers_of_decisions_have_no_gap() -> None:
    """The next decision takes the next number, so that two branches with the same number are noticed."""
    assert [int(path.name[:4]) for path in FILES] == list(range(1, len(FILES) + 1))


def test_the_index_has_each_decision_with_its_title_and_a_sentence() -> None:
    """Number, title as a link, one sentence."""
    entries = re.findall(r"^- (\d{4}) \[(.+)\]\((.+)\):\n  (\S.*\.)$", INDEX.read_text(), re.MULTILINE)
    titles = {path.name: re.sub(r"^# \d+\. ", "", path.read_text().split("\n", 1)[0]) for path in FILES}
    assert sorted((number, file, title) for number, title, file, _ in entries) == [
        (name[:4], name, title) for name, title in titles.items()
    ]


@pytest.mark.parametrize("path", [*FILES, INDEX], ids=lambda path: path.name)
def test_links_of_decisions_lead_to_files(path: Path) -> None:
    """Relative links, from the folder of the decisions."""
    links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", path.read_text())
    assert [link for link in links if not (FOLDER / link).exists()] == []
