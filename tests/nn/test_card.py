"""Arrays on a graphics card: all that `benchmarks/cuda.py` checks, of stand-ins and of CuPy's."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from card_arrays import CardArray, on_card, put_back
from looping import looped

import nn
from autograd_lite import MutationError, Tensor, UnsupportedError, gradcheck

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "cuda.py"))


class StandIn(SCRIPT["NumPy"]):
    send, back = staticmethod(on_card), staticmethod(put_back)


@looped("name", SCRIPT["CHECKS"])
def test_arrays_with_the_rules_of_cupy_give_what_numpy_gives(name):
    SCRIPT["CHECKS"][name](StandIn)


@pytest.fixture
def card():
    pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        return SCRIPT["Card"]()
    except Exception as error:
        pytest.skip(f"there is no graphics card: {error}")


def test_arrays_of_cupy_give_what_numpy_gives(card):
    for check in SCRIPT["CHECKS"].values():
        check(card)


X = on_card([1.0, 2.0, 3.0])


@looped(
    "use",
    [
        *(lambda: np.asarray(X), lambda: X + np.ones(3), lambda: X.get() @ X, lambda: X[X.get()]),
        *(
            lambda: np.max(X, initial=0),
            lambda: X.max(initial=0),
            lambda: np.ones_like(X, subok=False),
        ),
        *(lambda: np.add.reduce(X), lambda: np.subtract(X, X, order="C"), lambda: hash(X)),
        *(lambda: np.concatenate([X, np.ones(3)]), lambda: np.where(np.ones(3) > 0, X, X)),
        *(lambda: np.frompyfunc(abs, 1, 1)(X), lambda: np.ones(3)[X], lambda: np.vecdot(X, X)),
        *(lambda: X.__setitem__(0, np.ones(())), lambda: np.zeros(3).__setitem__(slice(None), X)),
    ],
)
def test_a_stand_in_refuses_what_cupy_refuses(use):
    with pytest.raises((TypeError, ValueError, IndexError)):
        use()


def test_a_stand_in_computes_as_cupy_does():
    masked = X[np.array([True, False, True])]
    for value in (X.sum(), np.mean(X), X[0], 2 * X, np.zeros(()) < X, masked):
        assert type(value) is CardArray
    assert float(X.sum()) == 6
    assert np.result_type(X) is X.dtype


@looped(
    "use",
    [
        *(lambda x: x * np.ones(3), lambda x: np.ones(3) @ x, lambda x: np.hstack([x, np.ones(3)])),
        *(lambda x: nn.Dense(3, 2)(x), lambda x: nn.MSELoss()(x, np.ones(3))),
        lambda x: nn.predict(nn.Dense(3, 2), x.data[None]),
    ],
)
def test_arrays_here_and_there_are_refused_in_words(use):
    with pytest.raises(UnsupportedError, match=r"on a graphics card.*Give all of them there"):
        use(Tensor(X, requires_grad=True))


def test_what_computes_here_alone_refuses_arrays_there_in_words():
    model, samples = nn.Dense(3, 2), on_card(np.ones((4, 3)))
    for parameter in model.parameters():
        parameter.data = on_card(parameter.data)
    for use in (
        lambda: nn.diagnose(model, samples, on_card(np.ones((4, 2))), loss="mse"),
        lambda: nn.gradient_difference(model, samples, on_card(np.ones((4, 2))), loss="mse"),
        lambda: gradcheck(lambda x: x.sum(), [X]),
    ):
        with pytest.raises(UnsupportedError, match=r"on a graphics card.*Give x\.get\(\)"):
            use()


def test_a_model_that_moves_needs_a_new_optimizer():
    model = nn.Dense(3, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    for parameter in model.parameters():
        parameter.data = on_card(parameter.data)
    model(X[None]).sum().backward()
    with pytest.raises(MutationError, match=r"moved to or from a graphics card.*new optimizer"):
        optimizer.step()


def test_a_given_gradient_goes_where_the_tensor_is():
    x = Tensor(X, requires_grad=True)
    (2 * x).backward(np.arange(3.0))
    np.testing.assert_array_equal(x.grad.get(), [0, 2, 4])
