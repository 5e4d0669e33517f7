"""Fits by SciPy's optimizers with derivatives from here: for small problems and full batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor, no_grad
from autograd_lite.arguments import COUNT, POSITIVE, require, require_takes
from autograd_lite.engine import backward_order
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    ShapeError,
    TrainingError,
    describe_one,
    needed,
)
from autograd_lite.foreign import beside, on_host
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.pullback import Pullback
from nn.optimizers.groups import group_entries


class Fit(NamedTuple):
    """How a fit ended."""

    loss: float
    """Of the parameters that were found; for least squares half the sum of squares."""
    evaluations: int
    converged: bool
    message: str


class _Parameters:
    """Tensors as one vector of float64; a context in which an error leaves them as they were."""

    def __init__(self, attempted: str, parameters: Iterable[Any]) -> None:
        self.attempted = attempted
        entries = group_entries(attempted, parameters)
        options = {name: value for entry in entries for name, value in entry.items()}
        for name in options.keys() - {"parameters"}:
            raise ArgumentError(
                f"{attempted} of a group with {name}={describe_one(options[name])}",
                "it has no such hyper-parameter",
                "Give the parameters alone",
            )
        self.tensors: list[Tensor] = [x for entry in entries for x in entry["parameters"]]
        self.begun = [x.data.copy() for x in self.tensors]
        self.first: Any = None
        """What the function gives for the parameters as they are; None once that was compared."""
        self.is_first = True

    def vector(self) -> Any:
        return _vector(x.data for x in self.tensors)

    def assign(self, vector: Any) -> None:
        start = 0
        for tensor in self.tensors:
            part = vector[start : start + tensor.size].reshape(tensor.shape)
            tensor.data = beside(part.astype(tensor.dtype), tensor)
            start += tensor.size

    def computed(self, vector: Any, f: Callable[[], Any]) -> Tensor:
        """What a function gives for such parameters, a tensor that depends on some of them.

        What a fit begins with is finite, or what SciPy makes of it is nothing.
        """
        self.assign(vector)
        value = f()
        if not self._depend(value):
            raise GradientError(
                f"{self.attempted} of a function that returned {describe_one(value)}",
                "it does not depend on the parameters",
                "Compute it from their model, without .data and outside of no_grad()",
            )
        if self.is_first and not np.isfinite(on_host(value.data)).all():
            raise TrainingError(
                f"{self.attempted} of a function that returned {describe_one(value)}",
                "it is NaN or infinite for the parameters as they are",
                "Begin with others, or look for a logarithm or a division of 0 with "
                "detect_anomaly()",
            )
        if self.is_first:
            self.first, self.is_first = plain(value).copy(), False
        elif self.first is not None:
            self._require_same(value)
            self.first = None
        computed: Tensor = value
        return computed

    def _require_same(self, value: Any) -> None:
        """Raise unless the second call, with the same parameters, gives what the first one did."""
        now, first = on_host(plain(value)), on_host(self.first)
        rounding = 1e-5 * np.max(np.abs(first), initial=0.0)
        if now.shape == first.shape and np.allclose(now, first, rtol=0, atol=rounding):
            return
        raise ArgumentError(
            f"{self.attempted} of a function that returned {describe_one(value)}",
            f"with the same parameters it gave {describe_one(self.first)} before, as by chance",
            "Call model.eval() before, for a model with dropout; draw batches and noise once, "
            "outside of the function",
        )

    def _depend(self, value: Any) -> bool:
        """Whether what was computed depends on them: what came first is looked through."""
        if not isinstance(value, Tensor) or not value.requires_grad:
            return False
        return not self.is_first or not {*self.tensors}.isdisjoint(backward_order(value))

    def __enter__(self) -> Any:
        """Return scipy.optimize; an error undoes everything."""
        with needed(self.attempted, "scipy", "scipy"):
            import scipy.optimize
        return scipy.optimize

    def __exit__(self, kind: Any, *error: object) -> None:
        if kind is not None:
            for tensor, array in zip(self.tensors, self.begun):
                tensor.data = array


def _vector(arrays: Iterable[Any]) -> Any:
    return np.concatenate([np.ravel(on_host(x)).astype(float) for x in arrays])


@explains_keywords
def fit_lbfgs(
    parameters: Iterable[Any],
    loss: Callable[[], Any],
    iterations: int = 1000,
    tolerance: float = 1e-9,
) -> Fit:
    """Minimize a loss by L-BFGS: few steps, which learn from changes of the gradient.

    It is for losses of all data at once that do not depend on chance, because it compares losses of
    different steps. Liu and Nocedal, "On the limited memory BFGS method for large scale
    optimization", 1989; it uses `scipy.optimize.minimize`.

    Args:
        parameters: what to change, as for an optimizer.
        loss: a function without arguments that computes the loss from them, a scalar tensor.
        iterations: the maximum number.
        tolerance: it ends when no entry of the gradient is larger.

    Raises:
        ArgumentError: a number is out of its range, there are no parameters, or the loss is another
            one for the same parameters.
        GradientError: the loss is not a scalar, or depends on no parameter.
        TrainingError: the loss is NaN or infinite at the beginning.
        UnsupportedError: a parameter is not a leaf tensor of floats, or the loss not a function.
        MissingPackageError: SciPy is not installed.

    After an error the parameters are as before.

    >>> w = Tensor([3.0, -1.0], requires_grad=True)
    >>> fit = fit_lbfgs([w], lambda: ((w - np.array([1.0, 2.0])) ** 2).sum())
    >>> w.data.round(6), fit.converged
    (array([1., 2.]), True)
    """
    require("fit_lbfgs", "iterations", iterations, COUNT)
    require("fit_lbfgs", "tolerance", tolerance, POSITIVE)
    remedy = "Give a function of no arguments, lambda: loss(model(X), y)"
    require_takes(loss, 0, f"fit_lbfgs with loss={describe_one(loss)}", remedy)
    own = _Parameters("fit_lbfgs", parameters)

    def evaluate(vector: Any) -> tuple[float, Any]:
        value = own.computed(vector, loss)
        if value.size != 1:
            raise GradientError(
                f"fit_lbfgs of a loss that returned {describe_one(value)}",
                "only a scalar has a gradient",
                "Reduce it, by .sum() or .mean()",
            )
        with no_grad():
            gradients = Pullback([value], own.tensors).pull([np.ones(value.shape)])
        return value.item(), _vector(gradients)

    with own as optimize:
        own.computed(own.vector(), loss)
        options = {"maxiter": iterations, "maxfun": 20 * iterations, "gtol": tolerance, "ftol": 0}
        found = optimize.minimize(
            evaluate, own.vector(), jac=True, method="L-BFGS-B", options=options
        )
        own.assign(found.x)
    return Fit(float(found.fun), int(found.nfev), bool(found.success), str(found.message))


@explains_keywords
def fit_least_squares(
    parameters: Iterable[Any],
    residuals: Callable[[], Any],
    evaluations: int = 1000,
    tolerance: float = 1e-10,
) -> Fit:
    """Minimize half the sum of squares of residuals, by Levenberg-Marquardt.

    It computes their Jacobian, so it is for few parameters, and at least as many residuals. Moré,
    "The Levenberg-Marquardt algorithm", 1978; it uses `scipy.optimize.least_squares`.

    Args:
        parameters: what to change, as for an optimizer.
        residuals: a function without arguments that computes them, a tensor such as `predictions -
            y`.
        evaluations: the maximum number of evaluations of the residuals.
        tolerance: it ends when the sum or the parameters change by a smaller share.

    Raises:
        ArgumentError: a number is out of its range, there are no parameters, or the residuals are
            others for the same parameters.
        ShapeError: there are fewer residuals than entries of parameters.
        GradientError: the residuals depend on no parameter.
        TrainingError: one of them is NaN or infinite at the beginning.
        UnsupportedError: a parameter is not a leaf tensor of floats, or the residuals not a
            function.
        MissingPackageError: SciPy is not installed.

    After an error the parameters are as before.

    >>> rate, t = Tensor(1.0, requires_grad=True), np.linspace(0, 1, 5)
    >>> fit = fit_least_squares([rate], lambda: np.exp(-rate * t) - np.exp(-3 * t))
    >>> round(rate.item(), 6), fit.converged
    (3.0, True)
    """
    require("fit_least_squares", "evaluations", evaluations, COUNT)
    require("fit_least_squares", "tolerance", tolerance, POSITIVE)
    attempted = f"fit_least_squares with residuals={describe_one(residuals)}"
    require_takes(residuals, 0, attempted, "Give a function of no arguments, lambda: model(X) - y")
    own = _Parameters("fit_least_squares", parameters)

    def jacobian(vector: Any) -> Any:
        value = own.computed(vector, residuals)
        with no_grad():
            rows = Pullback([value], own.tensors).rows(value)
        rows = [on_host(part).reshape(value.size, -1) for part in rows]
        return np.concatenate(rows, axis=1).astype(float)

    with own as optimize:
        start = own.vector()
        count = own.computed(start, residuals).size
        if count < start.size:
            raise ShapeError(
                f"fit_least_squares of {count} residuals",
                f"the parameters have {start.size} entries, and fewer residuals do not tell them",
                "Give more data, or use fit_lbfgs",
            )
        limits = dict.fromkeys(("ftol", "xtol", "gtol"), tolerance)
        found = optimize.least_squares(
            lambda vector: _vector([own.computed(vector, residuals).data]),
            start,
            jacobian,
            method="lm",
            max_nfev=evaluations,
            **limits,
        )
        own.assign(found.x)
    return Fit(float(found.cost), int(found.nfev), bool(found.success), str(found.message))
