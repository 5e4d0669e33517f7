"""What is given no generator draws from one, which one call seeds."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError

X = np.linspace(-1, 1, 24).reshape(12, 2)


@pytest.fixture(autouse=True)
def unseeded():
    generator = nn.Dropout().rng
    state = generator.bit_generator.state
    yield
    generator.bit_generator.state = state
    generator.seeded = False


DRAWING = {
    "layers": lambda: nn.Dense(3, 3).weight.data,
    "dropout": lambda: nn.Dropout(0.5)(Tensor(np.ones(30))).data,
    "batches": lambda: np.concatenate([x for (x,) in nn.batches(np.arange(30), batch_size=4)]),
    "disc_in_ring": lambda: nn.datasets.disc_in_ring(5)[0],
    "spirals": lambda: nn.datasets.spirals(5)[0],
    "xor": lambda: nn.datasets.xor(5, noise=1.0)[0],
    "blobs": lambda: nn.datasets.blobs(5)[0],
}


@looped("draw", DRAWING.values(), ids=DRAWING)
def test_the_same_seed_gives_the_same_bits_and_one_thing_after_another_differs(draw):
    nn.manual_seed(3)
    first, second = draw(), draw()
    nn.manual_seed(3)
    np.testing.assert_array_equal(draw(), first)
    assert (first != second).any()
    nn.manual_seed(4)
    assert (draw() != first).any()


def train(**options):
    model = nn.Sequential(nn.Dense(2, 4, activation="relu"), nn.Dropout(0.5), nn.Dense(4, 1))
    history = nn.fit(
        model, X, X[:, :1], loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), epochs=3,
        batch_size=4, validation=0.25, progress=False, **options,
    )  # fmt: skip
    return history, model.state_dict()


def test_a_whole_training_follows_from_the_seed():
    nn.manual_seed(0)
    first, second = train(), train()
    nn.manual_seed(0)
    np.testing.assert_equal(train(), first)
    assert first[0] != second[0]


def test_a_run_that_goes_on_draws_as_one_that_was_not_interrupted(tmp_path):
    path = tmp_path / "run.safetensors"

    def run(epochs, **options):
        nn.manual_seed(5)
        model = nn.Sequential(nn.Dense(2, 4), nn.Dropout(0.5), nn.Dense(4, 1))
        nn.fit(
            model, X, X[:, :1], loss="mse", optimizer=nn.Adam(model.parameters()), batch_size=4,
            epochs=epochs, progress=False, validation=0.25, **options,
        )  # fmt: skip
        return model.state_dict()

    run(2, callbacks=[nn.Checkpoint(path)])
    np.testing.assert_equal(run(4, resume_from=path), run(4))


def test_seeding_reaches_layers_that_are_there_already_and_their_copies():
    layer = nn.Dropout(0.5)
    for each in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        nn.manual_seed(0)
        first = layer(Tensor(np.ones(50))).data
        nn.manual_seed(0)
        np.testing.assert_array_equal(each(Tensor(np.ones(50))).data, first)


def test_a_given_generator_or_seed_is_not_touched():
    expected = nn.Dense(2, 2, rng=7).weight.data
    rng = np.random.default_rng(7)
    nn.manual_seed(0)
    layer = nn.Dropout(0.5, rng=rng)
    np.testing.assert_array_equal(nn.Dense(2, 2, rng=layer.rng).weight.data, expected)
    np.testing.assert_array_equal(nn.Dense(2, 2, rng=7).weight.data, expected)


@pytest.mark.parametrize("call", ["save", "refused fit", "diagnose", "summary"])
def test_what_leaves_a_model_alone_leaves_the_generator_alone(call, tmp_path):
    model = nn.Sequential(nn.Dense(2, 2), nn.Dropout(0.5))
    rng = model[1].rng
    before = rng.bit_generator.state
    if call == "save":
        nn.save(model, tmp_path / "model.safetensors")
    elif call == "diagnose":
        nn.diagnose(model, X, X, loss="mse")
    elif call == "summary":
        nn.summary(model, 2)
    else:
        with pytest.raises(ArgumentError):
            nn.fit(
                model, X, X[:, :1], loss="mse", epochs=1, validation=0.25, progress=False,
                optimizer=nn.SGD(model.parameters(), 0.1),
            )  # fmt: skip
    assert rng.bit_generator.state == before


def draw_in_process(_):
    return float(nn.Dense(1, 1).weight.data[0, 0])


@pytest.mark.parametrize("seeded", [False, True])
def test_processes_that_were_forked_differ_unless_they_are_seeded(seeded):
    if seeded:
        nn.manual_seed(0)
    with multiprocessing.get_context("fork").Pool(1) as one:
        first = one.map(draw_in_process, [0])
    with multiprocessing.get_context("fork").Pool(1) as other:
        assert (other.map(draw_in_process, [0]) == first) is seeded


@looped("seed", [None, -1, 1.5, "a", True])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ArgumentError, match="manual_seed with seed="):
        nn.manual_seed(seed)


def test_a_seed_of_several_numbers_is_one_for_every_layer_that_draws():
    for make in (lambda rng: nn.Conv2d(1, 2, 3, rng=rng), lambda rng: nn.Dense(2, 3, rng=rng)):
        first, second = make((1, 2, 3)), make(np.random.default_rng((1, 2, 3)))
        np.testing.assert_array_equal(first.weight.data, second.weight.data)
