"""Where the network's gradient goes over many steps, and what the remedies would do for this cell."""

from __future__ import annotations

from html import escape

from sympy import Integer

from rnnsym.cli.page.content import Content
from rnnsym.cli.page.figures import PATHS, UNROLLED, figures_of
from rnnsym.cli.page.formulas import caption_html, equation, state_slope
from rnnsym.cli.page.markup import section, table
from rnnsym.dynamics.own_remedies import COUNT, STEPS, WANTED
from rnnsym.model.expressions import T

REMEDIES, TITLE = "remedies", "What remedies would do for this cell"
WORDS = (f"How much a change of the first state changes the state {STEPS} steps later, at the start of training: the "
         f"median of {COUNT} networks of {WANTED['n']} units, initialised at random, along random inputs. At 1 nothing "
         "is lost and nothing blown up. Clipping and a controlled learning rate act on the step that is taken with a "
         "gradient and leave the gradient as it is: they are not in the table.")


def flow_part(content: Content) -> str:
    """Return the figures of gradient flow, why some are missing, and the explorer."""
    drawn = figures_of(content, *({one.name for one in content.pictures} - {UNROLLED, PATHS}))
    missing = "".join(f"<p>{caption_html(one, content.derivation.style)}</p>" for one in content.undrawn)
    text = "" if not drawn else (
        "<p>The derivative of the last state by an earlier one is a product of one Jacobian a step: over many steps it "
        "vanishes or explodes, and with it what a step far back contributes to the gradient.</p>")
    explorer = f'<h3 id="explore">Other weights, other steps</h3>{content.explorer}' if content.explorer else ""
    return section("flow", "The gradient flow", text, *drawn, missing, explorer)


def remedies_part(content: Content) -> str:
    """Return what each remedy makes of this cell's gradient, or why that is not known."""
    if not content.remedies:
        return section(REMEDIES, TITLE, f"<p>{escape(content.unremedied)}</p>")
    network, spelt = content.derivation.network, content.derivation.style
    slope = state_slope(network, T, Integer(0), spelt)
    rows = [(escape(one.name), caption_html(one.effect, spelt), escape(one.meaning)) for one in content.remedies]
    header = ("remedy", f"norm of {slope}, {equation('T', STEPS)} (middle 80 %)", "what that means")
    return section(REMEDIES, TITLE, f"<p>{WORDS}</p>", table(f"Remedies for {network.cell.name}", header, rows))
