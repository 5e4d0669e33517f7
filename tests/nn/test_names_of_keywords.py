"""Keywords of other libraries, in constructors and functions of nn."""

import re
from functools import partial

import numpy as np
import pytest
from looping import looped

import autograd_lite
import nn
import viz
from autograd_lite.elsewhere import CHOICES
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    MissingKeyError,
    MissingNameError,
    UnsupportedError,
)
from autograd_lite.table import activations
from nn.elsewhere import NAMES
from nn.estimators import NeuralClassifier, NeuralRegressor
from nn.init import INITIALIZERS
from nn.losses.loss_function import LOSSES, loss_function
from nn.module import ATTRIBUTES
from nn.optimizers.optimizer import ATTRIBUTES as OF_OPTIMIZERS

MODEL = nn.Dense(2, 1, rng=0)
P = MODEL.parameters()
X = np.zeros((2, 2))
CALLED = [
    (lambda: nn.Adam(P, lr=0.1), "Adam", "lr", "learning_rate"),
    (lambda: nn.SGD(P, step_size=0.1), "SGD", "step_size", "learning_rate"),
    (lambda: nn.AdamW(P, eps=1e-8), "AdamW", "eps", "epsilon"),
    (lambda: nn.NAdam(P, beta1=0.9), "NAdam", "beta1", "betas"),
    (lambda: nn.RMSprop(P, rho=0.9), "RMSprop", "rho", "alpha"),
    (lambda: nn.Dense(in_channels=2, out_features=1), "Dense", "in_channels", "in_features"),
    (lambda: nn.Dense(2, units=3), "Dense", "units", "out_features"),
    (lambda: nn.Dense(2, 3, use_bias=False), "Dense", "use_bias", "bias"),
    (lambda: nn.Dense(2, 3, activation_fn="relu"), "Dense", "activation_fn", "activation"),
    (lambda: nn.Dropout(rate=0.5), "Dropout", "rate", "p"),
    (lambda: nn.Conv2d(1, filters=2, kernel_size=3), "Conv2d", "filters", "out_channels"),
    (lambda: nn.BatchNorm1d(3, eps=1e-5), "BatchNorm1d", "eps", "epsilon"),
    (lambda: nn.Softmax(dim=1), "Softmax", "dim", "axis"),
    (lambda: nn.StepDecay(0.1, 3, gamma=0.5), "StepDecay", "gamma", "factor"),
    (lambda: nn.CosineAnnealing(0.1, T_max=3), "CosineAnnealing", "T_max", "steps"),
    (lambda: nn.GradientClipping(clipnorm=1.0), "GradientClipping", "clipnorm", "max_norm"),
    (lambda: nn.datasets.blobs(n_samples=3), "blobs", "n_samples", "n"),
    (lambda: nn.datasets.xor(random_state=0), "xor", "random_state", "rng"),
    (lambda: nn.fit(MODEL, X, X, verbose=0), "fit", "verbose", "progress"),
    (lambda: nn.fit(MODEL, X, X, num_epochs=1), "fit", "num_epochs", "epochs"),
    (
        lambda: nn.find_learning_rate(MODEL, X, X, criterion=1),
        "find_learning_rate",
        "criterion",
        "loss",
    ),
    (lambda: nn.overfit_one_batch(MODEL, X, X, bs=1), "overfit_one_batch", "bs", "batch_size"),
    (
        lambda: nn.fit(MODEL, X, X, accumulate_grad_batches=2),
        "fit",
        "accumulate_grad_batches",
        "accumulate",
    ),
    (lambda: nn.CSVLog(filename="a"), "CSVLog", "filename", "path"),
    (lambda: nn.TensorBoard(log_dir="a"), "TensorBoard", "log_dir", "folder"),
    (lambda: nn.batches(X, bs=3), "batches", "bs", "batch_size"),
    (lambda: nn.LSTM(3, units=3), "LSTM", "units", "hidden_size"),
    (lambda: nn.StepDecay(0.1, step_size=3), "StepDecay", "step_size", "every"),
    (lambda: nn.SGD([], step_size=3), "SGD", "step_size", "learning_rate"),
    (lambda: nn.Dense(3, input_shape=(2,)), "Dense", "input_shape", "in_features"),
    (lambda: nn.load("a", net=MODEL), "load", "net", "model"),
    (lambda: nn.Checkpoint(filepath="a"), "Checkpoint", "filepath", "path"),
    (lambda: nn.MSELoss()(X, target=X), "MSELoss()", "target", "targets"),
    (lambda: nn.MSELoss()(y_true=X, y_pred=X), "MSELoss()", "y_true", "targets"),
    (lambda: nn.diagnose(MODEL, X, X, criterion="mse"), "diagnose", "criterion", "loss"),
]


@looped(("call", "owner", "given", "here"), CALLED, ids=[c[2] for c in CALLED])
def test_a_keyword_from_elsewhere_is_told_what_it_is_called_here(call, owner, given, here):
    told = rf"^{re.escape(owner)}\(.*it takes no {given}.* {here} here$"
    with pytest.raises(UnsupportedError, match=told):
        call()


@looped(
    ("call", "known"),
    [
        (lambda: nn.LeakyReLU(alpha=0.1), "negative_slope"),
        (lambda: NeuralClassifier(alpha=0.1), "Give it to the optimizer, as l2="),
        (lambda: NeuralRegressor(beta_1=0.9), "Give it to the optimizer, as betas="),
        (lambda: nn.fit(MODEL, X, X, lr=0.1), "Give it to the optimizer, as learning_rate="),
        (lambda: nn.fit(MODEL, X, X, lr_scheduler=1), "A schedule is a learning rate"),
        (lambda: nn.fit(MODEL, X, X, patience=1), r"nn\.EarlyStopping\(patience=10\)"),
        (lambda: nn.predict(MODEL, X, verbose=0), "model, X, batch_size"),
        (lambda: nn.summary(MODEL, input_size=2), "input_shape"),
        (lambda: nn.BCELoss(from_logits=True), "pos_weight"),
        (lambda: nn.Dense(2, 3, device="cpu"), "Leave it out"),
        (lambda: nn.ReLU(inplace=True), "Leave it out: a result is a new array"),
        (lambda: nn.Flatten(start_dim=1), "Leave it out"),
        (lambda: nn.Sequential(layers=[MODEL]), r"Write Sequential\(\*layers\)"),
        (lambda: nn.Parameter(X, requires_grad=False), "data, name, dtype"),
        (lambda: MODEL.zero_grad(set_to_none=True), "Leave it out"),
        (lambda: MODEL.load_state_dict({}, strict=False), "unless all names are the model's"),
        (lambda: nn.SGD(P, 0.1).zero_grad(set_to_none=True), "Leave it out"),
        (lambda: nn.SGD(P, 0.1).step(closure=None), r"loss\.backward\(\)"),
        (lambda: nn.load("a", map_location="cpu"), "Leave it out"),
        (lambda: autograd_lite.value_and_grad(np.sum, has_aux=True), "f may keep"),
        (lambda: autograd_lite.grad(np.sum, argnum=1), "It is called argnums here"),
        (lambda: viz.plot_history({"loss": [1.0]}, title="t"), "plot_history"),
    ],
)
def test_a_keyword_that_has_no_other_name_is_told_what_there_is(call, known):
    with pytest.raises(UnsupportedError, match=known):
        call()


def test_a_keyword_that_something_inside_does_not_take_is_its_own_error():
    def loss(predictions, targets):
        return MODEL.forward(predictions, lr=0.1)

    with pytest.raises(TypeError, match="forward") as caught:
        nn.fit(MODEL, X, X[:, :1], loss=loss, optimizer=nn.SGD(P, 0.1), epochs=1, progress=False)
    assert not isinstance(caught.value, UnsupportedError)


DATA = {*("Diagnosis", "Finding", "Graph", "GraphWatch", "History", "Passage", "Steps", "Training")}
"""Classes that are made by the library, or take nothing."""
BASES = {"Callback", "Module"}
"""Classes that take what a subclass says."""


def takes_options(name, thing):
    is_error = isinstance(thing, type) and issubclass(thing, Exception)
    return callable(thing) and not is_error and name not in DATA | BASES


PUBLIC = {
    name: getattr(package, name)
    for package in (nn, viz, nn.datasets)
    for name in getattr(package, "__all__", ["blobs", "disc_in_ring", "spirals", "xor"])
    if takes_options(name, getattr(package, name))
}
del PUBLIC["functional_call"]  # whose keywords are those of forward
_OF_FUNCTIONS = "checkpoint compare_gradients compile define derive differentiable from_dlpack grad"
_OF_FUNCTIONS += " gradcheck hessian hvp jacobian jvp ravel to_source value_and_grad vjp"
PUBLIC |= {name: getattr(autograd_lite, name) for name in _OF_FUNCTIONS.split()}


@looped("name", PUBLIC)
def test_each_public_name_explains_a_keyword_that_it_does_not_take(name):
    with pytest.raises(UnsupportedError, match=r"it takes no elsewhere\. "):
        PUBLIC[name](elsewhere=1)


@looped("name", NAMES)
def test_a_name_of_another_library_is_told_what_is_written_here(name):
    assert not hasattr(nn, name)
    with pytest.raises(MissingNameError) as caught:
        getattr(nn, name)
    assert str(caught.value) == f"nn.{name}: there is no such name. Write {NAMES[name]}"
    assert_told(NAMES[name])


def assert_told(text):
    for told in re.findall(r"\bnn\.(\w+)", text):
        assert told in [*nn.__all__, "estimators"]


@looped("name", ATTRIBUTES)
def test_an_attribute_of_another_librarys_model_is_told_what_is_written_here(name):
    assert not hasattr(MODEL, name)
    with pytest.raises(MissingNameError) as caught:
        getattr(MODEL, name)
    told = ATTRIBUTES[name]
    assert str(caught.value) == f"Dense.{name}: a model has no such attribute. Write {told}"
    assert_told(told)
    for method in re.findall(r"model\.(\w+)", told):
        assert hasattr(nn.Sequential(), method)


@looped("name", OF_OPTIMIZERS)
def test_an_attribute_of_another_librarys_optimizer_is_told_what_is_written_here(name):
    optimizer = nn.Adam(P)
    assert not hasattr(optimizer, name)
    with pytest.raises(MissingNameError, match=rf"^Adam\.{name}: an optimizer has no such"):
        getattr(optimizer, name)
    assert_told(OF_OPTIMIZERS[name])
    for own in re.findall(r"optimizer\.(\w+)", OF_OPTIMIZERS[name]):
        assert hasattr(optimizer, own)


@looped(
    ("ask", "told"),
    [
        (lambda: nn.init.kaiming_normal_, "nn.Dense(2, 3, weight_init='he_normal')"),
        (lambda: nn.init.glorot_uniform, "nn.Dense(2, 3, weight_init='xavier_uniform')"),
        (lambda: nn.init.zeros_, "nn.Dense(2, 3, weight_init='zeros')"),
        (lambda: nn.datasets.moons, "sklearn.datasets.make_moons(200)"),
        (lambda: nn.datasets.load_iris, "sklearn.datasets.load_iris()"),
        (lambda: nn.datasets.make_blobs, "nn.datasets.blobs(n)"),
        (lambda: nn.datasets.spiral, "nn.datasets.spirals"),
        (
            lambda: nn.init.normal(std=3.0),
            "weight_init=functools.partial(nn.init.normal, mean=..., standard_deviation=...)",
        ),
        (lambda: nn.init.he_normal(), "weight_init='he_normal'"),
    ],
)
def test_what_a_part_of_nn_lacks_is_told(ask, told):
    with pytest.raises(AutogradError) as caught:
        ask()
    assert str(caught.value).endswith(f"Write {told}")


def test_a_keyword_of_an_initializer_is_told_and_a_name_that_is_assigned_is_an_activation():
    with pytest.raises(UnsupportedError, match="It is called standard_deviation here"):
        nn.Dense(2, 3, weight_init=partial(nn.init.normal, std=3.0))
    layer = nn.Dense(2, 1, rng=0)
    linear, layer.activation = layer(X + 1).data, "tanh"
    np.testing.assert_array_equal(layer(X + 1).data, np.tanh(linear))
    with pytest.raises(ArgumentError, match="there is no activation of that name"):
        layer.activation = "tanhh"
    layer.activation = None
    np.testing.assert_array_equal(layer(X + 1).data, linear)


def test_a_model_may_have_such_an_attribute_and_a_function_of_the_engine_is_named():
    class Own(nn.Module):
        def predict(self, x):
            return 2 * x

    model = Own()
    model.summary = "short"
    assert (model.predict(3), model.summary) == (6, "short")
    with pytest.raises(MissingNameError, match=r"Write autograd_lite\.relu$"):
        _ = nn.relu


def test_a_name_that_is_misspelt_is_told_the_nearest_one():
    with pytest.raises(MissingNameError, match=r"Write nn\.CrossEntropyLoss$"):
        nn.CrossEntropy  # noqa: B018 - asking for it is what is tested
    with pytest.raises(AttributeError, match=r"nn\.__all__"):
        nn.Hologram  # noqa: B018 - asking for it is what is tested
    with pytest.raises(ImportError):
        from nn import Linear  # noqa: F401 - asking for it is what is tested


@looped(
    ("choose", "told"),
    [
        (lambda: nn.Dense(1, 1, "SiLU"), "activation='SiLU': .* Write activation='swish'"),
        (lambda: nn.Dense(1, 1, "ReLU"), "there is no activation of that name. Write .*='relu'"),
        (lambda: nn.MSELoss(reduction="Mean"), "there is none of that name. Write .*='mean'"),
        (lambda: nn.Dense(1, 1, weight_init="glorot_uniform"), "weight_init='xavier_uniform'"),
        (lambda: loss_function("binary_crossentropy"), "loss='bce', of logits 'bce_with_logits'"),
    ],
)
def test_a_choice_by_the_name_of_another_library_is_told_what_it_is_called_here(choose, told):
    with pytest.raises(ArgumentError, match=f"{told}$"):
        choose()


def test_each_choice_that_is_told_is_one():
    known = {"None", *map(repr, [*LOSSES, *activations(), *INITIALIZERS])}
    told = {each for text in CHOICES.values() for each in re.findall(r"'\w+'|None", text)}
    assert told <= known
    assert not known & set(map(repr, CHOICES))


def test_what_a_recurrent_layer_returns_is_no_input_as_a_whole():
    model = nn.Sequential(nn.LSTM(2, 3), nn.Dense(3, 1))
    with pytest.raises(UnsupportedError, match=r"Give one of its entries, as of states, last ="):
        model(np.ones((1, 4, 2)))


def test_a_figure_to_monitor_is_told_by_the_name_that_it_has():
    model = nn.Sequential(nn.Dense(2, 1))
    options = {"loss": "mse", "optimizer": nn.SGD(model.parameters(), 0.1), "epochs": 1}
    stopping = nn.EarlyStopping(monitor="val_loss")
    for validation, told in (
        (0.5, "Write monitor='validation_loss'$"),
        (None, "Monitor one of them, or give fit validation data$"),
    ):
        with pytest.raises(ArgumentError, match=told):
            nn.fit(model, X, X[:, :1], validation=validation, callbacks=[stopping], **options)


def test_a_figure_that_a_history_lacks_is_told_by_the_name_that_it_has():
    history = nn.History(loss=[1.0], validation_loss=[2.0])
    with pytest.raises(MissingKeyError) as caught:
        history["val_loss"]
    assert str(caught.value) == (
        "history['val_loss']: there is no such figure, but 'loss', 'validation_loss'. "
        "Write history['validation_loss']"
    )
    with pytest.raises(KeyError, match=r"'loss', 'validation_loss'\. Give fit .* metrics=$"):
        history["accuracy"]
    assert history.get("accuracy") is None
    assert list(history) == ["loss", "validation_loss"]


@looped(
    ("ask", "told"),
    [
        (lambda: viz.draw_dot, r"viz\.draw_dot: .* Write viz\.graph\(loss\)"),
        (lambda: viz.plot_boundary, r"Write viz\.plot_decision_boundary\(model, X, y\)"),
        (lambda: viz.graph(MODEL, X).show(), r"Graph\.show: .* Write graph\.save\(path\)"),
        (lambda: viz.step_through(MODEL(X).sum()).show(), r"Write steps\.save\(path\)"),
        (lambda: autograd_lite.derive(MODEL(X).sum()).latex(), r"derivation\.markdown\(\)"),
    ],
)
def test_a_picture_by_the_name_of_another_library_is_told_what_is_written_here(ask, told):
    with pytest.raises(MissingNameError, match=f"{told}$"):
        ask()


@looped(
    ("call", "told"),
    [
        (
            lambda: nn.summary(MODEL),
            "summary(...): it lacks 'input_shape'. Write summary(model, inp",
        ),
        (lambda: MODEL(X, X), "Dense.forward(...): it takes x by position, and was given more"),
        (lambda: MODEL(), "Dense.forward(...): it lacks 'x'. Write Dense.forward(x)"),
        (lambda: nn.Dense(16), "Dense(...): it lacks 'out_features'. Write Dense(in_features, o"),
        (lambda: nn.fit(1, 2), "fit(...): it lacks 'optimizer' and 'epochs'. Write fit(model, X,"),
        (lambda: nn.batches(1), "batches(...): it lacks 'batch_size'. Write batches(*arrays, ba"),
        (lambda: nn.fit(1, 2, 3, 4), "fit(...): it takes model, X, y by position, and was given"),
        (lambda: viz.graph(MODEL, X, names={}), "graph(...): 'names' is given twice, by its place"),
        (lambda: nn.Dropout(0.5, 1, 2), "Dropout(...): it takes p, rng by position, and was given"),
        (
            lambda: nn.MSELoss(X, X),
            "MSELoss(...): it takes nothing by position, and was given more. Give arrays to what"
            " it makes: MSELoss(...)(x)",
        ),
        (
            lambda: nn.ReLU(X),
            "ReLU(...): it takes nothing by position, and was given more. Give arrays to what",
        ),
        (lambda: nn.fit(1, 2, scheduler=3), "fit(..., scheduler=): it takes no scheduler. A sch"),
    ],
)
def test_a_call_with_fewer_or_more_arguments_is_told_how_to_write_it(call, told):
    with pytest.raises(UnsupportedError) as caught:
        call()
    assert str(caught.value).startswith(told)


def test_what_is_imported_by_the_name_of_another_library_is_told_what_is_written_here():
    for line, told in {
        "from nn import Linear": "nn.Linear: there is no such name. Write nn.Dense(in_features, ou",
        "from nn import functional as F": "nn.functional: there is no such name. Write functions",
        "from nn import Dence": "nn.Dence: there is no such name. Write nn.Dense",
        "from nn.layers import Dense": "nn.layers.Dense: there is no such name. Write nn.Dense",
        "from autograd_lite import Value": "autograd_lite.Value: there is no such name. Write Tens",
        "from viz import draw_dot": "viz.draw_dot: there is no such name. Write viz.graph(loss)",
    }.items():
        with pytest.raises(ImportError) as caught:
            exec(line)
        assert str(caught.value).startswith(told), line
    exec("from nn import estimators, layers; from autograd_lite import typing")


def test_a_name_of_nn_that_is_asked_of_a_part_of_it_is_told():
    for part, name, told in (
        (nn.layers, "Dense", "nn.Dense"),
        (nn.losses, "MeanSquaredError", r"nn.MSELoss\(\)"),
        (nn.losses, "MSELos", "nn.MSELoss"),
        (nn.optimizers, "Adam", "nn.Adam"),
    ):
        with pytest.raises(MissingNameError, match=f"there is no such name. Write {told}$"):
            getattr(part, name)


def test_methods_say_what_they_do_not_take():
    model = nn.Sequential(nn.Dense(1, 1))
    optimizer = nn.SGD(model.parameters(), 0.1)
    x = autograd_lite.Tensor([1.0], requires_grad=True)
    for called, names in (
        (model, "children eval named_buffers named_modules named_parameters parameters state_dict"),
        (model, "append load_state_dict train zero_grad"),
        (optimizer, "load_state_dict state_dict step zero_grad"),
        (nn.StepDecay(optimizer, 2), "load_state_dict state_dict step"),
        (x, "astype backward detach flatten item numpy ravel tolist zero_grad"),
    ):
        for name in names.split():
            method, told = (
                getattr(called, name),
                f"^{type(called).__name__}.{name}\\(...\\): it takes",
            )
            with pytest.raises(UnsupportedError, match=told):
                method(*[None] * 9)
            with pytest.raises(UnsupportedError, match="it takes no closure"):
                method(closure=None)
