"""The figures: the same bytes each time, the committed ones up to date, files whole or not at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnsym import Cell, Network, cells
from rnnsym.dynamics import (
    Draws,
    draw_gradient_products,
    draw_path_contributions,
    figures,
    save_figure,
    study_contributions,
    study_products,
)
from rnnsym.dynamics.style import PALETTE, spread
from rnnsym.errors import DataError, OutputError

FOLDER = Path(__file__).resolve().parents[2] / "figures"
SCRIPTS = sorted(FOLDER.glob("*.py"))
# Committed figures of several networks, by the figure that they show.
GALLERIES = {"topologies": "unrolled", "gradient_paths": "gradient-paths"}
OWN = {name.replace("-", "_") for name, entry in figures.items() if not entry.of_network}
CURVES = [script for script in SCRIPTS if script.stem not in GALLERIES and script.stem not in OWN]
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")

# Another Matplotlib sets type a little wider or higher and so moves the axes, which pixels or bytes would not survive.
# What is drawn is therefore compared within its axes: texts exactly, every point of every curve to this part of them
# (Matplotlib 3.9 and 3.11 differ by 0.007, two seeds by more than 0.03).
DRAWING_TOLERANCE = 0.015


@dataclass(frozen=True)
class Shape:
    """One line or area of a drawing: its paint, and its points in widths and heights of the axes it stands in."""

    paint: tuple[str, ...]
    points: NDArray[np.float64]


def read_drawing(path: Path) -> tuple[list[str], list[Shape]]:
    """Read the texts and the shapes of a figure that Matplotlib wrote with text as paths."""
    root = ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))).getroot()
    comment: Any = ET.Comment
    texts = [str(node.text).strip() for node in root.iter(comment)]
    axes = [group for group in root.iter(f"{SVG}g") if group.get("id", "").startswith("axes_")]
    return texts, [shape for group in axes for shape in read_shapes(group)]


def read_shapes(axes: ET.Element) -> list[Shape]:
    groups = [group for group in axes if not group.get("id", "").startswith("matplotlib.axis")]
    frame = read_points(next(groups[0].iter(f"{SVG}path")))
    low, size = frame.min(axis=0), np.ptp(frame, axis=0)
    shapes = []
    for group in groups:
        if group.get("id", "").startswith(("line2d", "patch", "FillBetween", "PolyCollection")):
            shapes += [Shape(paint, (points - low) / size) for paint, points in read_group(group)]
    return shapes


def read_group(group: ET.Element) -> list[tuple[tuple[str, ...], NDArray[np.float64]]]:
    """Yield the lines of a group and, of an area, the path that it uses moved to its place; markers are left out."""
    found = []
    defined = {str(path.get("id")): path for defs in group.iter(f"{SVG}defs") for path in defs.iter(f"{SVG}path")}
    for path in group.iter(f"{SVG}path"):
        if path not in defined.values():
            found.append((read_paint(path), read_points(path)))
    if not group.get("id", "").startswith("line2d"):
        for use in group.iter(f"{SVG}use"):
            points = read_points(defined[str(use.get(LINK)).lstrip("#")])
            found.append((read_paint(use), points + [float(use.get(key, 0)) for key in "xy"]))
    return found


def read_points(path: ET.Element) -> NDArray[np.float64]:
    return np.array(NUMBER.findall(path.get("d", "")), dtype=np.float64).reshape(-1, 2)


def read_paint(node: ET.Element) -> tuple[str, ...]:
    return tuple(re.findall(r"(?:fill|stroke): (?:#\w+|none)", node.get("style", "")))


def differences(committed: Path, fresh: Path) -> list[str]:
    """Say what differs between two drawings; nothing where a reader would see the same."""
    (texts, shapes), (new_texts, new_shapes) = read_drawing(committed), read_drawing(fresh)
    found = [] if texts == new_texts else [f"texts {set(texts) ^ set(new_texts) or 'in another order'}"]
    if len(shapes) != len(new_shapes):
        return [*found, f"{len(shapes)} shapes and {len(new_shapes)}"]
    for place, (old, new) in enumerate(zip(shapes, new_shapes, strict=True)):
        if old.paint != new.paint or old.points.shape != new.points.shape:
            found.append(f"shape {place}: {old.paint} {old.points.shape} and {new.paint} {new.points.shape}")
        elif not np.abs(old.points - new.points).max(initial=0.0) <= DRAWING_TOLERANCE:
            found.append(f"shape {place} is {np.abs(old.points - new.points).max()} of the axes off")
    return found


@pytest.fixture(scope="module")
def drawn_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Run every script in two fresh interpreters whose sets and dicts of text are ordered differently."""
    folders, running = [], []
    code = ("import runpy, sys; from pathlib import Path\n"
            "for script in sys.argv[2:]: runpy.run_path(script)['main'](Path(sys.argv[1]))")
    for seed in ("1", "2"):
        folders.append(tmp_path_factory.mktemp(f"figures{seed}"))
        command = [sys.executable, "-W", "error", "-c", code, str(folders[-1]), *map(str, SCRIPTS)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(FOLDER.parent)}
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    return folders[0], folders[1]


def test_there_is_a_script_and_a_committed_file_for_each_figure() -> None:
    names = {name.replace("-", "_") for name in figures if name not in GALLERIES.values()} | set(GALLERIES)
    assert {script.stem for script in SCRIPTS} == names
    assert {file.name for file in FOLDER.iterdir() if file.is_file() and not file.name.startswith(".")} == {
        f"{name}{ending}" for name in names for ending in (".py", ".svg")
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_figure_drawn_twice_has_the_same_bytes_and_no_date(script: Path, drawn_twice: tuple[Path, Path]) -> None:
    first, second = ((folder / f"{script.stem}.svg").read_bytes() for folder in drawn_twice)
    assert first == second
    assert not re.search(rb"\d{4}-\d\d-\d\d|Matplotlib v", first)
    assert b"<text" not in first  # text as outlines: the same in every viewer


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_committed_figure_shows_what_its_script_draws(script: Path, drawn_twice: tuple[Path, Path]) -> None:
    committed, fresh = (folder / f"{script.stem}.svg" for folder in (FOLDER, drawn_twice[0]))
    texts, shapes = read_drawing(committed)
    assert len(texts) > 20
    assert len(shapes) > (8 if script.stem in OWN else 40)  # dots are markers, which are left out
    assert script not in CURVES or sum(len(shape.points) > 90 for shape in shapes) >= 20
    assert differences(committed, fresh) == []


CHANGES: dict[str, tuple[str, str]] = {
    "a number in a text": ("of $T = 100$ steps", "of $T = 90$ steps"),
    "a symbol": ("\\partial", "d"),
    "a colour": (f"stroke: {PALETTE[4].lower()}", f"stroke: {PALETTE[5].lower()}"),
}


@pytest.mark.parametrize("script", CURVES, ids=lambda script: script.stem)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_to_a_committed_figure_is_seen(change: str, script: Path, tmp_path: Path) -> None:
    committed = script.with_suffix(".svg")
    text = committed.read_text(encoding="utf-8")
    old, new = CHANGES[change]
    assert old in text
    (tmp_path / "changed.svg").write_text(text.replace(old, new), encoding="utf-8")
    assert differences(committed, tmp_path / "changed.svg")


@pytest.mark.parametrize("script", CURVES, ids=lambda script: script.stem)
def test_a_dropped_curve_and_a_moved_point_are_seen(script: Path, tmp_path: Path) -> None:
    committed, changed = script.with_suffix(".svg"), tmp_path / "changed.svg"
    text = committed.read_text(encoding="utf-8")
    curves = [m for m in re.finditer(r'<path d="M (\S+) (\S+)[^"]*" clip-path=[^>]*>', text) if m[0].count("\nL") > 90]
    seen = 0
    for curve in curves:
        y = f"{float(curve[2]) + 6:.6f}"  # 6 points of the axes' 240
        for replaced in ("", curve[0].replace(curve[2], y, 1)):
            changed.write_text(text.replace(curve[0], replaced), encoding="utf-8")
            seen += bool(differences(committed, changed))
    assert len(curves) >= 10
    assert seen == 2 * len(curves)


def test_one_seed_makes_one_figure_however_often_it_is_saved_and_another_seed_another(tmp_path: Path) -> None:
    network, small = Network(cells["simple"]), {"d": 2, "n": 3, "k": 1}
    written = {}
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        study = study_contributions(network, small, (0.5, 1.0), Draws(seed, count=3, steps=20))
        figure = draw_path_contributions(study)
        saved = [save_figure(figure, tmp_path / f"{name}{i}.svg").read_bytes() for i in range(3)]
        assert saved[0] == saved[1] == saved[2]
        written[name] = saved[0]
    assert written["first"] == written["again"]
    assert differences(tmp_path / "first0.svg", tmp_path / "other0.svg")


NETWORKS = {
    "lstm": Network(cells["lstm"]),
    "gru": Network(cells["gru"]),
    "dead": Network(Cell.from_equations("dead", "h = relu(W_x @ x + W_h @ h_prev)"), "yhat = W_y @ h", "squared_error"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_any_cell_with_recurrent_weights_is_drawn_without_a_warning(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    draws = Draws(count=3, steps=12)
    scalar = study_products(network, {"d": 1, "n": 1, "k": 1}, (0.5, 2.0), draws)
    matrix = study_products(network, {"d": 2, "n": 3, "k": 1}, (0.5, 2.0), draws)
    assert (scalar.linear is None) == (name != "dead")
    paths = study_contributions(network, {"d": 2, "n": 3, "k": 1}, (0.5, 2.0), draws)
    for figure in (draw_gradient_products(network, scalar, matrix), draw_path_contributions(paths)):
        for ending in ("svg", "pdf", "png"):
            assert save_figure(figure, tmp_path / f"figure.{ending}").stat().st_size > 5000


def test_a_study_without_recurrent_weights_or_of_a_fixed_size_is_refused() -> None:
    readout = "yhat = sigmoid(h @ W_y)"
    decay = Network(Cell.from_equations("decay", "h = 0.5 * h_prev + x @ W"), readout)
    fixed = Network(Cell.from_equations("fixed", "W: (d, 2)\nU: (2, 2)\nh = tanh(x @ W + h_prev @ U)"), readout)
    for entry in (figures[name] for name in ("gradient-products", "path-contributions")):
        assert "no square matrix" in entry.obstacle(decay)
        assert "free size n" in entry.obstacle(fixed)
        with pytest.raises(DataError, match="decay"):
            entry.draw(decay, 0)
        with pytest.raises(DataError, match="free size n"):
            entry.draw(fixed, 0)


def test_an_empty_study_is_refused() -> None:
    for draws, radii in ((Draws(count=0), (1.0,)), (Draws(), ())):
        with pytest.raises(DataError, match="at least one draw and one radius"):
            study_products(Network(cells["simple"]), {"d": 1, "n": 1, "k": 1}, radii, draws)


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure.svgz", ".svg"])
def test_an_unknown_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"use \.svg, \.pdf or \.png"):
        save_figure(Figure(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "taken.svg").mkdir()
    (tmp_path / "file").write_text("not a folder")
    for place in ("absent/figure.svg", "taken.svg", "file/figure.svg", "nul\0.svg"):
        with pytest.raises(OutputError, match="cannot be written"):
            save_figure(Figure(), tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.svg"]


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_figure(Figure(), tmp_path / "figure.svg")
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_figure(Figure(figsize=(1, 1)), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["figure.svg"]


def test_the_user_s_settings_stay_as_they_were(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    matplotlib.rcParams["axes.facecolor"] = "red"
    study = study_contributions(Network(cells["simple"]), {"d": 1, "n": 2, "k": 1}, (1.0,), Draws(count=1, steps=5))
    figure = draw_path_contributions(study)
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)
    assert matplotlib.rcParams["axes.facecolor"] == "red"
    matplotlib.rcParams.update(before)
    save_figure(figure, tmp_path / "figure.svg")
    assert dict(matplotlib.rcParams) == before


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_labels_stand_apart_in_their_order_and_do_not_move_without_need(positions: list[float]) -> None:
    gap = 0.05
    found = spread(positions, gap)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(found[order]) >= gap - 1e-12).all()
    assert found.min() >= -1e-12
    assert found.max() <= 1 + 1e-12
    if len(positions) == 1 or np.diff(np.sort(positions)).min() >= gap:
        assert np.allclose(found, positions)
