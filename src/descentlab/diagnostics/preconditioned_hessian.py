"""Spectrum of the Hessian as the optimizer's diagonal scales it."""

from __future__ import annotations

from descentlab.diagnostics.curvature import operators
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import Operator
from descentlab.diagnostics.curvature.spectrum_probe import SpectrumProbe
from descentlab.diagnostics.probe import Context


class PreconditionedHessian(SpectrumProbe):
    """Measures the spectrum of D^1/2 H D^1/2, whose eigenvalues are those of D H: SpectrumProbe lists the numbers.

    D is the diagonal of the step's update -lr D m, from the optimizer's state with the corrections of its bias (Cohen et al.,
    arXiv:2207.14484, where D is the inverse of the preconditioner P). Nothing is measured if D is the identity, or
    if the optimizer has no diagonal.
    """

    name, prefix = "preconditioned_hessian", "preconditioned"

    def operator(self, context: Context) -> Operator | None:
        diagonal = context.preconditioner()
        if diagonal is None:
            return None
        objective = Objective(context)
        return operators.scaled(operators.hessian(objective), objective.flat(diagonal))
