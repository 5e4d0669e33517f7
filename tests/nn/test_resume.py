"""resume_from: a run that was interrupted ends as if it had not been, bit for bit."""

import numpy as np
import pytest
from resumed_runs import (
    EPOCHS,
    OPTIMIZERS,
    SCHEDULES,
    Run,
    assert_same_run,
    ctrl_c,
    dropped,
    interrupted,
    watching,
)
from tiers import in_second_tier
from training_runs import LABELS, X, Y, assert_same, hook, parameters

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError


def assert_resumes_bit_for_bit(tmp_path, epoch, batch=1, run=Run, **options):
    path = interrupted(tmp_path, epoch, batch, run, **options)
    resumed, whole = run(**options).fit(resume_from=path), run(**options).fit()
    assert_same_run(resumed, whole)
    return resumed, whole


@pytest.mark.parametrize("epoch", in_second_tier(range(1, EPOCHS), but=(1, EPOCHS - 1)))
def test_whichever_epoch_is_interrupted(tmp_path, epoch):
    assert_resumes_bit_for_bit(tmp_path, epoch)


@pytest.mark.parametrize("batch", in_second_tier([0, 1, 2], but=(2,)))
def test_whichever_batch_is_interrupted(tmp_path, batch):
    assert_resumes_bit_for_bit(tmp_path, 3, batch)


@pytest.mark.parametrize(
    "optimizer",
    in_second_tier(OPTIMIZERS, but=("Adam with groups", "NAdam", "average", "a schedule")),
)
def test_every_optimizer_goes_on(tmp_path, optimizer):
    assert_resumes_bit_for_bit(tmp_path, 3, optimizer=optimizer)


@pytest.mark.parametrize("schedule", in_second_tier(SCHEDULES, but=("plateau", "warm-up")))
@pytest.mark.parametrize("epoch", in_second_tier([1, 4], but=[4]))
def test_schedules_go_on(tmp_path, schedule, epoch):
    callbacks = lambda o: [SCHEDULES[schedule](o)]
    options = {"callbacks": callbacks, "validation": (X[:5], -Y[:5])}
    _, whole = assert_resumes_bit_for_bit(tmp_path, epoch, **options)
    assert whole.optimizer.learning_rate != 0.01


@pytest.mark.parametrize(
    "validation",
    [None, pytest.param((X[:5], Y[:5] ** 2), marks=pytest.mark.exhaustive), 0.4],
)
def test_validation_and_its_split_go_on(tmp_path, validation):
    metrics = {"mae": lambda p, t: abs(p - t).mean()}
    assert_resumes_bit_for_bit(tmp_path, 4, validation=validation, metrics=metrics)


@pytest.mark.parametrize("validation", [None, 0.4])
def test_the_generator_that_a_resumed_run_is_given_does_not_matter(tmp_path, validation):
    path = interrupted(tmp_path, 4, validation=validation)
    resumed = Run(validation=validation)
    resumed.rng = np.random.default_rng(99)
    assert_same_run(resumed.fit(resume_from=path), Run(validation=validation).fit())


def test_float32_goes_on(tmp_path):
    assert_resumes_bit_for_bit(tmp_path, 4, model=lambda: dropped(np.float32))


def test_weights_of_samples_and_classes_go_on(tmp_path):
    options = {"y": LABELS, "loss": nn.CrossEntropyLoss(), "class_weight": "balanced"}
    model = lambda: nn.Sequential(nn.Dense(3, 2, rng=0), nn.Dropout(0.1, rng=1))
    weights = np.arange(1.0, 13.0)
    assert_resumes_bit_for_bit(tmp_path, 4, model=model, sample_weight=weights, **options)


@pytest.mark.parametrize("epoch", in_second_tier([1, 3, 5, 7], but=[7]))
@pytest.mark.parametrize("targets", [Y[:5], -Y[:5]], ids=["learns", "stops early"])
def test_callbacks_go_on(tmp_path, epoch, targets):
    options = {"callbacks": watching, "validation": (X[:5], targets)}
    whole = Run(**options).fit()
    n_epochs = len(whole.history["loss"])
    if epoch >= n_epochs:
        epoch = n_epochs - 1
    path = interrupted(tmp_path, epoch, **options)
    resumed = Run(**options).fit(resume_from=path)
    assert_same_run(resumed, whole)
    monitor, stopping, other, other_stopping = (
        run.callbacks[index] for run in (resumed, whole) for index in (0, 2)
    )
    assert monitor.norms == other.norms
    assert stopping.best_epoch == other_stopping.best_epoch
    assert stopping.best_value == other_stopping.best_value
    assert stopping.reason == other_stopping.reason


def test_a_run_that_had_stopped_early_stays_stopped_unless_patience_grows(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"validation": (X[:5], -Y[:5])}
    patient = {"callbacks": lambda o: [nn.EarlyStopping(patience=5)], **options}
    short = {"callbacks": lambda o: [nn.EarlyStopping(patience=2)], **options}
    stopped = Run(**short).fit(nn.Checkpoint(path))
    assert len(stopped.history["loss"]) < EPOCHS - 1
    assert_same_run(Run(**short).fit(resume_from=path), stopped)
    assert_same_run(Run(**patient).fit(resume_from=path), Run(**patient).fit())


def test_a_run_can_be_interrupted_again_and_again(tmp_path):
    path = tmp_path / "run.safetensors"
    Run().fit(nn.Checkpoint(path), ctrl_c(2, 1))
    for epoch in (4, 6):
        Run().fit(nn.Checkpoint(path), ctrl_c(epoch, 0), resume_from=path)
    assert_same_run(Run().fit(resume_from=path), Run().fit())


def test_a_run_that_is_done_can_be_made_longer(tmp_path):
    path = tmp_path / "run.safetensors"
    Run().fit(nn.Checkpoint(path), epochs=3)
    assert_same_run(Run().fit(resume_from=path), Run().fit())
    assert_same_run(Run().fit(epochs=3, resume_from=path), Run().fit(epochs=3))


def test_epochs_that_are_fewer_than_those_done_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    Run().fit(nn.Checkpoint(path), epochs=3)
    run = Run()
    before = parameters(run.model)
    with pytest.raises(ArgumentError, match="epochs is 2, and 3 were done"):
        run.fit(epochs=2, resume_from=path)
    assert_same(parameters(run.model), before)


def test_a_generator_that_layers_and_fit_share_is_one_afterwards(tmp_path):
    class Shared(Run):
        def __init__(self):
            super().__init__()
            for _, module in self.model.named_modules():
                if isinstance(module, nn.Dropout):
                    module.rng = self.rng

    path = tmp_path / "run.safetensors"
    Shared().fit(nn.Checkpoint(path), ctrl_c(3, 0))
    resumed = Shared().fit(resume_from=path)
    assert_same_run(resumed, Shared().fit())
    with pytest.raises(ArgumentError, match="generators"):
        Run().fit(resume_from=path)


@pytest.mark.parametrize(
    "bit_generator",
    in_second_tier(
        [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM],
        but=[np.random.MT19937, np.random.PCG64DXSM],
    ),
)
def test_every_generator_of_numpy_goes_on(tmp_path, bit_generator):
    class Other(Run):
        def __init__(self):
            super().__init__()
            self.rng = np.random.Generator(bit_generator(5))

    path = tmp_path / "run.safetensors"
    Other().fit(nn.Checkpoint(path), ctrl_c(3, 0))
    assert_same_run(Other().fit(resume_from=path), Other().fit())


class Noisy(nn.Module):
    """Adds noise of a generator that is found in some way."""

    def __init__(self, draw, **held):
        self.inner = dropped()
        self.draw = draw
        vars(self).update(held)

    def forward(self, x):
        return self.inner(x) + self.draw(self) if self.training else self.inner(x)


NOISY = {
    "in a dict of lists": lambda: Noisy(
        lambda self: self.draws["noise"][1].normal(),
        draws={"noise": [0.0, np.random.default_rng(6)]},
    ),
    "a RandomState": lambda: Noisy(lambda self: self.old.normal(), old=np.random.RandomState(6)),
    "the global one": lambda: Noisy(lambda self: np.random.normal()),
}


@pytest.mark.parametrize("model", NOISY.values(), ids=NOISY)
def test_generators_go_on_wherever_modules_find_them(tmp_path, model):
    class Seeded(Run):
        def fit(self, *others, **options):
            np.random.seed(7)
            return super().fit(*others, **options)

    # Nine draws until the checkpoint: of a pair that RandomState drew one number is left.
    assert_resumes_bit_for_bit(tmp_path, 3, run=Seeded, model=model)


class Scaled(Run):
    """The optimizer learns a number that only the loss knows."""

    def __init__(self, kind=nn.Parameter):
        self.scale = kind(np.array(1.5))
        self.scale.requires_grad = True
        super().__init__(loss=lambda p, t: np.square(p * self.scale - t).mean())
        self.optimizer = nn.Adam([*self.model.parameters(), self.scale], learning_rate=0.01)


class ScaledTensor(Scaled):
    def __init__(self):
        super().__init__(Tensor)


@pytest.mark.parametrize("run", [Scaled, ScaledTensor])
def test_parameters_that_only_the_optimizer_holds_go_on(tmp_path, run):
    resumed, whole = assert_resumes_bit_for_bit(tmp_path, 3, run=run)
    assert resumed.scale.data.tobytes() == whole.scale.data.tobytes()
    assert resumed.scale.data != 1.5
    with pytest.raises(ArgumentError, match="what the optimizer holds and the model lacks is"):
        Run().fit(resume_from=tmp_path / "run.safetensors")


def test_parameters_that_were_frozen_or_learned_stay_so(tmp_path):
    class Thawing(Run):
        def __init__(self):
            super().__init__()
            self.first, self.last = self.model.layers[0], self.model.layers[-1]
            self.first.weight.requires_grad = False

        def fit(self, *others, **options):
            return super().fit(hook("epoch_end", self.thaw, epoch=1), *others, **options)

        def thaw(self, training):
            self.first.weight.requires_grad = True
            self.last.bias.requires_grad = False

    resumed, _ = assert_resumes_bit_for_bit(tmp_path, 4, run=Thawing)
    assert resumed.first.weight.requires_grad
    assert not resumed.last.bias.requires_grad


def test_a_callback_whose_state_is_told_by_the_instance_goes_on(tmp_path):
    def counting(optimizer):
        callback = nn.Callback()
        callback.n = 0
        callback.epoch_end = lambda training: vars(callback).update(n=callback.n + 1)
        callback.state_dict = lambda: {"n": callback.n}
        callback.load_state_dict = vars(callback).update
        return [callback]

    resumed, whole = assert_resumes_bit_for_bit(tmp_path, 3, callbacks=counting)
    assert resumed.callbacks[0].n == whole.callbacks[0].n == EPOCHS


class Counter(nn.Callback):
    """Has arrays, numbers and None in its state, and nothing at first."""

    def __init__(self):
        self.state = {}

    def epoch_end(self, training):
        total = self.state.get("total", np.zeros(2))
        self.state["total"] = np.add(total, [1, training.history["loss"][-1]])
        self.state |= {"best": None, "nested": [{"seen": [1, 2.5, "three", True]}]}

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = dict(state)


def test_callbacks_of_ones_own_go_on(tmp_path):
    options = {"callbacks": lambda o: [Counter()]}
    path = interrupted(tmp_path, 3, **options)
    resumed, whole = Run(**options).fit(resume_from=path), Run(**options).fit()
    state, other = resumed.callbacks[0].state, whole.callbacks[0].state
    assert state.pop("total").tolist() == other.pop("total").tolist()
    assert state == other


@pytest.mark.parametrize("average", [nn.ExponentialMovingAverage, nn.StochasticWeightAveraging])
def test_a_run_that_stopped_early_ends_with_the_same_average_when_it_is_resumed(tmp_path, average):
    path = tmp_path / "run.safetensors"
    callbacks = lambda o: [nn.EarlyStopping(2), average()]
    options = {"callbacks": callbacks, "validation": (X[:5], -3 * Y[:5]), "optimizer": "average"}
    whole = Run(**options).fit(nn.Checkpoint(path))
    assert whole.history.epochs < EPOCHS
    assert_same_run(Run(**options).fit(resume_from=path), whole)
