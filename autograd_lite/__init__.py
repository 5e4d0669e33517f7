"""NumPy code, differentiated.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> W = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> loss = (np.tanh(np.ones((3, 1)) @ W) ** 2).mean()
    >>> loss.backward()
    >>> W.grad.round(4)
    array([[0.3199, 0.0681]])

    record     Tensor, no_grad, and NumPy's functions; relu, sigmoid, softmax, softmax_cross_entropy
    functions  grad, value_and_grad, jacobian, hessian, vjp, jvp, hvp, compile, checkpoint, ravel
    by hand    compare_gradients, derive, to_source, gradcheck, detect_anomaly
    your own   differentiable, define

`nn` has networks, `viz` pictures, and `autograd_lite.typing` types for annotations.
"""

import importlib
from typing import TYPE_CHECKING, Any

from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.derivatives.neural import (
    dropout,
    elu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    swish,
)
from autograd_lite.derivatives.special import erf, gelu
from autograd_lite.einops_backend import register_when_imported as _register_when_imported
from autograd_lite.errors import (
    AnomalyError,
    ArgumentError,
    AutogradError,
    CompilerError,
    FileError,
    FilePermissionError,
    FolderError,
    GradientCheckError,
    GradientError,
    IndexingError,
    LinearAlgebraError,
    MissingFileError,
    MissingKeyError,
    MissingNameError,
    MissingPackageError,
    MutationError,
    RenderingError,
    ShapeError,
    TrainingError,
    UnsupportedError,
)
from autograd_lite.modes import enable_grad, no_grad
from autograd_lite.table import define, differentiable
from autograd_lite.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.anomaly import detect_anomaly
    from autograd_lite.compare import compare_gradients
    from autograd_lite.derivatives.cross_entropies import (
        binary_cross_entropy,
        sigmoid_cross_entropy,
        softmax_cross_entropy,
    )
    from autograd_lite.differences import gradcheck
    from autograd_lite.interchange import from_dlpack, ravel
    from autograd_lite.program.functions import compile
    from autograd_lite.recompute import checkpoint
    from autograd_lite.textbook.derive import derive
    from autograd_lite.textbook.source import to_source
    from autograd_lite.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = ["Tensor", "checkpoint", "detect_anomaly", "enable_grad", "from_dlpack", "no_grad"]
__all__ += ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
__all__ += ["compile", "ravel"]
__all__ += ["compare_gradients", "derive", "gradcheck", "to_source"]
__all__ += ["define", "differentiable"]
__all__ += ["affine", "dropout", "erf", "log_softmax", "logsumexp", "softmax"]
__all__ += ["elu", "gelu", "leaky_relu", "relu", "sigmoid", "softplus", "swish"]
__all__ += ["binary_cross_entropy", "sigmoid_cross_entropy", "softmax_cross_entropy"]
__all__ += ["ArgumentError", "AutogradError", "IndexingError", "LinearAlgebraError", "ShapeError"]
__all__ += ["CompilerError", "MutationError", "RenderingError", "UnsupportedError"]
__all__ += ["MissingKeyError", "MissingNameError", "MissingPackageError"]
__all__ += ["AnomalyError", "GradientCheckError", "GradientError", "TrainingError"]
__all__ += ["FileError", "FilePermissionError", "FolderError", "MissingFileError"]
__version__ = "0.1.0"

_register_when_imported()

# What is imported when it is first used: all of it takes longer than the rest.
_LATER = {
    name: module
    for module, names in {
        "anomaly": "detect_anomaly",
        "compare": "compare_gradients",
        "derivatives.cross_entropies": "binary_cross_entropy sigmoid_cross_entropy"
        " softmax_cross_entropy",
        "differences": "gradcheck",
        "interchange": "from_dlpack ravel",
        "program.functions": "compile",
        "recompute": "checkpoint",
        "textbook.derive": "derive",
        "textbook.source": "to_source",
        "transforms": "grad hessian hvp jacobian jvp value_and_grad vjp",
    }.items()
    for name in names.split()
}


def __dir__() -> list[str]:
    return sorted(__all__)


def _missing(name: str) -> Exception:
    import numpy as np

    from autograd_lite.elsewhere import NAMES
    from autograd_lite.names import ATTRIBUTES, missing_name

    of_numpy = {own: f"np.{own}: NumPy's functions take tensors" for own in dir(np)}
    return missing_name(__name__, name, __all__, ATTRIBUTES | of_numpy | NAMES)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _missing(name)
    found = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found  # and is found at once from now on
    return found
