import inspect
import pickle
from functools import partial

import numpy as np
import pytest

import nn
from autograd_lite import ArgumentError, MissingNameError, UnsupportedError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons, make_multilabel_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from nn.estimators import NeuralClassifier, NeuralRegressor
from nn.estimators.network import OPTIMIZERS

MOONS = make_moons(200, noise=0.1, random_state=0)
quick = partial(
    NeuralClassifier, layers=(16,), learning_rate=0.05, epochs=60, batch_size=50, random_state=0
)


@pytest.mark.exhaustive
@pytest.mark.parametrize("estimator", [NeuralRegressor(), NeuralClassifier()], ids=repr)
def test_scikit_learn_finds_nothing_wrong_with_an_estimator(estimator):
    checks = check_estimator(estimator, on_skip=None)
    assert len([check for check in checks if check["status"] == "passed"]) > 55


@pytest.mark.exhaustive
def test_a_search_in_two_processes_finds_what_one_finds():
    grid = {"neuralclassifier__layers": [(1,), (16,)], "neuralclassifier__activation": ["tanh"]}
    pipeline = make_pipeline(StandardScaler(), quick())
    searches = [GridSearchCV(pipeline, grid, cv=2, n_jobs=jobs).fit(*MOONS) for jobs in (1, 2)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    assert searches[0].best_params_["neuralclassifier__layers"] == (16,)


def test_classes_are_learned_and_predicted_as_they_were_called():
    X, y = MOONS
    names = np.where(y, "lower", "upper")
    network = quick().fit(X, names)
    assert network.score(X, names) > 0.97
    assert network.classes_.tolist() == ["lower", "upper"]
    p = network.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_array_equal(network.predict(X) == "upper", p[:, 1] > p[:, 0])
    np.testing.assert_allclose(np.exp(network.predict_log_proba(X)), p, rtol=1e-12)


def test_cross_entropy_of_two_classes_is_as_good_as_that_of_one_logit():
    network = quick(loss=nn.CrossEntropyLoss(label_smoothing=0.05)).fit(*MOONS)
    assert network.model_.layers[-1].out_features == 2
    assert network.score(*MOONS) > 0.97


def test_a_pipeline_with_three_classes_is_cross_validated():
    pipeline = make_pipeline(StandardScaler(), quick())
    assert cross_val_score(pipeline, *load_iris(return_X_y=True), cv=3).mean() > 0.92


def test_several_labels_at_once_are_predicted_each_for_itself():
    X, y = make_multilabel_classification(200, n_features=10, n_classes=3, random_state=0)
    network = quick(epochs=300).fit(X, y)
    assert network.predict(X).shape == network.predict_proba(X).shape == (200, 3)
    assert (network.predict(X) == y).mean() > 0.9


@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers_are_predicted_in_the_shape_of_the_targets(outputs):
    X, y = make_regression(200, 5, n_targets=outputs, random_state=0)
    y = y / y.std()
    network = NeuralRegressor([16], learning_rate=0.01, random_state=0).fit(X, y)
    assert network.predict(X).shape == y.shape
    assert network.score(X, y) > 0.97


def test_float32_stays_float32():
    X, y = MOONS
    network = quick(epochs=2).fit(X.astype(np.float32), y)
    assert {p.dtype for p in network.model_.parameters()} == {np.dtype(np.float32)}
    assert network.predict_proba(X.astype(np.float32)).dtype == np.float32


def test_parts_learn_what_fit_learns_in_as_many_epochs():
    X, y = MOONS
    whole = quick(epochs=3).fit(X, y)
    parts = quick()
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


def test_a_part_may_lack_a_class_that_was_announced_but_have_no_new_one():
    X, y = MOONS
    network = quick().partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    network.partial_fit(X, y)
    with pytest.raises(ValueError, match="previously unseen labels"):
        network.partial_fit(X, y + 1)


def test_a_warm_start_goes_on_and_a_cold_one_begins_again():
    X, y = MOONS
    warm = quick(warm_start=True, epochs=5).fit(X, y)
    first = warm.history_["loss"][-1]
    assert warm.fit(X, y).history_["loss"][-1] < first
    cold = quick(epochs=5).fit(X, y)
    assert cold.fit(X, y).history_["loss"][-1] == first


def test_weights_of_samples_are_as_if_these_were_repeated():
    X, y = MOONS
    weights = np.arange(200) % 3
    weighted = quick(epochs=5, batch_size=600).fit(X, y, sample_weight=weights)
    repeated = quick(epochs=5, batch_size=600).fit(np.repeat(X, weights, 0), np.repeat(y, weights))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9)


def test_weights_of_classes_go_by_their_names():
    X, y = MOONS
    names = np.where(y, "lower", "upper")
    given = quick(class_weight={"lower": 3, "upper": 1}, epochs=5).fit(X, names)
    samples = quick(epochs=5).fit(X, names, sample_weight=np.where(y, 3, 1))
    np.testing.assert_allclose(given.predict_proba(X), samples.predict_proba(X), rtol=1e-12)
    with pytest.raises(
        ArgumentError, match=r"class_weight.* labels 'lower', 'upper', which are not"
    ):
        quick(class_weight={"upside": 3}).fit(X, names)


@pytest.mark.parametrize("absent", [0, 3, "other"])
def test_the_weight_of_a_class_that_is_absent_is_that_of_no_other(absent):
    X, y = MOONS
    given = quick(class_weight={1: 1.0, 2: 9.0}, epochs=5).fit(X, y + 1)
    more = quick(class_weight={1: 1.0, 2: 9.0, absent: 5.0}, epochs=5).fit(X, y + 1)
    np.testing.assert_array_equal(more.predict_proba(X), given.predict_proba(X))


def test_what_fit_takes_is_taken_by_the_same_name():
    lacking = {"model", "X", "y", "sample_weight", "rng"}  # others: fit's, random_state
    lacking |= {"resume_from", "may_differ", "client"}
    wanted = set(inspect.signature(nn.fit).parameters) - lacking
    assert wanted <= NeuralClassifier().get_params().keys()
    assert wanted - {"class_weight"} <= NeuralRegressor().get_params().keys()
    X, y = MOONS
    rare = np.concatenate([np.flatnonzero(y)[:10], np.flatnonzero(y == 0)])
    shares, steps = [], []

    def augment(X, y, rng):
        shares.append(y.mean())
        return X, y

    def step(training, batch):
        steps.append(len(batch[0]))
        return (training.model(batch[0]) ** 2).mean()

    shown = {"augment": augment, "compile": False, "epochs": 4}
    eager = quick(sampling="balanced", **shown).fit(X[rare], y[rare])
    assert eager.history_.backend == "eager: it was asked for"
    assert 0.35 < np.mean(shares) < 0.65
    whole = quick(batch_size=50, epochs=3).fit(X, y)
    parts = quick(batch_size=25, accumulate=2, epochs=3).fit(X, y)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    first, second = quick(step=step, epochs=2).fit(X, y).history_["running_loss"]
    assert steps == [50] * 8
    assert first == pytest.approx(second, rel=1e-12)  # as the step takes none


def test_training_stops_early_with_copies_of_the_callbacks():
    callback = nn.EarlyStopping(patience=3)
    network = quick(validation=0.2, callbacks=[callback], epochs=500).fit(*MOONS)
    assert len(network.history_["validation_loss"]) < 500
    assert pickle.dumps(callback) == pickle.dumps(nn.EarlyStopping(patience=3))
    assert network.history_.best_epoch is not None


def test_validation_targets_go_by_the_names_of_classes():
    X, y = MOONS
    names = np.where(y, "lower", "upper")
    network = quick(validation=(X[:50], names[:50]), metrics={"accuracy": nn.accuracy}, epochs=40)
    assert network.fit(X, names).history_["validation_accuracy"][-1] > 0.9


def test_layers_may_be_modules_or_a_function():
    X, y = MOONS
    dropout = quick(layers=[16, nn.Dropout(0.1, rng=0), 8]).fit(X, y)
    assert [type(layer).__name__ for layer in dropout.model_.layers] == [
        *("Dense", "Dropout", "Dense", "Dense")
    ]
    assert dropout.score(X, y) > 0.95

    def build(features, outputs):
        hidden = nn.Dense(features, 8, "tanh", rng=0)
        return nn.Sequential(hidden, nn.BatchNorm1d(8), nn.Dense(8, outputs, rng=0))

    assert quick(layers=build).fit(X, y).score(X, y) > 0.95


def test_every_optimizer_is_found_by_its_name_and_functions_are_called():
    X, y = MOONS
    for name in OPTIMIZERS:
        network = quick(optimizer=name, epochs=2).fit(X, y)
        assert type(network.optimizer_).__name__.lower() == name
    network = quick(optimizer=partial(nn.SGD, momentum=0.9), learning_rate=0.1).fit(X, y)
    assert network.optimizer_.momentum == 0.9
    schedule = nn.CosineAnnealing(0.1, steps=240)
    assert quick(learning_rate=schedule).fit(X, y).score(X, y) > 0.97
    assert vars(schedule) == vars(nn.CosineAnnealing(0.1, steps=240))


def test_an_estimator_that_was_pickled_predicts_and_goes_on_to_learn():
    X, y = MOONS
    network = quick(epochs=3).fit(X, y)
    other = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(other.predict_proba(X), network.predict_proba(X))
    a, b = (each.partial_fit(X, y).predict_proba(X) for each in (network, other))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_taken_and_their_columns_compared(library):
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    X, y = MOONS
    frame = frames.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    network = quick(epochs=5).fit(frame, y)
    assert network.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(
        network.predict_proba(frame), quick(epochs=5).fit(X, y).predict_proba(X)
    )
    with pytest.raises(ValueError, match="feature names"):
        network.predict(frame[["b", "a"]])


def test_the_columns_of_frames_to_validate_with_are_compared_too():
    pandas = pytest.importorskip("pandas")
    X, y = MOONS
    frame = pandas.DataFrame(X, columns=["first", "second"])
    network = quick(epochs=1, validation=(frame[["second", "first"]], y))
    with pytest.raises(ValueError, match="feature names should match"):
        network.fit(frame, y)
    network.set_params(validation=(frame, pandas.Series(y, index=range(200, 0, -1))))
    assert len(network.fit(frame, y).history_["validation_loss"]) == 1


def masked(values):
    return np.ma.masked_array(values, np.asarray(values) > 0.9)


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor])
@pytest.mark.parametrize("row_by_row", [False, True])
def test_masks_are_refused_which_scikit_learn_would_drop(kind, row_by_row):
    X, y = MOONS
    given = [masked(row) for row in X] if row_by_row else masked(X)
    network = kind([2], epochs=1).fit(X, y)
    for use in (
        lambda: kind([2], epochs=1).fit(given, y),
        lambda: kind([2], epochs=1).fit(X, masked(y)),
        lambda: kind([2], epochs=1).partial_fit(given, y),
        lambda: kind([2], epochs=1, validation=(given, y)).fit(X, y),
        lambda: kind([2], epochs=1, validation=(X, masked(y))).fit(X, y),
        lambda: network.predict(given),
        lambda: network.score(given, y),
    ):
        with pytest.raises(UnsupportedError, match=r"x\.filled\(0\)"):
            use()


def test_what_cannot_be_learned_is_refused():
    X, y = MOONS
    with pytest.raises(NotFittedError):
        quick().predict(X)
    with pytest.raises(ArgumentError, match="one class, 1"):
        quick().fit(X, np.ones(200, dtype=int))
    with pytest.raises(ArgumentError, match="probabilities are made of logits"):
        quick(loss="hinge").fit(X, y)
    with pytest.raises(ArgumentError, match="by a softmax for 3 classes"):
        quick(loss="bce_with_logits").fit(X, np.arange(200) % 3)
    with pytest.raises(ArgumentError, match="columns are targets of several classes"):
        quick().fit(X, np.arange(400).reshape(200, 2) % 3)
    with pytest.raises(ArgumentError, match="each sample has several labels"):
        quick(class_weight="balanced").fit(X, np.stack([y, y], axis=1))
    for wrong in ({"optimizer": "lbfgs"}, {"layers": [0]}, {"layers": ["16"]}, {"epochs": 0}):
        with pytest.raises(ArgumentError):
            quick(**wrong).fit(X, y)
    for layers in (16, "16", None, nn.Dense(2, 1)):
        with pytest.raises(UnsupportedError, match="neither a list of hidden layers nor a funct"):
            quick(layers=layers).fit(X, y)
    told = (
        r"with layers, a function: it is called with 2 arguments.*def layers\(features, outputs\)"
    )
    with pytest.raises(UnsupportedError, match=told):
        quick(layers=lambda: nn.Dense(4, 3)).fit(X, y)
    with pytest.raises(ArgumentError, match="warm_start='yes'"):
        quick(warm_start="yes").fit(X, y)


def test_attributes_of_scikit_learns_networks_are_told_by_what_has_them_here():
    fitted = quick(epochs=2).fit(*MOONS)
    with pytest.raises(MissingNameError, match=r'Write history_\["running_loss"\]$'):
        print(fitted.loss_curve_)
    assert len(fitted.history_["running_loss"]) == 2
    assert not hasattr(fitted, "coefs_")


def test_a_random_state_rules_all_that_is_drawn_and_disturbs_no_one_else():
    class Noisy(nn.Module):
        def __init__(self, n_in, n_out):
            self.dense = nn.Dense(n_in, n_out)

        def forward(self, x):
            return self.dense(nn.Dropout(0.5).train()(x) if self.training else x)

    X = np.random.default_rng(0).normal(size=(24, 3))
    dropout = nn.Dropout(0.5)
    for layers in (
        (8, nn.Dropout(0.5)),
        (8, nn.Sequential(nn.Dense(8, 8, rng=0), dropout)),
        lambda n_in, n_out: nn.Sequential(nn.Dense(n_in, 8), nn.Dropout(0.5), nn.Dense(8, n_out)),
        lambda n_in, n_out: nn.Sequential(nn.Dense(n_in, 8), dropout, nn.Dense(8, n_out)),
        Noisy,
    ):
        network = NeuralRegressor(layers, random_state=0, epochs=5, batch_size=8)
        nn.manual_seed(1)
        first = network.fit(X, X[:, 0]).predict(X)
        after = nn.Dense(1, 1).weight.item()
        nn.manual_seed(1)
        assert after == nn.Dense(1, 1).weight.item()
        for again in (network, clone(network)):
            np.testing.assert_array_equal(first, again.fit(X, X[:, 0]).predict(X))
        other = clone(network).set_params(random_state=1).fit(X, X[:, 0])
        assert not np.array_equal(first, other.predict(X))
        parts = [clone(network) for _ in range(2)]
        found = [part.partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0]).predict(X) for part in parts]
        np.testing.assert_array_equal(*found)
