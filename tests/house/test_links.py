"""Links in the documents lead to a file of this repository, and to a heading in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """Return the anchor of a heading as GitHub makes it: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """Return the anchors of all headings of a document."""
    return {anchor(heading) for heading in HEADING.findall(CODE.sub("", path.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_to_existing_files_and_headings(document: Path) -> None:
    """Each relative link names an existing file or folder, and its anchor a heading of it."""
    path = ROOT / document
    for link in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        if ":" in link.split("/")[0]:
            continue  # an external address
        name, _, heading = link.partition("#")
        target = path if not name else (path.parent / name)
        assert target.exists(), f"{document}: {link} does not exist"
        if heading and target.suffix == ".md":
            assert heading in anchors(target), f"{document}: {link}: {name or document} has no such heading"


def test_the_readme_stays_short() -> None:
    """At most 200 lines, with what a newcomer needs; the rest is in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
