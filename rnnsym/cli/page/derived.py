"""The derivation for the chosen number of steps, the proof for every T, and the literature that both refer to."""

from __future__ import annotations

from rnnsym.cli.page.content import Content
from rnnsym.cli.page.figures import PATHS, figures_of
from rnnsym.cli.page.markup import counted, section
from rnnsym.cli.page.opening import PROOF, derived_sections, proof_sections
from rnnsym.writing.pages import references_html, section_body, section_html
from rnnsym.writing.prose import check_summary, passed, reference_numbers


def derivation_part(content: Content) -> str:
    """Return the sections of the derivation, each step with its rule, its reason and its marks."""
    derivation = content.derivation
    numbers, found = reference_numbers(derivation), derived_sections(derivation)
    steps = [step for one in found for step in one.steps]
    words = (f"<p>{counted(len(steps), 'line')}, each with the rule by which it follows and why. The mark ✓ before a "
             f"line opens to what it was tried against, with what error: {passed(steps)} of {len(steps)} hold.</p>")
    parts = [part for one in found for part in (section_html(one, derivation.style, numbers, level=3),
                                                *(figures_of(content, PATHS) if one.key == "paths" else ()))]
    return section("derivation", f"The derivation, T = {derivation.length}", words, *parts)


def proof_part(content: Content) -> str:
    """Return the proof for every T; nothing where there is none."""
    derivation = content.derivation
    return "\n".join(
        section(PROOF, "The proof, for every T", section_body(one, derivation.style, reference_numbers(derivation)),
                f"<p>{check_summary(one)}</p>")
        for one in proof_sections(derivation)
    )


def references_part(content: Content) -> str:
    """Return the list of references."""
    return section("references", "References", references_html(reference_numbers(content.derivation)))
