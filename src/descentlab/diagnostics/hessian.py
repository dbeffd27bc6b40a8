"""Spectrum of the Hessian of the batch's loss."""

from __future__ import annotations

from descentlab.diagnostics.curvature import operators
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import Operator
from descentlab.diagnostics.curvature.spectrum_probe import SpectrumProbe
from descentlab.diagnostics.probe import Context


class Hessian(SpectrumProbe):
    """Measures the spectrum of the Hessian at the weights before the step: SpectrumProbe lists the numbers.

    Large positive eigenvalues limit the learning rate, negative ones show a saddle, and most eigenvalues of a network are
    nearly zero (Sagun et al., arXiv:1611.07476; Ghorbani et al., arXiv:1901.10159).
    """

    name = prefix = "hessian"

    def operator(self, context: Context) -> Operator:
        return operators.hessian(Objective(context))
