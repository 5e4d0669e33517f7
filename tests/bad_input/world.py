"""Things that a call could leave half-changed, and what they are like."""

import functools
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.special  # noqa: F401 - whose functions are derivatives from when it is imported
from matplotlib import pyplot
from matplotlib.figure import Figure

import nn
from autograd_lite import Tensor
from autograd_lite.derivatives import all_rows
from autograd_lite.modes import recording, watching
from autograd_lite.table import COMPOSED, TABLE

all_rows()  # from now on there are no others
NAN = float("nan")
X = np.random.default_rng(0).normal(size=(12, 2))
Y = (X[:, :1] > 0).astype(float)
LABELS = Y.ravel().astype(int)
TEXT = np.array([["a", "b"], ["c", "d"]])
COMPLEX = np.ones((2, 2), complex)
OBJECTS = np.array([[None, 1], [2, 3]])
RAGGED = [[1.0], [1.0, 2.0]]


def network():
    return nn.Sequential(
        nn.Dense(2, 3, activation="relu", rng=0),
        nn.Dropout(0.5, rng=1),
        nn.BatchNorm1d(3),
        nn.Dense(3, 1, rng=2),
    )


def nans(*shape):
    return np.full(shape, np.nan)


def named(*shape, name="x"):
    return Tensor(np.ones(shape), requires_grad=True, name=name)


class World:
    """A model in the middle of a training, an optimizer and generators with a state, and files."""

    def __init__(self, folder):
        self.folder = folder
        restore(folder)
        self.X, self.Y, self.labels = X.copy(), Y.copy(), LABELS.copy()
        self.rng = np.random.default_rng(7)
        self.model = network()
        self.modules = [module for _, module in self.model.named_modules()]
        self.w = named(2, 3, name="w")
        self.w.grad = np.full((2, 3), 0.25)
        self.ax = empty_axes()
        self.schedule = self.callback = None
        self.train_with(nn.Adam)

    def train_with(self, optimizer, **options):
        """Take a step, and leave gradients behind, and modes that differ."""
        self.optimizer = optimizer(self.model.parameters(), learning_rate=0.01, **options)
        self.model.train()
        nn.MSELoss()(self.model(self.X), self.Y).backward()
        self.optimizer.step()
        self.model.eval()
        self.model[1].train()

    @property
    def parameter(self):
        return self.model[0].weight

    def saved(self, name="model"):
        return self.folder / f"{name}.safetensors"

    def state(self):
        """All that a refused call has to leave as it was, in parts that can be compared."""
        state = self.optimizer.state_dict()
        held = [value for module in self.modules for value in vars(module).values()]
        tensors = [*(value for value in held if isinstance(value, Tensor)), self.w]
        return frozen(
            {
                "weights": [tensor.data for tensor in tensors],
                "gradients": [tensor.grad for tensor in tensors],
                "flags": [(tensor.requires_grad, tensor.name) for tensor in tensors],
                "modes": [module.training for module in self.modules],
                "optimizer": [state["state"], state["steps"]],
                "hyper-parameters": state["groups"],
                "schedule": self.schedule and self.schedule.state_dict(),
                "callback": self.callback and [vars(self.callback), self.callback.state_dict()],
                "generators": [self.rng.bit_generator.state, self.model[1].rng.bit_generator.state],
                "NumPy's generator": np.random.get_state(),
                "data": [self.X, self.Y, self.labels],
                "files": {path.name: path.read_bytes() for path in self.folder.iterdir()},
                "recording": [recording.get(), watching.get()],
                "NumPy's errors": np.geterr(),
                "Ctrl-C": signal.getsignal(signal.SIGINT),
                "derivatives": [len(TABLE), len(COMPOSED)],
                "figures": pyplot.get_fignums(),
                "axes": self.ax.has_data(),
            }
        )


def frozen(value):
    """Nested data in a form that is equal when all bits are."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [frozen(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return (value.dtype.str, value.shape, value.tobytes())
    return value


@functools.cache
def empty_axes():
    """Axes that nothing is to draw in."""
    return Figure().subplots()


def restore(folder):
    """Put into a folder what `files` has, and nothing else."""
    wanted = files()
    found = {path.name: path for path in folder.iterdir()}
    for name in found.keys() - wanted.keys():
        found[name].unlink()
    for name, content in wanted.items():
        if name not in found or found[name].read_bytes() != content:
            (folder / name).write_bytes(content)


@functools.cache
def files():
    """A saved model, the weights of one, and a checkpoint, as bytes by name."""
    with tempfile.TemporaryDirectory() as folder:
        model = network()
        nn.save(model, Path(folder, "model.safetensors"))
        nn.save(model.state_dict(), Path(folder, "weights.safetensors"))
        nn.fit(
            model,
            X,
            Y,
            loss=nn.MSELoss(),
            optimizer=nn.Adam(model.parameters()),
            epochs=1,
            progress=False,
            rng=0,
            callbacks=[nn.Checkpoint(Path(folder, "run.safetensors"))],
        )
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
