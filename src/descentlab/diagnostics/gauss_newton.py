"""Spectrum of the Gauss-Newton matrix of the batch's loss."""

from __future__ import annotations

from descentlab.diagnostics.curvature import operators
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import Operator
from descentlab.diagnostics.curvature.spectrum_probe import SpectrumProbe
from descentlab.diagnostics.probe import Context


class GaussNewton(SpectrumProbe):
    """Measures the spectrum of the Gauss-Newton matrix at the weights before the step: SpectrumProbe lists the numbers.

    It is the Hessian without the second derivatives of the model, and has no negative eigenvalue if the loss is convex in the
    outputs. For cross-entropy it is the Fisher matrix (Martens, arXiv:1412.1193, sections 8 and 9).
    """

    name = prefix = "gauss_newton"

    def operator(self, context: Context) -> Operator:
        return operators.gauss_newton(Objective(context))
