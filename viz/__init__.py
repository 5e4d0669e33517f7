"""Pictures: the graph of a computation, and plots of training and of models.

    >>> import viz
    >>> from autograd_lite import Tensor
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> viz.graph(x * x)
    Graph(2 nodes, 2 edges)

What can be drawn:

    graphs     graph, scope; step_through, a page with the backward pass step by step
    training   plot_history, plot_gradient_flow, plot_optimizer_paths, TrainingAnimation
    models     plot_decision_boundary, plot_confusion_matrix, plot_weight_images,
               plot_activations, plot_activation_histograms, plot_loss_landscape
    data       plot_embedding, plot_attention

The graph can be DOT, SVG, PNG or PDF. `calls` finds which modules, and parts with names of users',
computed what, `collapse` combines many operations into few boxes, `vertices` describes what is
drawn, and `dot` writes that as DOT text and has Graphviz draw it; without Graphviz, `layers` and
`drawing` do. `picture` is what people use. `stepper` makes the page that goes through the record
step by step, and `saving` writes files. The plots take plain data and return matplotlib figures,
which they never show: `plots` is about training, `model_plots` and `planes` about models.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from autograd_lite.errors import RenderingError
from autograd_lite.names import by_name as _by_name
from autograd_lite.names import missing_name as _missing_name
from viz.calls import scope
from viz.model_plots import (
    plot_activation_histograms,
    plot_activations,
    plot_attention,
    plot_confusion_matrix,
    plot_embedding,
    plot_weight_images,
)
from viz.picture import Graph, graph
from viz.planes import plot_decision_boundary, plot_loss_landscape
from viz.plots import plot_gradient_flow, plot_history, plot_optimizer_paths

if _TYPE_CHECKING:
    from viz.animation import TrainingAnimation
    from viz.stepper import Passage, Steps, step_through

__all__ = ["Graph", "Passage", "RenderingError", "Steps", "graph", "scope", "step_through"]
__all__ += ["TrainingAnimation", "plot_gradient_flow", "plot_history", "plot_optimizer_paths"]
__all__ += ["plot_confusion_matrix", "plot_decision_boundary", "plot_loss_landscape"]
__all__ += ["plot_activation_histograms", "plot_activations", "plot_weight_images"]
__all__ += ["plot_attention", "plot_embedding"]

# What is imported when it is first used, with all that writes formulas, or trains networks.
_LATER = {
    "Passage": "viz.stepper",
    "Steps": "viz.stepper",
    "TrainingAnimation": "viz.animation",
    "step_through": "viz.stepper",
}


_ELSEWHERE = _by_name(
    {
        "viz.graph(loss)": "draw draw_dot draw_graph make_dot plot_graph",
        "viz.plot_decision_boundary(model, X, y)": "plot_boundary plot_decision_regions",
        "viz.plot_history(history)": "plot_accuracy plot_learning_curve plot_loss plot_losses"
        " plot_training",
        "viz.TrainingAnimation(X, y, loss=loss)": "Animation",
        "viz.plot_gradient_flow(norms), of nn.GradientMonitor()": "plot_gradients",
        "viz.graph(model, X)": "plot_model",
        "viz.plot_weight_images(weight, shape)": "plot_weights",
    }
)


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        return getattr(_importlib.import_module(_LATER[name]), name)
    raise _missing_name(__name__, name, __all__, _ELSEWHERE)
