"""What all functions of a compiled module share: names, sizes, and the words that stand in every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.numerics.compiled.components import ComponentPrinter, Index
from rnnsym.numerics.compiled.functions import SOURCES
from rnnsym.numerics.identifiers import Identifiers

OWN_WORDS = (
    "unpack_tuple", "impl_ret_borrowed", "make_array", "populate_array", "NumbaError",
    "seen_as",
    "misfit", "content",
    "SUM", "sum_of", "within", "direct", "value", "check",
    "INSIDE", "starts", "ends", "outside", "states", "outputs",
    "njit", "types", "intrinsic", "math", "INLINE", "EMPTY", "EVERY", "bits", "number", "series", "exp", "larger",
    "smaller", "INVERSE_LN2", "LN2_HIGH", "LN2_LOW", "SHIFT", "multiply", "accumulate", "total_over_rows", "by_steps",
    "by_sequences", "turned_steps", "shifted_steps", "begin", "clear", "lay", "lay_turned", "hand_on",
    "hand_on_turned", "add_to", "block_of", "output_weights", "gradient", "mean_loss", "output", "forward_decode",
    "backward", "backward_decode", "forward_turned", "backward_turned", "loss_of", "backward_readout", "MANY",
    "FEW_ROWS", "BLOCK", "LEAST_ROWS", "array", "OPTIONS", "PRODUCT", "started", "Entry", "entry", "threading",
    "NO_LENGTHS", "NOTHING_1", "NOTHING_2", "NOTHING_3", "encoded", "every", "found", "ordered", "ordered_turned",
    "at", "row", "log1p", *SOURCES,
)
MOST_TOGETHER = 25


class Setting:
    """The names of a module: the user's own come first, so that ours give way."""

    def __init__(self, graph: StepGraph) -> None:
        self.graph = graph
        self.names = Identifiers()
        for word in OWN_WORDS:
            self.names.fresh(word)
        for name in (*graph.network.parameters, *graph.network.constants, graph.network.input, *graph.states):
            self.names(name)
        self._given: set[str] = set()
        self._labels = 0
        fresh = self.fresh
        self.row, self.step, self.first, self.last = "row", "at", fresh("low"), fresh("high")
        self.now, self.then = fresh("now"), fresh("then")
        self.masked, self.lengths, self.counts = fresh("masked"), "lengths", fresh("counts")
        self.total, self.peak = fresh("total"), fresh("peak")
        self._indices = [fresh(word) for word in ("unit", "other", "third")]
        self.functions: set[str] = set()

    def fresh(self, wish: str) -> str:
        """Return an identifier that nothing else has: the wish, or the wish with a number."""
        base, number = wish.replace("'", "_back_").rstrip("_"), 1
        found = base
        while found in self._given:
            number += 1
            found = f"{base}_{number}"
        self._given.add(found)
        return self.names.fresh(found)

    def label(self, word: str) -> str:
        """Return a name that no quantity of a user's can have."""
        self._labels += 1
        return f"{word} {self._labels}"

    @staticmethod
    def times(count: int, size: str) -> str:
        """Print a multiple of a size."""
        return size if count == 1 else f"{count} * ({size})" if " " in size else f"{count} * {size}"

    def printer(self, entry: Callable[[Any, Index], str]) -> ComponentPrinter:
        """Return a printer of entries; what functions it uses is known to the whole module."""
        printer = ComponentPrinter(entry, self.size)
        printer.functions = self.functions
        return printer

    def indices(self, count: int) -> Index:
        """Return the names of ``count`` indices of an entry."""
        return tuple(self._indices[:count])

    def local(self, name: Any) -> str:
        """Return the name of one entry of a quantity."""
        return self.names.of_step(name)

    def wish(self, name: Any) -> str:
        """Return a word for arrays that belong to a quantity."""
        return self.names(name).strip("_")

    def size(self, length: Any) -> str:
        """Print a size: a number, the name that holds it, or a sum of such."""
        terms = [term.as_coeff_Mul() for term in length.as_ordered_terms()]
        return " + ".join(
            str(times) if name == 1 else self.names(name) if times == 1 else f"{times} * {self.names(name)}"
            for times, name in terms
        )

    def tuple_of(self, parts: Iterable[str]) -> str:
        """Spell a tuple."""
        found = list(parts)
        return f"({', '.join(found)}{',' * (len(found) == 1)})"

    def pack(self, parts: Iterable[str]) -> str:
        """Spell a tuple as long as may be: longer ones than numba reads become tuples of tuples."""
        found = list(parts)
        if len(found) <= MOST_TOGETHER:
            return self.tuple_of(found) if found else "()"
        chunks = (found[start:start + MOST_TOGETHER] for start in range(0, len(found), MOST_TOGETHER))
        return self.pack(self.pack(chunk) for chunk in chunks)

    def unpack(self, name: str, parts: Iterable[str]) -> Iterator[str]:
        """Yield the line that gives the parts of a tuple their names."""
        if found := list(parts):
            yield f"    {self.pack(found)} = {name}"

    @property
    def gradients(self) -> list[str]:
        """The names of the gradients of all parameters."""
        return [self.gradient(p) for p in self.graph.network.parameters]

    def seen_as(self, array: str, *axes: str) -> str:
        """Spell the numbers of an array in another shape."""
        return f"seen_as({array}, {self.tuple_of(axes)})"

    def flat(self, array: str) -> str:
        """Spell the numbers of an array in a row."""
        return self.seen_as(array, f"{array}.size")

    def sizes(self, sources: Iterable[tuple[str, tuple[Any, ...]]] = ()) -> Iterator[str]:
        """Yield the lines that define all sizes, each from a parameter or from one of ``sources``: code and shape."""
        known = [(self.names(p), tuple(p.shape)) for p in self.graph.network.parameters] + list(sources)
        for symbol in self.graph.network.sizes:
            for code, shape in known:
                if symbol in shape:
                    yield f"    {self.names(symbol)} = {code}.shape[{shape.index(symbol)}]"
                    break

    def check_sizes(self, sources: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        """Refuse a network with a size that no array tells."""
        shapes = [p.shape for p in self.graph.network.parameters] + [shape for _, shape in sources]
        for symbol in self.graph.network.sizes:
            if not any(symbol in shape for shape in shapes):
                raise DerivationError(f"the size {symbol} belongs to no parameter and no input: annotate it as a "
                                      "number")

    @property
    def parameters(self) -> list[str]:
        """The names of all parameters."""
        return [self.names(p) for p in self.graph.network.parameters]

    def gradient(self, parameter: Any) -> str:
        """The name of a parameter's gradient."""
        return self.names.derived("grad", parameter)
