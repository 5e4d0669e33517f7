"""Graphs and plots."""

from typing import assert_type

import matplotlib.figure
import numpy as np

import nn
import viz
from autograd_lite import Tensor

a, b = Tensor(2.0, requires_grad=True, name="a"), Tensor(3.0, requires_grad=True, name="b")
with viz.scope("product"):
    loss = a * b
loss.backward()
graph = viz.graph(loss, names={"loss": loss}, direction="right", highlight=[a, "b"])
assert_type(graph, viz.Graph)
print(graph.dot, len(viz.step_through(loss, {a: np.array(3.0)}).passages))
X, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
model = nn.Dense(2, 1, activation="sigmoid", rng=0)
figure = viz.plot_decision_boundary(model, X, y)
assert_type(figure, matplotlib.figure.Figure)
viz.plot_history({"loss": [1.0, 0.5]})
viz.plot_weight_images(nn.Dense(4, 3).weight, (2, 2))
