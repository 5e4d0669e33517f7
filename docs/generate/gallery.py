"""All kinds of pictures, each with the code that makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import viz

DATA = """import numpy as np
import nn
import viz

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2))
y = (X[:, :1] * X[:, 1:] > 0) * 1.0
model = nn.Sequential(nn.Dense(2, 16, "tanh", rng=0), nn.Dense(16, 1, rng=1))
optimizer = nn.Adam(model.parameters(), learning_rate=0.02)
history = nn.fit(model, X, y, loss="bce_with_logits", optimizer=optimizer, epochs=60,
                 validation=0.2, metrics={"accuracy": nn.accuracy}, progress=False, rng=0)
"""
PICTURES = {
    "The graph of a computation": """import numpy as np
import viz
from autograd_lite import Tensor

x = np.array([[0.5, 0.3], [-1.0, 2.0]])
W = Tensor([[0.2, -0.1], [0.4, 0.7]], requires_grad=True, name="W")
loss = np.mean(np.tanh(x @ W) ** 2)
loss.backward()
picture = viz.graph(loss, names={"x": x, "loss": loss})
""",
    "A network, by its modules": """import numpy as np
import nn
import viz

X = np.random.default_rng(0).normal(size=(8, 3))
model = nn.Sequential(nn.Dense(3, 4, "relu", rng=0), nn.LayerNorm(4), nn.Dense(4, 1, rng=1))
loss = (model(X) ** 2).mean()
loss.backward()
picture = viz.graph(loss, names={"X": X, "loss": loss}, depth=2)
""",
    "What a step of training changed": """import numpy as np
import nn
import viz

X = np.random.default_rng(0).normal(size=(2, 2))
model = nn.Sequential(nn.Dense(2, 2, "tanh", rng=0), nn.Dense(2, 1, bias=False, rng=1))
model[0].bias.requires_grad = False
optimizer = nn.SGD(model.parameters(), learning_rate=0.1)

def loss_of_model():
    return (model(X) ** 2).mean()

loss = loss_of_model()
loss.backward()
before = viz.graph(loss)
optimizer.step()
picture = viz.graph(loss_of_model(), before=before)
""",
    "A loop, whose equal steps are one box": """import numpy as np
import viz
from autograd_lite import Tensor

rng = np.random.default_rng(0)
V = Tensor(rng.normal(size=(3, 3)) / 2, requires_grad=True, name="V")
U = Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="U")
state = np.zeros(3)
for x in rng.normal(size=(50, 2)):
    state = np.tanh(V @ state + U @ x)
picture = viz.graph((state**2).sum(), gradients=False)
""",
    "A backward pass, step by step": """import numpy as np
import viz
from autograd_lite import Tensor

x, y = np.array([[0.5, 0.3], [-1.0, 2.0]]), np.array([[1.0], [0.0]])
W1 = Tensor([[0.2, -0.1], [0.4, 0.7]], requires_grad=True)
W2 = Tensor([[0.3], [-0.2]], requires_grad=True)
a1 = np.tanh(x @ W1)
loss = ((a1 @ W2 - y) ** 2).mean()
picture = viz.step_through(loss)
""",
    "A training": DATA + "picture = viz.plot_history(history)\n",
    "A decision boundary": DATA
    + 'picture = viz.plot_decision_boundary(model, X, y, loss="bce_with_logits")\n',
    "A film of a training": """import nn
import viz

X, y = nn.datasets.disc_in_ring(300, noise=0.05, rng=0)
model = nn.Sequential(nn.Dense(2, 8, "tanh", rng=0), nn.Dense(8, 1, rng=1))
picture = viz.TrainingAnimation(X, y, loss="bce_with_logits", every=2)
nn.fit(model, X, y, loss="bce_with_logits", optimizer=nn.Adam(model.parameters(), 0.05),
       epochs=30, callbacks=[picture], progress=False, rng=0)
""",
    "The loss around the parameters": DATA
    + 'picture = viz.plot_loss_landscape(model, X, y, "bce_with_logits", rng=0)\n',
    "A confusion matrix": DATA
    + "right = y.ravel().astype(int)\npredicted = (nn.predict(model, X).ravel() > 0).astype(int)\n"
    + 'picture = viz.plot_confusion_matrix(right, predicted, names=["apart", "alike"])\n',
    "Activations and their derivatives": "import viz\n\npicture = viz.plot_activations()\n",
    "Gradients layer by layer": """import numpy as np
import nn
import viz

X = np.random.default_rng(0).normal(size=(64, 8))
layers = [nn.Dense(8, 8, "sigmoid", rng=i) for i in range(6)]
model = nn.Sequential(*layers, nn.Dense(8, 1, rng=9))
monitor = nn.GradientMonitor()
nn.fit(model, X, X[:, :1], loss="mse", optimizer=nn.SGD(model.parameters(), learning_rate=0.1),
       epochs=5, callbacks=[monitor], progress=False, rng=0)
picture = viz.plot_gradient_flow(monitor.norms)
""",
    "Paths of optimizers": """import numpy as np
import nn
import viz
from autograd_lite import Tensor

def valley(x, y):
    return x**2 + 10 * y**2

paths = {}
for kind in (nn.SGD, nn.Adam):
    p = Tensor([-2.0, 1.0], requires_grad=True)
    optimizer = kind([p], learning_rate=0.08)
    steps = [p.data.copy()]
    for _ in range(40):
        optimizer.zero_grad()
        valley(p[0], p[1]).backward()
        optimizer.step()
        steps.append(p.data.copy())
    paths[kind.__name__] = steps
picture = viz.plot_optimizer_paths(valley, paths)
""",
    "What the units of a layer respond to": """import nn
import viz
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
model = nn.Sequential(nn.Dense(64, 16, "relu", rng=0), nn.Dense(16, 10, rng=1))
nn.fit(model, X / 16, y, loss="cross_entropy", epochs=10, progress=False, rng=0,
       optimizer=nn.Adam(model.parameters(), learning_rate=0.005))
picture = viz.plot_weight_images(model[0].weight, (8, 8))
""",
    "Vectors in two dimensions": """import viz
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
picture = viz.plot_embedding(X[:400], y[:400])
""",
    "Attention": """import numpy as np
import nn
import viz

words = "the graph is drawn as it was computed".split()
rng = np.random.default_rng(0)
attention = nn.MultiHeadAttention(16, 2, rng=0)
x = 2 * rng.normal(size=(1, len(words), 16))
_, weights = attention(x, x, x, average_attn_weights=False)
picture = viz.plot_attention(weights[0], queries=words)
""",
    "Outputs of layers": DATA
    + 'layers = {"hidden": nn.predict(model[:1], X), "output": nn.predict(model, X)}\n'
    + "picture = viz.plot_activation_histograms(layers)\n",
}


def pages(folder: Path) -> dict[str, str]:
    """One page; the pictures are written into a folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["# Gallery"]
    for number, (title, code) in enumerate(PICTURES.items()):
        names: dict[str, Any] = {"__name__": "gallery"}
        exec(compile(code, "gallery.py", "exec"), names)
        shown = _shown(names["picture"], folder / str(number), title)
        parts.append(f"## {title}\n\n{shown}\n\n```python\n{code}```")
    return {"gallery": "\n\n".join(parts) + "\n"}


def _shown(picture: Any, path: Path, title: str) -> str:
    """What shows a picture on the page, beside which it is written."""
    if isinstance(picture, viz.Steps):
        return f"```{{raw}} html\n{picture._repr_html_()}\n```"
    path = path.with_suffix(".gif" if isinstance(picture, viz.TrainingAnimation) else ".svg")
    (picture.savefig if hasattr(picture, "savefig") else picture.save)(path)
    return f"![{title}]({path.parent.name}/{path.name})"
