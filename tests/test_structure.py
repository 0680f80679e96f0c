"""The shape of the repository: direction of imports, no evaluated text, sizes, what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rnnsym"
MODULES = sorted(PACKAGE.rglob("*.py"))

STAGES = ("model", "calculus", "writing", "numerics", "evidence", "dynamics")
FREE = ("errors",)
OUTERMOST = ("", "__main__", "cli", "api", "book")
"""The parts that see every stage: ``rnnsym/__init__.py`` (named ""), the command line, the API and the book."""
SEES_API = ("", "__main__", "cli", "book")

MAX_LINES = 300
EVALUATORS = {"eval", "exec", "sympify", "parse_expr"}
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
HEAVY = ("sympy", "numpy", "scipy", "matplotlib", "hypothesis", "flint")


# The direction of imports


def part_of(module: str) -> str:
    """``rnnsym.model.text`` belongs to the part ``model``, ``rnnsym`` itself to the part ""."""
    return [*module.split("."), ""][1]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, inside functions and ``if TYPE_CHECKING`` too.

    A relative import is yielded with its dots. An import by a call is yielded with its literal name, or as
    "?" where the name is computed and so cannot be judged.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "rnnsym" else [base]
            yield from ((node.lineno, name) for name in names)
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            yield node.lineno, str(first.value) if isinstance(first, ast.Constant) else "?"


def called(node: ast.Call) -> str:
    """Last part of the name that is called: ``importlib.import_module(…)`` calls ``import_module``."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def may_import(importer: str, target: str) -> bool:
    """Whether the part ``importer`` may import the module ``target``."""
    if target.startswith("."):
        return False
    if target.split(".")[0] != "rnnsym":
        return target != "?" or importer in SEES_API
    part = part_of(target)
    if importer in FREE:
        return False
    if part in FREE:
        return True
    if importer in OUTERMOST:
        return part in STAGES or part == importer or importer in SEES_API
    return part in STAGES and STAGES.index(part) <= STAGES.index(importer)


def wrong_imports(source: str, module: str) -> list[str]:
    """Every import in ``source``, the text of ``module``, against the direction of the stages."""
    importer = part_of(module)
    if importer not in (*STAGES, *FREE, *OUTERMOST):
        return [f"{module}: {importer!r} is no part of the design; move it into a stage"]
    return [
        f"{module}, line {line}: imports {name}"
        for line, name in imported(ast.parse(source))
        if not may_import(importer, name)
    ]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_its_own_and_earlier_stages(path: Path) -> None:
    assert wrong_imports(path.read_text(encoding="utf-8"), module_name(path)) == []


ALLOWED = [
    ("rnnsym.calculus.rules", "from rnnsym.model.cells import Cell\nimport numpy"),
    ("rnnsym.calculus.rules", "from rnnsym.calculus import paths\nfrom rnnsym.errors import DataError"),
    ("rnnsym.dynamics.plots", "def draw():\n    import matplotlib.pyplot\n    from rnnsym.evidence import x"),
    ("rnnsym.numerics.emitters", "import importlib\nimportlib.import_module('jax')"),
    ("rnnsym.model.cells", "from rnnsym import errors"),
    ("rnnsym.api", "from rnnsym.dynamics.flow import follow\nfrom rnnsym.model import cells"),
    ("rnnsym", "from rnnsym.api import derive\nfrom importlib import import_module\nimport_module(name)"),
    ("rnnsym.cli.main", "import rnnsym\nfrom rnnsym import api\nfrom rnnsym.cli import options"),
    ("rnnsym.errors", "from __future__ import annotations"),
]

REFUSED = {
    "a later stage": ("rnnsym.model.cells", "from rnnsym.calculus.rules import differentiate"),
    "the last stage from the last but one": ("rnnsym.evidence.claims", "import rnnsym.dynamics"),
    "by two names": ("rnnsym.model.cells", "import ast, rnnsym.writing.latex"),
    "a stage as a name": ("rnnsym.writing.latex", "from rnnsym import numerics"),
    "under another name": ("rnnsym.writing.latex", "from rnnsym import errors, numerics as n"),
    "inside a function": ("rnnsym.model.cells", "def f():\n    from rnnsym.numerics import emitters"),
    "for annotations only": ("rnnsym.model.cells", "if TYPE_CHECKING:\n    from rnnsym.writing import Step"),
    "by a call": ("rnnsym.model.cells", "importlib.import_module('rnnsym.writing')"),
    "by the built-in call": ("rnnsym.model.cells", "__import__('rnnsym.writing')"),
    "by a computed name": ("rnnsym.model.cells", "import_module('rnn' + 'sym.writing')"),
    "relative": ("rnnsym.calculus.rules", "from .paths import paths"),
    "relative, up": ("rnnsym.calculus.rules", "from ..model import cells"),
    "relative, bare": ("rnnsym.calculus.rules", "from . import paths"),
    "relative in the command line": ("rnnsym.cli.main", "from .options import options"),
    "the API from a stage": ("rnnsym.dynamics.flow", "from rnnsym.api import derive"),
    "the package from a stage": ("rnnsym.dynamics.flow", "import rnnsym"),
    "a public name from a stage": ("rnnsym.dynamics.flow", "from rnnsym import Cell"),
    "everything from a stage": ("rnnsym.dynamics.flow", "from rnnsym import *"),
    "the command line from a stage": ("rnnsym.dynamics.flow", "from rnnsym.cli import main"),
    "the command line from the API": ("rnnsym.api", "from rnnsym.cli import main"),
    "the package from the API": ("rnnsym.api", "import rnnsym"),
    "a stage from the errors": ("rnnsym.errors", "from rnnsym.model import cells"),
    "a part that the design does not know": ("rnnsym.utils", "import ast"),
}


@pytest.mark.parametrize(("module", "source"), ALLOWED)
def test_imports_along_the_direction_are_allowed(module: str, source: str) -> None:
    assert wrong_imports(source, module) == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_planted_import_against_the_direction_is_found(name: str) -> None:
    module, source = REFUSED[name]
    assert len(wrong_imports(source, module)) == 1


def test_the_checks_looked_at_every_stage() -> None:
    assert len(MODULES) > 2 * len(STAGES)
    assert {part_of(module_name(path)) for path in MODULES} >= {"", *STAGES, *FREE}
    assert len(REFUSED) == 23


# Text is data


def evaluations(source: str) -> list[str]:
    """Every use of a name, call or not, that turns text or bytes into running code or objects."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Name):
            names = [node.id] if node.id in EVALUATORS | {"__builtins__"} else []
        elif isinstance(node, ast.Attribute):
            owner = getattr(node.value, "id", "")
            from_sympy = node.attr in {"sympify", "parse_expr"}
            names = [node.attr] if from_sympy or (owner == "builtins" and node.attr in EVALUATORS) else []
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if is_evaluator(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if is_evaluator(f"{node.module}.{alias.name}")]
        elif isinstance(node, ast.Call):
            # S("…") is sympify under a shorter name; _sympify is the one that refuses text.
            names = ["S"] if called(node) == "S" else []
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            names = [] if getattr(node.value, "value", None) is False else ["allow_pickle"]
        found += names
    return found


def is_evaluator(dotted: str) -> bool:
    parts = dotted.split(".")
    return parts[0] in UNPICKLERS or parts[-1] in EVALUATORS or "sympy_parser" in parts


EVALUATING = [
    "eval('1')",
    "exec(text)",
    "run = eval",
    "import builtins\nbuiltins.exec(text)",
    "__builtins__['eval'](text)",
    "sympy.sympify(text)",
    "from sympy import sympify as read",
    "sympy.parsing.sympy_parser.parse_expr(text)",
    "from sympy.parsing.sympy_parser import parse_expr",
    "import sympy.parsing.sympy_parser",
    "sympy.S(text)",
    "S(text)",
    "import pickle",
    "import numpy, pickle as store",
    "from pickle import loads",
    "def f():\n    import dill",
    "numpy.load(path, allow_pickle=True)",
    "numpy.load(path, allow_pickle=flag)",
]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_module_evaluates_text(path: Path) -> None:
    assert evaluations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", EVALUATING)
def test_planted_evaluations_are_found(source: str) -> None:
    assert evaluations(source)


@pytest.mark.parametrize(
    "source",
    ["ast.parse(text)", "_sympify(index)", "def eval(cls, a): ...", "load(path, allow_pickle=False)"],
)
def test_what_only_looks_like_evaluation_is_not_found(source: str) -> None:
    assert evaluations(source) == []


# Sizes, docstrings, paths


def readable_files() -> list[Path]:
    """Every text a reader meets: code, documents, configuration; built and hidden folders left out."""
    kinds = {".py", ".md", ".toml", ".tex", ".txt", ".html", ".svg"}
    visible = [
        path
        for path in ROOT.rglob("*")
        if path.suffix in kinds
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        and path.relative_to(ROOT).parts[0] not in {"build", "dist", "rnnsym-report"}
    ]
    return sorted(visible) + [path for path in [ROOT / ".ci" / "run"] if path.exists()]


CODE = [path for path in readable_files() if path.suffix == ".py"]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_docstring_and_a_size_to_read_in_one_go(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), "say in one line what the module is"
    assert len(source.splitlines()) <= MAX_LINES, "split the module"


# Written as a pattern that does not match itself.
FOREIGN_PATH = re.compile(r"(?<![\w.}>-])/(?:work|home|root|Users|mnt)/|[A-Z]:\\Users")


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    files = readable_files()
    assert {path.suffix for path in files} >= {".py", ".toml"}
    found = {str(path): FOREIGN_PATH.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {path: paths for path, paths in found.items() if paths} == {}


@pytest.mark.parametrize("folder", ["work", "home", "root", "Users", "mnt"])
def test_a_planted_path_is_found(folder: str) -> None:
    assert FOREIGN_PATH.search(f"see `/{folder}/notes.txt`")
    assert FOREIGN_PATH.search(f"open('/{folder}/notes.txt')")
    assert not FOREIGN_PATH.search(f"https://example.org/{folder}/notes and docs/{folder}/notes")


# What an import costs


def heavy_after(statement: str) -> list[str]:
    """The heavy packages that a fresh interpreter holds after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.mark.parametrize("module", ["rnnsym", "rnnsym.cli", "rnnsym.errors"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    assert heavy_after(f"import {module}") == []


def test_a_planted_heavy_import_is_found() -> None:
    assert heavy_after("import rnnsym, numpy") == ["numpy"]
