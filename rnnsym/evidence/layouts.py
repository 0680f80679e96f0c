"""Layouts of a user's arrays: the order of the axes of the data, and the forms of the parameters; one entry each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnsym.errors import CheckError
from rnnsym.model.networks import Network

MATRIX = 2  # the rank of what a transposed form transposes
NAMES_OF_AXES = {"b": "batch", "t": "T", "l": "lag"}


@dataclass(frozen=True)
class Axes:
    """The order of the axes: b batch, t steps, l lags of a state, f features. ``single``: a call takes one sequence.

    An array has those of the axes that the network gives it; without b, the one sequence has no batch axis.
    """

    order: str
    single: bool = False

    def arranged(self, array: Any, axes: str, sequence: int = 0) -> Any:
        """Return a view of an array of the contract's ``axes`` ("btf"), or of one sequence of it, in this order."""
        chosen = array[sequence : sequence + 1] if self.single else array
        left, places = self._moves(axes)
        return (chosen if "b" in left else chosen[0]).transpose(places)

    def code(self, name: str, axes: str, sequence: int = 0) -> str:
        """Return the NumPy expression for what ``arranged`` does."""
        left, places = self._moves(axes)
        text = name
        if self.single:
            text += f"[{sequence}:{sequence + 1}]" if "b" in left else f"[{sequence}]"
        return text if places == sorted(places) else f"np.transpose({text}, {tuple(places)})"

    def words(self, axes: str, feature: str) -> str:
        """Return the shape in words: (T, batch, d)."""
        names = ["1" if letter == "b" and self.single else NAMES_OF_AXES.get(letter, feature)
                 for letter in self.order if letter in axes]
        return f"({', '.join(names)}{',' if len(names) == 1 else ''})"

    def _moves(self, axes: str) -> tuple[str, list[int]]:
        left = "".join(letter for letter in axes if letter in self.order)
        return left, [left.index(letter) for letter in self.order if letter in left]


@dataclass(frozen=True)
class Form:
    """The form of the parameters: matrices as they are or transposed, vectors (n,), (1, n) or (n, 1)."""

    transposed: bool = False
    vectors: str = "(n,)"

    def arranged(self, value: Any) -> Any:
        """Return a view of a parameter in this form."""
        if value.ndim == MATRIX:
            return value.T if self.transposed else value
        if value.ndim == 1 and self.vectors != "(n,)":
            return value[None, :] if self.vectors == "(1, n)" else value[:, None]
        return value

    def restored(self, name: str, gradient: Any, parameter: Any) -> Any:
        """Return a gradient in the contract's form; a shape other than the parameter's own here is an error."""
        if self == PLAIN:
            return gradient
        wanted = self.arranged(parameter).shape
        if gradient.shape != wanted:
            raise CheckError(f"its gradient of {name} has shape {gradient.shape}, but {name} was given as {wanted}")
        if parameter.ndim == MATRIX:
            return gradient.T if self.transposed else gradient
        return gradient.reshape(parameter.shape)

    def code(self, name: str, rank: int) -> str:
        """Return the NumPy expression for what ``arranged`` does to a parameter of a rank."""
        if rank == MATRIX:
            return f"{name}.T" if self.transposed else name
        vectors = {"(1, n)": f"{name}[None, :]", "(n, 1)": f"{name}[:, None]"}
        return vectors.get(self.vectors, name) if rank == 1 else name

    def words(self, network: Network) -> str:
        """Return what differs from the contract, in words."""
        ranks = {parameter.rank for parameter in network.parameters}
        parts = ["transposed matrices"] if self.transposed and MATRIX in ranks else []
        parts += [f"vectors as {self.vectors}"] if self.vectors != "(n,)" and 1 in ranks else []
        return " and ".join(parts)


PLAIN = Form()
FORMS = (PLAIN, Form(transposed=True), Form(transposed=True, vectors="(n, 1)"), Form(vectors="(n, 1)"),
         Form(vectors="(1, n)"))
LAYOUTS = (
    Axes("btlf"),  # the contract's own
    Axes("tblf"),  # time-major
    Axes("tlf", single=True),
    Axes("tlfb"),  # a step's vectors as columns
    Axes("lfbt"),  # the same, steps along the last axis
    Axes("tlfb", single=True),
    Axes("lft", single=True),
)


def axes_of_inputs(network: Network) -> str:
    """Return the contract's axes of the inputs."""
    return "b" + "t" * (not network.shape_of_steps.one_input) + "f" * (not network.reads_index)


def axes_of_targets(network: Network) -> str:
    """Return the contract's axes of the targets."""
    return "b" + "t" * network.shape_of_steps.every + "f"


def axes_of_state(network: Network, name: str) -> str:
    """Return the contract's axes of an initial state."""
    state = next(state for state in network.states if state.variable.name == name)
    return "b" + "l" * (state.lag > 1) + "f" * (state.variable.rank > 0)
