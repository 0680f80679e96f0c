"""The explorer: complete without a script, and with it the picture that Python draws for every setting."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.cli.explorer import _picture, _words, explorer
from rnnsym.dynamics.draws import draw_inputs
from rnnsym.dynamics.explorations import COUNT, RADII, USUAL_RADIUS, Exploration, explore
from rnnsym.dynamics.studies import Draws, study_products
from rnnsym.errors import DataError
from rnnsym.model.networks import Network
from rnnsym.writing.layout import style_of
from rnnsym.writing.notations import style_in

CHROMIUM = shutil.which("chromium")
HUNDREDTH = 0.005  # of a decade, to which the page's numbers are rounded


@pytest.fixture(scope="module")
def simple() -> Exploration:
    return explore(Network(rnnsym.cells["simple"]), steps=30)


def shown(found: Exploration, network: Network | None = None) -> str:
    chosen = network or Network(rnnsym.cells["simple"])
    return explorer(found, chosen, style_of(chosen))


def data(page: str) -> Any:
    found = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_the_curves_of_the_study(simple: Exploration) -> None:
    curves = data(shown(simple))["curves"]
    assert [curve["name"] for curve in curves] == ["tanh", "relu", "leaky_relu", "sigmoid", "linear"]
    own = study_products(Network(rnnsym.cells["simple"]), {"d": 5, "n": 16, "k": 1}, RADII,
                         Draws(0, count=COUNT, steps=30)).norms.middle / math.log(10)
    assert np.abs(np.array(curves[0]["decades"], dtype=float) - own).max() <= HUNDREDTH * 1.001


def test_the_linear_network_grows_as_its_radius(simple: Exploration) -> None:
    linear = simple.curves[-1].decades
    assert np.allclose(linear[:, 30] - linear[0, 30], 30 * np.log10(np.array(RADII) / RADII[0]), atol=1e-9)


def test_a_curve_and_its_words_are_there_without_a_script(simple: Exploration) -> None:
    page = re.sub(r"<script.*?</script>", "", shown(simple), flags=re.DOTALL)
    assert re.search(r'<path class="curve" d="M64\.0 [^"]{100,}"', page)
    assert "30 steps back, with ρ = 0.9 and tanh, the gradient is" in page
    assert "<form hidden" in page, "what does nothing without the script is not shown"


def test_formulas_are_set_in_the_letters_of_a_notation(simple: Exploration) -> None:
    network = Network(rnnsym.cells["simple"])
    page = explorer(simple, network, style_in(network, "goodfellow"))
    about = page.split("</style>")[1].split("<form")[0]
    assert "<msub><mi>h</mi><mi>T</mi></msub>" in about
    assert "<mi>ρ</mi>" in about
    assert "of <math><mi>W</mi></math>" in about
    assert not re.search("s<sub>|W_h|∂s", page)


def test_nothing_is_asked_for_from_elsewhere(simple: Exploration) -> None:
    page = shown(simple)
    assert "src=" not in page
    assert "href=" not in page
    assert "fetch" not in page
    assert re.findall(r"https?://[^\s\"']*", page) == ["http://www.w3.org/2000/svg"]


def test_a_cell_of_several_activations_has_its_own_curve_alone() -> None:
    cell = rnnsym.Cell.from_equations("several", "h = tanh(x @ W_x) + relu(h_prev @ W_h)")
    network = Network(cell, readout="yhat = sigmoid(h @ W_y)")
    found = explore(network, steps=5)
    assert [curve.activation for curve in found.curves] == [""]
    assert "<select" not in shown(found, network)


def test_a_network_that_cannot_be_followed_is_refused() -> None:
    no_weights = rnnsym.Cell.from_equations("plain", "h = tanh(x @ W_x + a * h_prev)")
    with pytest.raises(DataError, match="no square matrix"):
        explore(Network(no_weights, readout="yhat = sigmoid(h @ W_y)"), steps=5)


def test_what_is_lost_is_said_to_be_zero(simple: Exploration) -> None:
    curve = [0.0, -1.0, -math.inf]
    assert _words(simple, RADII.index(USUAL_RADIUS), curve).endswith("the gradient is exactly 0.")
    assert "L" in _picture(curve)


MOVE = """<script>
var form = document.querySelector("#explorer form");
form.elements.radius.value = RADIUS; form.elements.activation.value = ACTIVATION; form.elements.lags.value = LAGS;
form.dispatchEvent(new Event("input"));
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize(("radius", "activation"), [(RADII.index(USUAL_RADIUS), 0), (16, 4), (0, 1)])
def test_the_script_draws_what_python_draws(simple: Exploration, radius: int, activation: int, tmp_path: Path) -> None:
    move = MOVE.replace("RADIUS", str(radius)).replace("ACTIVATION", str(activation)).replace("LAGS", "30")
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8">{shown(simple)}{move}', encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom",
               f"file://{page}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    curve = [round(float(value), 2) for value in simple.curves[activation].decades[radius]]
    assert places(found) == pytest.approx(places(_picture(curve)), abs=0.11)
    other = Exploration(simple.radii, simple.weights, simple.units, simple.count, (simple.curves[activation],))
    output = re.search(r"<output>(.*?)</output>", found)
    assert output is not None
    assert unescape(output[1]) == _words(other, radius, curve)


def places(page: str) -> list[float]:
    path = re.search(r'class="curve" d="([^"]*)"', page)
    assert path is not None
    return [float(number) for number in re.findall(r"[0-9.]+", path[1])]


def test_inputs_are_drawn_for_the_steps_asked_for() -> None:
    network = Network(rnnsym.cells["simple"])
    assert draw_inputs(network, {"d": 2, "n": 3, "k": 1}, 0, steps=7)[0].shape == (7, 2)
    assert explore(network, steps=7).steps == 7
