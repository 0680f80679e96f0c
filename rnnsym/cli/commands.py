"""The commands, thin: they read options, call the public functions, write what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnsym.cli.completion import (
    among,
    cell_names,
    figure_names,
    style_names,
    target_names,
)
from rnnsym.cli.options import (
    CellOption,
    LayersOption,
    LossOption,
    NetworkOption,
    NotationOption,
    OutputOption,
    SeedOption,
    StepsOption,
    TopologyOption,
)
from rnnsym.cli.storage import working_directory_kept_clean
from rnnsym.cli.streams import show

application = typer.Typer(
    name="rnnsym",
    help="Derive, run, check and print the gradients of recurrent neural networks.",
    rich_markup_mode=None,  # plain help answers in a tenth of a second
    pretty_exceptions_enable=False,
)


@application.command()
@working_directory_kept_clean()
def report(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")] = Path("rnnsym-report"),
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    corpus: Annotated[Path | None, typer.Option("--corpus", help="A CSV file with the header text,label.")] = None,
    steps: StepsOption = None,
    notation: NotationOption = "author",
    seed: SeedOption = 0,
) -> int:
    """Derivation, code, checks and figures of a network on a corpus of labelled texts, in one folder."""
    from rnnsym.cli.inputs import chosen_network, known_notation, steps_of
    from rnnsym.cli.report import Request, write_report

    known_notation(notation)
    found = chosen_network(cell, network, topology, loss, layers)
    passed = write_report(Request(found, corpus, steps_of(found, steps), seed, notation), output)
    show(f"{output / 'index.html'}\n")
    return 0 if passed else 1


@application.command()
def derive(
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    steps: Annotated[
        str | None, typer.Option("--steps", help="The number of time steps, 3 if absent; T for any, with the proof.")
    ] = None,
    output_steps: Annotated[
        int | None, typer.Option("--output-steps", help="The decoder's number of steps, T if absent.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="text, latex, html or pdf; if absent, by the file's suffix.",
                     autocompletion=among("text", "latex", "html", "pdf")),
    ] = None,
    output: OutputOption = None,
    notation: NotationOption = "author",
    bounds: Annotated[bool, typer.Option("--bounds", help="Bounds on the Jacobian between two steps instead.")] = False,
    seed: SeedOption = 0,
) -> int:
    """Print the derivation of the gradient, every line checked; for every length, with the proof, where asked."""
    from rnnsym.cli.inputs import chosen_network, derived, document_format, known_notation, require_typesetting
    from rnnsym.cli.outputs import deliver, write_file
    from rnnsym.cli.typesetting import typeset

    known_notation(notation)
    form = document_format(form, output)
    pdf = require_typesetting(output) if form == "pdf" else None
    found = chosen_network(cell, network, topology, loss, layers)
    document = derived(found, steps, output_steps, seed, bounds=bounds).respelled(notation)
    if pdf is None:
        deliver(getattr(document, form)(), output)
    else:
        write_file(typeset(document.latex()), pdf)
    return 0


@application.command()
@working_directory_kept_clean()
def check(
    function: Annotated[str | None, typer.Argument(
        help="FILE.py:FUNCTION, your own gradient, whose code is run; without it, our own derivation is judged.",
        metavar="[FILE:FUNCTION]")] = None,
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    form: Annotated[str, typer.Option("--format", help="text or json.",
                                         autocompletion=among("text", "json"))] = "text",
    output: OutputOption = None,
    examples: Annotated[
        int | None, typer.Option("--examples", help="How many examples are tried; 60 if absent.")
    ] = None,
    thorough: Annotated[bool, typer.Option("--thorough", help="Try five times as many examples.")] = False,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="float64 or float32: the arguments of your function.")
    ] = None,
    budget: Annotated[float | None, typer.Option("--budget", help="Seconds that the check may take.")] = None,
    seed: SeedOption = 0,
) -> int:
    """Judge your own gradient, or our derivation and code, by every witness; exit status 1 where something is wrong."""
    from rnnsym.cli.checks import Request, judge
    from rnnsym.cli.inputs import chosen_network

    found = chosen_network(cell, network, topology, loss, layers)
    return judge(Request(found, function, form, output, examples, thorough, dtype, budget, seed))


@application.command()
def claim(
    equation: Annotated[str, typer.Argument(help="left == right, or left <= right, about the network's quantities.")],
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    steps: Annotated[int | None, typer.Option("--steps", help="Decide it for this T alone; for all if absent.")] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.",
                                         autocompletion=among("text", "json"))] = "text",
    output: OutputOption = None,
    seed: SeedOption = 0,
) -> int:
    """Decide an equation about a network: it holds (proved), is refuted by numbers, or stays undecided."""
    from rnnsym.cli.claims import Request, answer
    from rnnsym.cli.inputs import chosen_network

    found = chosen_network(cell, network, topology, loss, layers)
    return answer(Request(equation, found, steps, form, output, seed))


@application.command()
def code(
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    target: Annotated[
        str,
        typer.Option("--target", help="numpy, jax or torch: what the module runs on. The text needs none of them.",
                     autocompletion=target_names),
    ] = "numpy",
    output: OutputOption = None,
) -> int:
    """Print the module that computes the loss and its gradient, for NumPy, JAX or PyTorch."""
    import rnnsym
    from rnnsym.cli.inputs import chosen_network, one_of
    from rnnsym.cli.outputs import deliver
    from rnnsym.numerics.targets import targets

    one_of("--target", target, tuple(targets))
    deliver(rnnsym.emit(chosen_network(cell, network, topology, loss, layers), target), output)
    return 0


@application.command()
def figures(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of figures; if absent, all of them, or all that show a "
                                          "network where one is chosen.", autocompletion=figure_names)
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write into.")] = Path(),
    form: Annotated[str, typer.Option("--format", help="svg, pdf or png.",
                                         autocompletion=among("svg", "pdf", "png"))] = "svg",
    style: Annotated[
        str, typer.Option("--style", help="print, slides, dark or grey.", autocompletion=style_names)
    ] = "print",
    listing: Annotated[bool, typer.Option("--list", help="List the figures and stop.")] = False,
    train: Annotated[bool, typer.Option(
        "--train", help="Train anew what figures of trainings show, into FOLDER/tables; interrupted, it goes on."
    )] = False,
    cell: CellOption = None,
    network: NetworkOption = None,
    topology: TopologyOption = None,
    loss: LossOption = None,
    layers: LayersOption = 1,
    steps: Annotated[int | None, typer.Option(
        "--steps", help="The number of time steps T of figures that follow steps; each figure's usual one if absent."
    )] = None,
    notation: NotationOption = "author",
    seed: SeedOption = 0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", help="How many processes draw side by side; one a core if absent.")
    ] = None,
) -> int:
    """Draw the unrolled network and the figures of gradient flow."""
    from rnnsym.cli.drawing import Order, checked_jobs, draw_figures
    from rnnsym.cli.inputs import chosen_network, given_options, known_notation, one_of, several_steps
    from rnnsym.cli.outputs import drawable_figures, figure_styles, figure_titles, listed_figures
    from rnnsym.cli.progress import progress_bar

    if listing:
        show(listed_figures())
        return 0
    one_of("--format", form, ("svg", "pdf", "png"))
    one_of("--style", style, figure_styles())
    known_notation(notation)
    steps, processes = several_steps(steps), checked_jobs(jobs, train=train)
    for name in names or ():
        one_of("figure", name, tuple(figure_titles()))
    given = given_options(cell=cell, network=network, topology=topology, loss=loss, layers=layers, steps=steps,
                          notation=notation, seed=seed)
    if train:
        from rnnsym.cli.training import trained_figures

        for path in trained_figures(names or [], output, form, style, given):
            show(f"{path}\n")
        return 0
    found = chosen_network(cell, network, topology, loss, layers)
    others = "network" not in given
    chosen = tuple(dict.fromkeys(drawable_figures(names, found, given=given, steps=steps, others=others)))
    order = Order(chosen, found, form, seed, style, processes, not names, steps, notation)
    with progress_bar() as stage:
        paths = list(draw_figures(order, output, stage("drawing")))
    show("".join(f"{path}\n" for path in paths))
    return 0 if order.lenient or len(paths) == len(chosen) else 2


@application.command()
@working_directory_kept_clean()
def book(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")] = Path("rnnsym-book"),
) -> int:
    """All worked derivations as one book, a page and a PDF, with contents, index of symbols and references."""
    from rnnsym.cli.book import write_book

    for path in write_book(output):
        show(f"{path}\n")
    return 0


@application.command()
def cells(
    name: Annotated[str | None, typer.Argument(help="A built-in cell.", autocompletion=cell_names)] = None,
) -> int:
    """List the built-in cells, or show one: its equations, shapes and parameter counts."""
    from rnnsym.cli.inputs import describe_cell, list_cells

    show(f"{list_cells() if name is None else describe_cell(name)}\n")
    return 0


def show_version(wanted: bool) -> None:
    """Show the version and stop, before anything else of the command line is looked at."""
    if wanted:
        import rnnsym

        show(f"rnnsym {rnnsym.__version__}\n")
        raise typer.Exit


@application.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """Derive, run, check and print the gradients of recurrent neural networks."""
