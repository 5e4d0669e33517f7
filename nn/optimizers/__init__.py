"""Optimizers, their schedules, and the clipping of gradients.

An optimizer says in `update` how a flat array changes, and a schedule in `rate` what the learning
rate is after t steps; parameter groups, states and the arrays are the same for all
(`nn.optimizers.optimizer`). L-BFGS and Levenberg-Marquardt, which ask for the loss several times a
step, are SciPy's (`nn.optimizers.scipy_fits`). Muon is left out.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from nn.elsewhere import missing_of_part

    raise missing_of_part(__name__, name)
