"""Networks that are trained compiled and eagerly, and what they leave."""

import numpy as np

import nn

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(90, 4)), RNG.integers(3, size=90)
ONE_HOT = np.eye(3)[LABELS]


def network(*inside, last=3, dtype=np.float64):
    layers = [nn.Dense(4, 6, dtype=dtype), *inside, nn.Dense(6, last, dtype=dtype)]
    return nn.Sequential(*layers)


class StopsAfter(nn.Callback):
    def __init__(self, steps):
        self.left = steps

    def batch_end(self, training):
        self.left -= 1
        if not self.left:
            training.stop_reason = "so many steps"


def trained(make, y=LABELS, loss="cross_entropy", optimizer=nn.Adam, mode=True, **options):
    """What a training leaves: figures, parameters, buffers, gradients, and the optimizer."""
    nn.manual_seed(3)
    model = make()
    how = optimizer(model.parameters())
    options = {"epochs": 2, "batch_size": 8, "rng": 0} | options
    history = nn.fit(model, X, y, loss=loss, optimizer=how, progress=False, compile=mode, **options)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    state = [dict(history), model.state_dict(), gradients, how.state_dict()]
    return history.backend, state


def assert_same_bits(a, b, where=""):
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same_bits(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same_bits(one, other, f"{where}[{index}]")
    elif isinstance(a, np.ndarray | np.generic):
        assert a.dtype == b.dtype, where
        assert a.tobytes() == b.tobytes(), where
    else:
        assert a == b or (a != a and b != b), where
