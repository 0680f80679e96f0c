"""Where the network's gradient goes over many steps, and what the remedies would do for this cell."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Content
from rnnsym.cli.page.figures import figure
from rnnsym.cli.page.markup import section, table
from rnnsym.cli.page.opening import own_figures
from rnnsym.writing.layout import style_of


def flow_part(content: Content) -> str:
    """Return the figures of gradient flow, why some are missing, and the explorer."""
    style = style_of(content.derivation.network)
    drawn = [figure(one, style) for one in own_figures(content.pictures)]
    missing = "".join(f"<p>{escape(one)}</p>" for one in content.undrawn)
    text = "" if not drawn else (
        "<p>The derivative of the last state by an earlier one is a product of one Jacobian a step: over many steps it "
        "vanishes or explodes, and with it what a step far back contributes to the gradient.</p>")
    return section("flow", "The gradient flow", text, *drawn, missing, content.explorer)


def remedies_part(content: Content) -> str:
    """Return what each remedy would do for this cell; nothing where none was tried."""
    if not content.remedies:
        return ""
    name = content.derivation.network.cell.name
    rows = [(escape(one.name), escape(one.effect), escape(one.why)) for one in content.remedies]
    found = table(f"Remedies for {name}", ("remedy", "what it does here", "why"), rows)
    return section("remedies", "What remedies would do for this cell", found)
