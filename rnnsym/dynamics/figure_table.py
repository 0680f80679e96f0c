"""The table of figures by name; a new one is one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnnsym.dynamics.activation_plot import activation_figure, no_activations
from rnnsym.dynamics.cell_contribution_plot import cell_contribution_figure, no_weight_kinds
from rnnsym.dynamics.data_plots import character_figure, digit_figure, review_figure, sunspot_figure
from rnnsym.dynamics.diagrams import unrolled_figure
from rnnsym.dynamics.draws import recurrent_weights
from rnnsym.dynamics.experiment_table import experiments
from rnnsym.dynamics.figure_styles import draw_in
from rnnsym.dynamics.gradient_routes import no_gradient_paths
from rnnsym.dynamics.lessons import train_all
from rnnsym.dynamics.letters import AUTHOR
from rnnsym.dynamics.path_diagrams import gradient_path_figure
from rnnsym.dynamics.phase_plot import phase_figure
from rnnsym.dynamics.plots import (
    FEWEST_STEPS,
    MOST_STEPS,
    RECENT,
    gradient_product_figure,
    path_contribution_figure,
)
from rnnsym.dynamics.remedies import train_remedies
from rnnsym.dynamics.remedy_plot import lag_figure, remedy_figure
from rnnsym.dynamics.spectrum_plot import initial_spectrum_figure
from rnnsym.dynamics.transient_plot import transient_figure
from rnnsym.dynamics.unrolled_parts import IN_FULL
from rnnsym.dynamics.unrolled_parts import MOST_STEPS as LONGEST
from rnnsym.dynamics.update_plots import clipping_figure, learning_rate_figure
from rnnsym.dynamics.wall_plot import wall_figure
from rnnsym.errors import DataError
from rnnsym.model.networks import Network
from rnnsym.numerics.numbers import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


OPTIONS: Mapping[str, Any] = MappingProxyType({"network": None, "seed": 0, "steps": None, "notation": AUTHOR})
DIAGRAM = frozenset({"network", "steps", "notation"})
FLOW = frozenset(OPTIONS)
WITHOUT: Mapping[str, str] = MappingProxyType({
    "network": "shows networks of its own", "seed": "is the same for every seed",
    "steps": "has no number of steps to choose", "notation": "has no names of a network's equations",
})
Told = Callable[[str, int, int], None]  # of which run, how many of its updates are done, of how many


@dataclass(frozen=True)
class Trained:
    """Where a figure's numbers come from: ``train(table, told)`` writes a table, ``draw(table)`` draws from one.

    A table that is there in part is completed, so that a training that was interrupted goes on.
    """

    train: Callable[[Path, Told], object]
    draw: Callable[[Path], Figure]


@dataclass(frozen=True)
class FigureEntry:
    """One figure: its name on the command line, what it shows, and how it is made.

    ``options`` names what of ``OPTIONS`` it depends on: ``make`` takes these by name. ``obstacle`` says why a network
    has no such figure; nothing where it has one. A figure without the option ``network`` shows networks of its own,
    whatever the user's is. ``lengths`` are the least and the largest T that it can be drawn over. One that shows a
    training is drawn from a table of results that comes with the package, and has ``trained``, by which the table can
    be made anew. The label of a drawn figure says what is seen on it.
    """

    name: str
    title: str
    make: Callable[..., Figure]
    options: frozenset[str] = frozenset()
    obstacle: Callable[[Network], str] = lambda network: ""
    lengths: tuple[int, int] = FEWEST_STEPS, MOST_STEPS
    trained: Trained | None = None

    @property
    def of_network(self) -> bool:
        """Whether the figure shows the user's network."""
        return "network" in self.options

    def applies(self, network: Network) -> bool:
        """Whether the figure can be drawn for a network."""
        return not self.obstacle(network)

    def draw(
        self, network: Network | None = None, seed: int = 0, *, steps: int | None = None, notation: str = AUTHOR,
        style: str = "print",
    ) -> Figure:
        """Draw the figure for a network (the simple one where None), T = ``steps`` (its usual T where None).

        ``notation`` says whose letters are written, ``style`` is one of the table ``styles``.

        Errors: DataError for an option that the figure does not depend on, and for steps that are no whole number
        within ``lengths``; DerivationError for an unknown notation; those of the figure itself.
        """
        given = {"network": network, "seed": seed, "steps": steps, "notation": notation}
        chosen = {name: value for name, value in given.items() if value != OPTIONS[name]}
        self.refuse_unused({name: name for name in chosen})
        if steps is not None:
            self._refuse_steps(network, steps)
        return draw_in(style, lambda: self.make(**chosen))

    def refuse_unused(self, given: Mapping[str, str]) -> None:
        """Raise DataError where the figure does not depend on a given option; each is called by its value here."""
        unused = next((name for name in given if name not in self.options), None)
        if unused is not None:
            raise DataError(f"the figure {self.name} {WITHOUT[unused]}: leave {given[unused]} out")

    def _refuse_steps(self, network: Network | None, steps: int) -> None:
        whole(f"the figure {self.name}: steps", steps, *self.lengths)
        if network is not None and network.shape_of_steps.single_step:
            raise DataError(f"the figure {self.name}: this network has a single step; leave steps out")


def no_gradient_flow(network: Network) -> str:
    """Say why a network's gradient flow is not drawn; nothing where it is."""
    obstacles = (
        (network.shape_of_steps.single_step, "it follows many steps, and this network has a single one"),
        ("n" not in map(str, network.sizes), "it needs a state of the free size n, and this network has none"),
    )
    found = next((reason for there, reason in obstacles if there), "")
    if found or recurrent_weights(network):
        return found
    return "it scales recurrent weights, and no square matrix multiplies a state of the step before in this network"


def not_alike(network: Network) -> str:
    """Say why a network cannot stand beside those of the table, which read vectors and give one output."""
    obstacles = (
        (len(network.loops) > 1, "it compares networks of one recurrence, and this network has several"),
        (network.feeds_back, "it compares networks of given inputs, and this network reads its own outputs"),
        (network.shape_of_steps.every, "it compares networks of one output, and this one has one at every step"),
        (network.reads_index, "it compares networks that read vectors, and this network reads indices"),
    )
    return next((reason for there, reason in obstacles if there), "")


def _of_experiment(name: str, draw: Callable[[Path | None], Figure]) -> FigureEntry:
    """The figure of an experiment of the same name."""
    one = experiments[name]

    def train(table: Path, told: Told) -> object:
        words = {run: f"{run.data}, {run.cell}, run {place} of {len(one.runs)}"
                 for place, run in enumerate(one.runs, start=1)}
        return one.train(table, lambda run, done, total: told(words[run], done, total))

    return FigureEntry(name, one.title, partial(draw, None), trained=Trained(train, draw))


figures: Mapping[str, FigureEntry] = MappingProxyType({
    entry.name: entry
    for entry in (
        FigureEntry("unrolled", "The network unrolled over its steps", unrolled_figure, DIAGRAM,
                    lengths=(FEWEST_STEPS, LONGEST)),
        FigureEntry("gradient-paths", "The unrolled network with the paths of one gradient, by the step they end at",
                    gradient_path_figure, DIAGRAM, no_gradient_paths, (FEWEST_STEPS, IN_FULL)),
        FigureEntry("gradient-products", "Norms of products of step Jacobians over many steps",
                    gradient_product_figure, FLOW, no_gradient_flow),
        FigureEntry("activations", "Norms of products of step Jacobians, by activation, beside their bounds",
                    activation_figure, FLOW, lambda network: no_gradient_flow(network) or no_activations(network)),
        FigureEntry("path-contributions", "What each step contributes to the gradient of a recurrent weight",
                    path_contribution_figure, FLOW, no_gradient_flow),
        FigureEntry("contributions-by-cell", "What each step contributes to the gradients, cell by cell",
                    cell_contribution_figure, FLOW,
                    lambda network: no_gradient_flow(network) or not_alike(network) or no_weight_kinds(network),
                    (RECENT + 1, MOST_STEPS)),
        FigureEntry("initial-spectra", "Singular values of the Jacobian over many steps, by how weights start",
                    initial_spectrum_figure, FLOW - {"network"}),
        FigureEntry("phases", "Where random tanh networks vanish and explode, measured and by the mean field",
                    phase_figure, frozenset({"seed"})),
        FigureEntry("transient", "Growth before decay, and a decay that is a power law", transient_figure),
        FigureEntry("remedies", "What each remedy makes of the gradient over 100 steps, and the longest lag learnt",
                    remedy_figure, trained=Trained(train_remedies, remedy_figure)),
        FigureEntry("lags", "Which cell still learns at which lag, on three tasks", lag_figure,
                    trained=Trained(train_all, lag_figure)),
        FigureEntry("wall", "The error of one unit over its parameters, and descent from the foot of its wall",
                    wall_figure),
        _of_experiment("reviews", review_figure),
        _of_experiment("sunspots", sunspot_figure),
        _of_experiment("digits", digit_figure),
        _of_experiment("characters", character_figure),
        _of_experiment("clipping", clipping_figure),
        _of_experiment("learning-rates", learning_rate_figure),
    )
})
