"""Further measurements of layers: a heatmap for each column of the files about layers that no other panel shows."""

from __future__ import annotations

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Fold
from descentlab.report.drawing.layer_map import MAX_PLOTS, Palette, drawn_run, layer_figure
from descentlab.report.panels import layer_gradients, layer_updates, spectrum

ORDER = 190
OF_RUN = True
NOTE = "What probes measured of each layer, the first layer at the top, and distributions."
NEURONS = "neuron_angle"  # of each neuron; there may be hundreds
SHOWN = ("step", "layer", NEURONS, layer_gradients.COLUMN, layer_updates.COLUMN, spectrum.COLUMN)
FRACTION = Palette(is_log=False, limits=(0.0, 1.0))
DENSITY = Palette(decades=6)
BINS = "Fraction of the eigenvalues in bins of half a decade, the largest at the top."
QUANTITIES: dict[str, tuple[str, str, Palette]] = {  # column -> title, note, colours; others have the name of the column
    "weight_norm": ("Weight norm", "Euclidean norm of the weights.", Palette()),
    "update_norm": ("Update norm", "Euclidean norm of the update.", Palette()),
    "angular_update": (
        "Angular update",
        "Mean angle between the weights of a neuron before and after a step, in radians.",
        Palette(),
    ),
    "dead_units": ("Dead units", "Fraction of units that pass no gradient for any example of the batch.", FRACTION),
    "layer_snr": ("Signal-to-noise ratio of the gradient", "From two halves of the batch; below 1 noise dominates.", Palette()),
    "attention_logit": ("Largest attention logit", "Largest absolute value; growth saturates the softmax.", Palette()),
    "attention_entropy": ("Entropy of attention", "1: uniform; 0: each query attends to one key.", FRACTION),
    "gauss_newton_density": ("Spectrum of the Gauss-Newton matrix", BINS, DENSITY),
    "preconditioned_density": ("Spectrum of the preconditioned Hessian", BINS, DENSITY),
    "loss_along_update": ("Loss along the update", "By the fraction of the update that is made; 1 is the step.", Palette()),
}


def draw(data: PanelData) -> Fold | None:
    """Draw a figure for each further column of the files about layers."""
    runs = [drawn_run(entry) for entry in data.answer.entries[:MAX_PLOTS]]
    columns = dict.fromkeys(name for run in runs for name in data.layers(run).columns if name not in SHOWN)
    figures = [figure for name in columns if (figure := _figure(data, name)) is not None]
    return Fold("Further measurements of layers", figures, NOTE) if figures else None


def _figure(data: PanelData, column: str) -> Figure | None:
    title, note, palette = QUANTITIES.get(column, (column.replace("_", " ").capitalize(), f"The column {column}.", Palette()))
    return layer_figure(data, column, title, note, palette)
