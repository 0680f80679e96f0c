"""Gradient products, path contributions and their plots."""

from rnnsym.dynamics.clipping import clip_by_norm, clip_by_value, global_norm
from rnnsym.dynamics.contributions import PathContributions, path_contributions
from rnnsym.dynamics.diagrams import draw_unrolled, gallery_figure, unrolled_figure
from rnnsym.dynamics.draws import (
    draw_inputs,
    draw_parameters,
    recurrent_weights,
    spectral_radius,
    with_spectral_radius,
)
from rnnsym.dynamics.figure_styles import FigureStyle, draw_in, restyle_figure, styles
from rnnsym.dynamics.figure_table import FigureEntry, figures
from rnnsym.dynamics.initialisation import initialise, initialise_state, schemes
from rnnsym.dynamics.path_diagrams import gradient_path_figure, path_gallery
from rnnsym.dynamics.plots import (
    draw_gradient_products,
    draw_path_contributions,
    gradient_product_figure,
    path_contribution_figure,
)
from rnnsym.dynamics.products import GradientProducts, gradient_products, step_jacobians
from rnnsym.dynamics.scans import log_product_norms
from rnnsym.dynamics.spectra import (
    log_singular_values,
    log_singular_values_by_lag,
    log_spectral_radius,
    lyapunov_spectrum,
    memory_length,
)
from rnnsym.dynamics.studies import (
    ContributionStudy,
    Draws,
    ProductStudy,
    study_contributions,
    study_products,
)
from rnnsym.dynamics.style import save_figure
from rnnsym.dynamics.tasks import Task, tasks
from rnnsym.dynamics.training import Training, train
from rnnsym.dynamics.truncation import Truncated, truncation_bias

__all__ = [
    "ContributionStudy",
    "Draws",
    "FigureEntry",
    "FigureStyle",
    "GradientProducts",
    "PathContributions",
    "ProductStudy",
    "Task",
    "Training",
    "Truncated",
    "clip_by_norm",
    "clip_by_value",
    "draw_gradient_products",
    "draw_in",
    "draw_inputs",
    "draw_parameters",
    "draw_path_contributions",
    "draw_unrolled",
    "figures",
    "gallery_figure",
    "global_norm",
    "gradient_path_figure",
    "gradient_product_figure",
    "gradient_products",
    "initialise",
    "initialise_state",
    "log_product_norms",
    "log_singular_values",
    "log_singular_values_by_lag",
    "log_spectral_radius",
    "lyapunov_spectrum",
    "memory_length",
    "path_contribution_figure",
    "path_contributions",
    "path_gallery",
    "recurrent_weights",
    "restyle_figure",
    "save_figure",
    "schemes",
    "spectral_radius",
    "step_jacobians",
    "study_contributions",
    "study_products",
    "styles",
    "tasks",
    "train",
    "truncation_bias",
    "unrolled_figure",
    "with_spectral_radius",
]
