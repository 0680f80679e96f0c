"""How the page opens: its title, what there is to know at a glance, the equations, the names and their shapes."""

from __future__ import annotations

from html import escape
from math import prod

from rnnsym.calculus.unrolling import readout_in_place
from rnnsym.cli.page.content import Content
from rnnsym.cli.page.figures import UNROLLED, figures_of
from rnnsym.cli.page.markup import counted, listing, mark, section
from rnnsym.model.cells import built_in_entry
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.writing.derivation import Derivation, Section, Step
from rnnsym.writing.pages import equations_html, section_html
from rnnsym.writing.prose import passed

OPENING_KEYS = ("notation", "names", "counts")
PROOF = "proof"


def title_of(network: Network) -> str:
    """Return what the page is called."""
    return f"The gradient of {network.cell.name}"


def masthead(content: Content) -> str:
    """Return the heading of the page, one sentence, and the facts."""
    derivation = content.derivation
    facts = "".join(f"<div><dt>{escape(word)}</dt><dd>{value}</dd></div>" for word, value in _facts(content))
    proved = "proved for every number of steps, " if derivation.proved else ""
    lede = (f"Derived line by line, {proved}written as code, and checked. "
            "Each ✓ opens to what was tried there, and with what error.")
    title, entry = escape(title_of(derivation.network)), built_in_entry(derivation.network.cell)
    kicker = "rnnsym report" if entry is None else f"rnnsym report: {escape(entry.title)}"
    return (f'<header class="masthead"><p class="kicker">{kicker}</p><h1>{title}</h1>'
            f'<p class="lede">{lede}</p><dl class="facts">{facts}</dl></header>')


def _facts(content: Content) -> list[tuple[str, str]]:
    derivation, report = content.derivation, content.report
    network = derivation.network
    weights, biases = _counts(network, content.sizes)
    compared = sum(witness.comparisons for witness in report.witnesses)
    return [
        ("network", escape(_reading(network))),
        ("loss", escape(losses[network.loss].name.replace("_", " "))),
        ("parameters", f"{counted(weights, 'weight')} + {counted(biases, 'bias')}"),
        (f"derivation, {_steps(derivation)}", _held(derived_sections(derivation))),
        ("proof", f"for every T, {_held(proof_sections(derivation))}" if derivation.proved else "none"),
        ("code and derivation", f"{mark(report.passed)}, {counted(compared, 'comparison')}"),
    ]


def _held(sections: tuple[Section, ...]) -> str:
    steps = [step for section in sections for step in section.steps]
    return f"{passed(steps)} of {len(steps)} lines hold"


def _steps(derivation: Derivation) -> str:
    decoded = "" if not derivation.network.shape_of_steps.decodes else ", S = T"
    return f"T = {derivation.length}{decoded}"


def _reading(network: Network) -> str:
    return f"{network.topology}{', read from both ends' if network.bidirectional else ''}"


def _counts(network: Network, sizes: dict[str, int]) -> tuple[int, int]:
    """Return the numbers of weights and of biases."""
    shapes, kinds = network.shapes(**sizes), {one.parameter.name: one.kind for one in network.counts()}
    weights = sum(prod(shape) for name, shape in shapes.items() if kinds[name] == "weight")
    return weights, sum(prod(shape) for shape in shapes.values()) - weights


def opening(content: Content) -> str:
    """Return the equations, typeset and as they are written, the unrolled network, and the tables of shapes."""
    derivation = content.derivation
    tables = [section_html(one, derivation.style, {}, level=3) for one in derivation.sections
              if one.key in OPENING_KEYS]
    pictures = figures_of(content, UNROLLED)
    return section("equations", "The network and its shapes", _equations(derivation), _written(derivation.network),
                   *pictures, *tables)


def _equations(derivation: Derivation) -> str:
    network = derivation.network
    lines = [*(Step("definition", one.target, one.expression, "") for one in network.equations),
             *(Step("definition", one.target, one.value, "") for one in readout_in_place(network))]
    title = network.shape_of_steps.title
    words = f"<p>{escape(title[:1].upper() + title[1:])}.</p>"
    return f'{words}<div class="lead">{equations_html(lines, derivation.style, "the network")}</div>'


def _written(network: Network) -> str:
    """Return the texts that the network is made of."""
    return f'<p>As they are written for rnnsym:</p>{listing(escape(written(network)), "The equations as text")}'


def written(network: Network) -> str:
    """Return the text of each cell, of the readout and of the feed."""
    decoder = "" if network.decoder is None else f"# decoder\n{network.decoder.text}"
    lines = [line.strip() for text in (network.cell.text, decoder, network.readout, network.feed)
             for line in text.splitlines()]
    return "\n".join(filter(None, lines))


def derived_sections(derivation: Derivation) -> tuple[Section, ...]:
    """Return the sections of the derivation that stand under it: neither the opening's nor the proof."""
    return tuple(one for one in derivation.sections if one.key not in (*OPENING_KEYS, PROOF))


def proof_sections(derivation: Derivation) -> tuple[Section, ...]:
    """Return the proof for every T, nothing where there is none."""
    return tuple(one for one in derivation.sections if one.key == PROOF)
