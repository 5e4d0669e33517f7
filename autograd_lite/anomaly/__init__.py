"""Find the first value that is not finite, and writes to what backward has to read."""

from __future__ import annotations

from typing import Self

from autograd_lite.anomaly.watch import Anomalies
from autograd_lite.errors import AutogradError
from autograd_lite.modes import SetRecording, recording, set_back, set_for_a_while, watching


class detect_anomaly(SetRecording):  # noqa: N801 - its name in PyTorch
    """Raise at the first value that is not finite, as a context or a decorator.

    It looks at the result of each operation that is recorded, and in backward at the gradient of
    each of its inputs. The error names the operation, the entries and what they were computed
    from, the line of code that ran the operation, and the way up to a parameter.

    What is let through:

    - NaN and infinity that an operation is given and leaves out of its result.
    - Infinity in a constant that masks or bounds: one given to `np.where`, `np.maximum`,
      `np.minimum`, `np.fmax`, `np.fmin`, `np.pad` or an addition; a single NaN given to `np.where`
      or `np.pad`; and what other operations make of such infinities, unless it is NaN.
    - What NumPy is told to ignore, as in `with np.errstate(invalid="ignore")`: "invalid" for
      NaN, "divide" or "over" for infinity. It raises where it reaches the scalar that `backward`
      starts from, or the gradient of a leaf.

    Inside, the arrays that an operation was given and has returned are read-only, until a
    backward pass has gone through it, it is dropped, or the context ends: writing to one through
    NumPy raises NumPy's own ValueError at that line. Backward passes with `create_graph` leave
    them so. A view that is taken of such an array stays read-only.

    It holds for the current thread or task, as `no_grad` does, and costs nothing elsewhere.

    Raises:
        AnomalyError: a value is not finite.

    >>> import numpy as np
    >>> from autograd_lite import AutogradError, Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True, name="weight")
    >>> x = np.array([3.0, np.nan])
    >>> try:
    ...     with detect_anomaly():
    ...         loss = np.sum(weight * x)
    ... except AutogradError as error:
    ...     print(error)
    forward of multiply('weight' (2,), array (2,)): its input array (2,) was not finite already
      array (2,): 1 of 2 entries not finite, at [1]: nan
      File "<doctest autograd_lite.anomaly.detect_anomaly[4]>", line 3, in <module>
        loss = np.sum(weight * x)
      Computed from: multiply (2,) <- 'weight' (2,)
    Clean the data, or leave the entries out by np.where before
    """

    def __init__(self) -> None:
        super().__init__()
        self._entered: list[tuple[object, Anomalies | None]] = []

    def __enter__(self) -> Self:
        # A context inside of another goes on with the watch of that.
        outer = watching.get()
        own = None if isinstance(outer, Anomalies) else Anomalies()
        self._entered.append((set_for_a_while(watching, own or outer), own))
        self.on = bool(recording.get())
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        key, own = self._entered.pop()
        set_back(key)
        if own:
            own.release()
            error = exception[1]
            if isinstance(error, ValueError) and not isinstance(error, AutogradError):
                if "read-only" in str(error):
                    error.add_note(_READ_ONLY)


_READ_ONLY = (
    "Inside of detect_anomaly() the arrays that a recorded operation may read in backward are "
    "read-only until then. Change the array after backward(), change a copy, or compute what "
    "needs no backward inside of no_grad()."
)
