"""Every figure of the table against its committed image, in pixels; and that a changed figure fails.

A new figure's image: pytest tests/dynamics/test_images.py --mpl-generate-path=tests/dynamics/baseline -k NAME.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure
from PIL import Image

from rnnsym.dynamics import figures, restyle_figure, save_figure, styles
from rnnsym.dynamics.style import PALETTE, style

BASELINE = Path(__file__).parent / "baseline"
DPI = 40  # a figure of nine inches is 360 pixels wide: the images of all take less room than one vector file
# The root mean square of what pixels, from 0 to 255, may differ by. Another FreeType or Matplotlib shades the edges of
# type otherwise and may move it by a pixel; an axes moved by 3% of the page is more than this (below). Single curves
# and points are compared by the test of vector files; here the whole is: what stands where, in which colours.
IMAGE_TOLERANCE = 14


@pytest.mark.parametrize("name", figures)
@pytest.mark.mpl_image_compare(baseline_dir="baseline", style="default", tolerance=IMAGE_TOLERANCE,
                               savefig_kwargs={"dpi": DPI}, deterministic=True)
def test_the_image_of(name: str) -> Figure:
    return figures[name].draw(None, 0)


def test_there_is_an_image_of_each_figure_and_no_other() -> None:
    assert {file.name for file in BASELINE.iterdir()} == {f"test_the_image_of_{name}.png" for name in figures}


def image(figure: Figure, folder: Path) -> str:
    path = folder / "image.png"
    figure.savefig(path, dpi=DPI)
    return str(path)


def unlike(figure: Figure, name: str, folder: Path) -> bool:
    """Whether the comparison that the plugin makes finds a figure unlike the committed image."""
    expected = folder / "expected.png"
    expected.write_bytes((BASELINE / f"test_the_image_of_{name}.png").read_bytes())
    try:
        return compare_images(str(expected), image(figure, folder), IMAGE_TOLERANCE) is not None
    except ImageComparisonFailure:  # their sizes differ
        return True


def move_boxes(figure: Figure) -> None:
    for axes in figure.axes:
        place = axes.get_position()
        axes.set_position((place.x0 + 0.03, place.y0, place.width, place.height))


CHANGES: dict[str, Callable[[Figure], object]] = {
    "all is moved": move_boxes,
    "one axes is missing": lambda figure: figure.delaxes(figure.axes[0]),
    "it is dark": lambda figure: restyle_figure(figure, "dark"),
    "another size": lambda figure: figure.set_size_inches(*(1.1 * figure.get_size_inches())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_figure_is_seen(change: str, tmp_path: Path) -> None:
    for name in ("transient", "gradient-paths"):
        assert not unlike(figures[name].draw(None, 0), name, tmp_path)
        figure = figures[name].draw(None, 0)
        CHANGES[change](figure)
        assert unlike(figure, name, tmp_path)


def test_the_options_compare_images_and_a_changed_one_fails(tmp_path: Path) -> None:
    """The plugin runs with the project's own options: an image of another figure makes the test fail."""
    (tmp_path / "baseline").mkdir()
    save_figure(figures["transient"].draw(None, 0), tmp_path / "baseline" / "test_drawn.png")
    (tmp_path / "test_planted.py").write_text(
        "import pytest\nfrom rnnsym.dynamics import figures\n"
        f"@pytest.mark.mpl_image_compare(baseline_dir='baseline', style='default', tolerance={IMAGE_TOLERANCE})\n"
        "def test_drawn():\n    return figures['gradient-paths'].draw(None, 0)\n")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(root / "pyproject.toml"), "--rootdir", str(tmp_path),
               "-p", "no:cacheprovider", str(tmp_path / "test_planted.py")]
    done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout
    assert "Image dimensions did not match" in done.stdout or "RMS" in done.stdout


# Styles


@pytest.mark.parametrize("look", [name for name in styles if name != "print"])
@pytest.mark.parametrize("name", ["unrolled", "gradient-paths", "transient", "phases", "wall"])
def test_a_figure_is_wholly_in_its_style(name: str, look: str, tmp_path: Path) -> None:
    figure = figures[name].draw(style=look)
    with style():
        figure.savefig(tmp_path / "figure.png", dpi=DPI)
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB"), dtype=int)
    corner, spread = pixels[0, 0], pixels.max(axis=2) - pixels.min(axis=2)
    if look == "grey":
        assert spread.max() <= 2
        assert (corner == 255).all()
    if look == "dark":
        assert corner.max() < 40
    if look in ("dark", "slides"):
        assert pixels.shape[1] / pixels.shape[0] == pytest.approx(16 / 9, rel=0.02)
        assert all(axes.get_position().width > 0 for axes in figure.axes)
    assert np.std(pixels) > 5


@pytest.mark.parametrize("name", ["transient", "gradient-paths"])
def test_no_colour_of_print_is_left_in_the_dark(name: str, tmp_path: Path) -> None:
    path = save_figure(figures[name].draw(style="dark"), tmp_path / "dark.svg")
    text = path.read_text(encoding="utf-8").lower()
    assert not [colour for colour in PALETTE if f": {colour.lower()}" in text]
    plain = save_figure(figures[name].draw(None, 0), tmp_path / "print.svg").read_text(encoding="utf-8").lower()
    assert [colour for colour in PALETTE if f": {colour.lower()}" in plain]
