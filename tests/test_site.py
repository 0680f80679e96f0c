"""The documentation site: it is built without a warning, holds every page, and every link on it leads somewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import rnnsym

ROOT = Path(__file__).parents[1]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(root / "mkdocs.yml"), "-d", str(site)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    run = build(ROOT, made)
    assert run.returncode == 0, run.stderr
    return made


class Page(HTMLParser):
    """The links of a page, what it loads, and the places that a link may lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.links, self.loaded, self.places = path, list[str](), list[str](), set[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADED and LOADED[tag] in found and found.get("rel") != "canonical":
            self.loaded.append(found[LOADED[tag]])


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


def dead(found: dict[Path, Page]) -> list[str]:
    """Return the links that lead nowhere, and what is loaded and is not there."""
    faults = []
    for path, page in found.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            lost = parts.fragment and target in found and unquote(parts.fragment) not in found[target].places
            if not parts.scheme and (not target.exists() or lost):
                faults.append(f"{path}: {link}")
    return faults


def test_every_link_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    found = pages(site)
    assert sum(len(page.links) for page in found.values()) > 500
    assert dead(found) == []


def test_a_dead_link_and_a_lost_place_are_noticed(tmp_path: Path) -> None:
    links = "".join(f'<a href="{place}">here</a>' for place in ("#here", "#gone", "c.html"))
    (tmp_path / "index.html").write_text(f'<p id="here"></p>{links}')
    assert [fault.split(": ")[1] for fault in dead(pages(tmp_path))] == ["#gone", "c.html"]


def test_no_page_loads_from_elsewhere(site: Path) -> None:
    loaded = [source for page in pages(site).values() for source in page.loaded]
    assert len(loaded) > 50
    assert [source for source in loaded if urlsplit(source).netloc] == []


def test_every_page_of_the_folder_is_in_the_contents(site: Path) -> None:
    named = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "docs").glob("*.md") if f" {path.name}\n" not in named]
    assert missing == []


def test_the_reference_has_every_public_name(site: Path) -> None:
    text = (site / "reference" / "index.html").read_text(encoding="utf-8")
    assert [name for name in rnnsym.__all__ if f"<code>{name}</code>" not in text] == []


def test_a_broken_link_in_a_page_stops_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "rnnsym", "tests", "*.json", "__pycache__", "site"))
    page = copy / "docs" / "text.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[gone](gone.md)\n", encoding="utf-8")
    run = build(copy, tmp_path / "site")
    assert run.returncode != 0
    assert "gone.md" in run.stderr
