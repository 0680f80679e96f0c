"""What the documentation site shows beside this folder's pages: the front page, the reference, files that they name.

Hooks of MkDocs. The pages are written for a repository, where a link may lead out of this folder; what it names is put
on the site too.
"""

from __future__ import annotations

import inspect
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import rnnsym

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
COPIED = (".svg", ".png", ".md", ".tex", ".py", ".ipynb")
LINK = re.compile(r"(\]\()([^)\s:#]+)(#[^)]*)?(\))")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
WIDTH = 70  # of a signature on one line
OBJECT = re.compile(r" at 0x[0-9a-f]+")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the repository's own pages, the reference, and every file that a page leads to."""
    added = {target: (ROOT / source).read_text(encoding="utf-8") for source, target in PAGES.items()}
    added["reference.md"] = reference()
    for target, text in added.items():
        files.append(File.generated(config, target, content=text))
    for path in sorted(_named(files)):
        files.append(File.generated(config, path.as_posix(), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link to where its file is on the site."""
    home = _home(page.file)
    return _outside_fences(markdown, lambda text: LINK.sub(lambda link: _led(link, home), text))


def reference() -> str:
    """Return the page of the public names: signature and docstring of each, and of what a class offers."""
    parts = ["# Reference", "", "Everything below is a name of `rnnsym`.", ""]
    for name in rnnsym.__all__:
        parts += _entry(name, getattr(rnnsym, name), "##")
    return "\n".join(parts) + "\n"


def _entry(name: str, thing: Any, mark: str) -> Iterator[str]:
    yield from (f"{mark} `{name}`", "")
    if callable(thing):
        yield from ("```python", f"{name}{_signature(thing)}", "```", "")
    yield from (_fenced(inspect.getdoc(thing) or ""), "")
    if inspect.isclass(thing):
        for own, member in sorted(vars(thing).items()):
            if not own.startswith("_") and _described(member):
                yield from _entry(f"{name}.{own}", getattr(thing, own) if not _is_property(member) else member, "###")
    elif inspect.ismodule(thing):
        for own in getattr(thing, "__all__", ()):
            yield from _entry(f"{name}.{own}", getattr(thing, own), "###")


def _signature(thing: Any) -> str:
    """Return the parameters of a function, one a line where they are many; annotations as they were written."""
    text = OBJECT.sub("", str(inspect.signature(thing)).replace("'", ""))
    if len(text) <= WIDTH:
        return text
    inside, after = text[1:].rsplit(")", 1) if ") -> " not in text else text[1:].split(") -> ", 1)
    lines = "".join(f"    {part},\n" for part in _parts(inside))
    return f"(\n{lines})" + (f" -> {after}" if after else "")


def _parts(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    depth, parts = 0, [""]
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _described(member: Any) -> bool:
    return _is_property(member) or inspect.isfunction(member) or isinstance(member, classmethod)


def _is_property(member: Any) -> bool:
    return isinstance(member, property)


def _fenced(text: str) -> str:
    """Put a session of the interpreter, from its first prompt to the next empty line, between fences."""
    return re.sub(r"^>>> .*?(?=\n\n|\Z)", lambda found: f"```python\n{found[0]}\n```", text, flags=re.M | re.S)


def _named(files: Files) -> set[Path]:
    """Return the files of the repository outside this folder that its pages name, and the pages that those name."""
    known, found = {file.src_uri for file in files}, set[Path]()
    open_pages = [(_home(file), file.content_string) for file in files if file.src_uri.endswith(".md")]
    while open_pages:
        home, text = open_pages.pop()
        for link in LINK.finditer(FENCE.sub("", text)):
            path = Path(posixpath.normpath(posixpath.join(home, link[2])))
            if path.suffix in COPIED and (ROOT / path).is_file() and path not in found and not _placed(path, known):
                found.add(path)
                if path.suffix == ".md":
                    open_pages.append((path.parent.as_posix(), (ROOT / path).read_text(encoding="utf-8")))
    return found


def _placed(path: Path, known: set[str]) -> bool:
    return path.as_posix() in PAGES or (path.parts[0] == "docs" and path.relative_to("docs").as_posix() in known)


def _home(file: File) -> str:
    """Return the folder, from the repository's root, that a page's links start from."""
    sources = {target: source for source, target in PAGES.items()}
    if file.src_uri in sources:
        return ""
    return posixpath.dirname(file.src_uri) if (ROOT / file.src_uri).is_file() else posixpath.join(
        "docs", posixpath.dirname(file.src_uri))


def _led(link: re.Match[str], home: str) -> str:
    path = posixpath.normpath(posixpath.join(home, link[2]))
    target = PAGES.get(path, path.removeprefix("docs/"))
    here = home.removeprefix("docs").strip("/")
    return f"{link[1]}{posixpath.relpath(target, here or '.')}{link[3] or ''}{link[4]}"


def _outside_fences(text: str, change: Any) -> str:
    parts, place = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[place:fence.start()]), fence[0]]
        place = fence.end()
    return "".join([*parts, change(text[place:])])
