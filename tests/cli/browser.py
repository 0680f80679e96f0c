"""Pages in a headless Chromium: what axe-core objects to, and how wide the page is, at several widths and schemes."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

AXE = "axe-core@4.14.1"
SCHEMES = {"dark": 0, "light": 1}  # as Chromium's settings count them
PATIENCE = 240.0  # seconds for a browser to look at all pages; it takes a few for each
VIRTUAL_TIME = 3_600_000  # milliseconds of the page's own clock, which does not run while the page computes
TOOLS = ("npm", "chromium")

# Looks at one page after the other, each in a frame of its own width; a page answers when it has been looked at.
FRAMES = """<!DOCTYPE html><html lang="en"><head><title>frames</title></head><body><script>
const pages = %s, found = [];
function next() {
  if (found.length === pages.length) {
    document.body.innerHTML = '<pre id="found"></pre>';
    document.getElementById('found').textContent = JSON.stringify(found);
    return;
  }
  const frame = document.createElement('iframe');
  frame.style = `border: 0; height: 900px; width: ${pages[found.length].width}px`;
  frame.src = pages[found.length].address;
  document.body.replaceChildren(frame);
}
addEventListener('message', message => { found.push(message.data); next(); });
next();
</script></body></html>"""

LOOK = """<script src="axe.min.js"></script><script>
const axe_or_none = window.axe || {run: async () => ({violations: [], passes: []})};
addEventListener('load', () => axe_or_none.run(document, {iframes: false, resultTypes: ['violations']}).then(
  found => parent.postMessage({
    faults: found.violations.map(one => [one.impact, one.id, one.nodes[0].target.join(' '), one.nodes.length]),
    rules: found.passes.length, width: document.documentElement.clientWidth,
    content: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
  }, '*'), error => parent.postMessage({error: String(error)}, '*')));
</script>"""


@dataclass(frozen=True)
class Look:
    """What was found on a page: ``faults`` of axe-core (impact, rule, element, count), and how many rules passed."""

    faults: tuple[tuple[str, str, str, int], ...]
    rules: int
    width: int
    content: int
    dark: bool

    @property
    def serious(self) -> set[str]:
        """The rules that are broken in a serious or critical way."""
        return {rule for impact, rule, _, _ in self.faults if impact in ("serious", "critical")}


def on_paper(page: str) -> str:
    """Return a page whose style on paper holds on the screen, where it can be measured."""
    return re.sub(r"@media screen\b[^{]*", "@media not all ", page).replace("@media print", "@media all")


def missing_tools() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def axe_source() -> str:
    """Return axe-core, as npm installs it; where its registry is not reached the test is passed over, and says so."""
    found = _installed()
    if not found:
        pytest.skip(f"npm cannot install {AXE}: its registry is not reached")
    return found


@functools.cache
def _installed() -> str:
    """Return the source, nothing where npm fails; it is kept for the next run where the environment says so."""
    kept = os.environ.get("RNNSYM_NODE_FOLDER")
    folder = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="rnnsym-npm-"))
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    try:
        if not source.is_file():
            command = ["npm", "install", AXE, "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts",
                       "--fetch-retries=1", "--fetch-timeout=30000"]
            subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE)
        return source.read_text(encoding="utf-8") if source.is_file() else ""
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def look_at(
    pages: Mapping[str, str], asked: Sequence[tuple[str, int]], folder: Path, scheme: str = "light", *, axe: bool = True
) -> dict[tuple[str, int], Look]:
    """Return what is found on pages at widths; without ``axe`` how wide they are alone, which takes less time."""
    (folder / "axe.min.js").write_text(axe_source() if axe else "", encoding="utf-8")
    addresses = {name: f"page{place}.html" for place, name in enumerate(pages)}
    for name, text in pages.items():
        (folder / addresses[name]).write_text(text.replace("</body>", LOOK + "</body>"), encoding="utf-8")
    frames = [{"address": addresses[name], "width": width} for name, width in asked]
    (folder / "frames.html").write_text(FRAMES % json.dumps(frames), encoding="utf-8")
    return {one: _look(answer) for one, answer in zip(asked, _answers(folder, scheme), strict=True)}


def _answers(folder: Path, scheme: str) -> list[dict[str, object]]:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--hide-scrollbars",
               f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
               "--window-size=1400,1000", f"--virtual-time-budget={VIRTUAL_TIME}", "--dump-dom"]
    done = subprocess.run(["chromium", *options, (folder / "frames.html").as_uri()], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, f"the browser gave no answer: {done.stdout[-500:]} {done.stderr[-2000:]}"
    answers: list[dict[str, object]] = json.loads(html.unescape(found[1]))
    return answers


def _look(answer: dict[str, object]) -> Look:
    assert "error" not in answer, answer
    faults = answer.pop("faults")
    assert isinstance(faults, list)
    return Look(tuple((str(impact), str(rule), str(place), int(count)) for impact, rule, place, count in faults),
                **answer)  # type: ignore[arg-type]
