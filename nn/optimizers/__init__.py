"""Optimizers, their schedules, and the clipping of gradients.

An optimizer says in `update` how a flat array changes, and a schedule in `rate` what the learning
rate is after t steps; parameter groups, states and the arrays are the same for all
(`nn.optimizers.optimizer`). L-BFGS and Levenberg-Marquardt, which ask for the loss several times a
step, are SciPy's (`nn.optimizers.scipy_fits`). Muon is left out.
"""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # or type checkers would take any name for one of these
    from nn.parts import told_of_names

    __getattr__ = told_of_names(__name__)
