"""Every link between pages leads somewhere, and no page names this machine."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages, prose

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_MACHINE = re.compile(r"(?<![\w.<:/])/(?:home|root|Users|work|mnt|opt|srv)/\w")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and GitLab make them."""
    found = set()
    for heading in _HEADING.findall(prose(page)):
        words = re.sub(r"[^\w\s-]", "", heading.lower())
        found.add(re.sub(r"\s", "-", words.strip()))
    return found


def links() -> list[tuple[Path, str]]:
    return [(page, target) for page in pages() for target in _LINK.findall(prose(page))]


def test_there_are_pages_and_links() -> None:
    assert len(pages()) > 15
    assert len(links()) > 30


@pytest.mark.parametrize(
    ("page", "target"),
    [pytest.param(page, target, id=f"{page.relative_to(ROOT)} {target}") for page, target in links()],
)
def test_a_link_leads_to_a_file_and_its_heading(page: Path, target: str) -> None:
    if re.match(r"(https?|mailto):", target):
        return
    path, _, anchor = target.partition("#")
    assert not path.startswith("/"), "a link from the root leads nowhere in a clone"
    file = (page.parent / path).resolve() if path else page
    assert file.is_relative_to(ROOT)
    assert file.exists()
    if anchor:
        assert anchor in anchors(file)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_path_of_somebodys_machine(page: Path) -> None:
    assert _MACHINE.search(page.read_text(encoding="utf-8")) is None


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in _LINK.findall(prose(page)):
            file = (page.parent / target.partition("#")[0]).resolve()
            # A link to a folder is a link to what is in it.
            todo += [one for one in pages() if one == file or one.parent == file]
    assert {page for page in pages() if page.is_relative_to(ROOT / "docs")} <= reached
