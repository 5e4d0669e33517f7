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
from training_runs import LABELS, X, Y

import nn
from autograd_lite.errors import ArgumentError


def assert_resumes_bit_for_bit(tmp_path, epoch, batch=1, **options):
    path = interrupted(tmp_path, epoch, batch, **options)
    resumed = Run(**options).fit(resume_from=path)
    assert_same_run(resumed, Run(**options).fit())


@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_whichever_epoch_is_interrupted(tmp_path, epoch):
    assert_resumes_bit_for_bit(tmp_path, epoch)


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_whichever_batch_is_interrupted(tmp_path, batch):
    assert_resumes_bit_for_bit(tmp_path, 3, batch)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on(tmp_path, optimizer):
    assert_resumes_bit_for_bit(tmp_path, 3, optimizer=optimizer)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epoch", [1, 4])
def test_schedules_go_on(tmp_path, schedule, epoch):
    callbacks = lambda o: [SCHEDULES[schedule](o)]  # noqa: E731
    run = Run(callbacks=callbacks, validation=(X[:5], -Y[:5])).fit()
    assert run.optimizer.learning_rate != 0.01
    assert_resumes_bit_for_bit(tmp_path, epoch, callbacks=callbacks, validation=(X[:5], -Y[:5]))


@pytest.mark.parametrize("validation", [None, (X[:5], Y[:5] ** 2), 0.4])
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
    model = lambda: nn.Sequential(nn.Dense(3, 2, rng=0), nn.Dropout(0.1, rng=1))  # noqa: E731
    weights = np.arange(1.0, 13.0)
    assert_resumes_bit_for_bit(tmp_path, 4, model=model, sample_weight=weights, **options)


@pytest.mark.parametrize("epoch", [1, 3, 5, 7])
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
    "bit_generator", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM]
)
def test_every_generator_of_numpy_goes_on(tmp_path, bit_generator):
    class Other(Run):
        def __init__(self):
            super().__init__()
            self.rng = np.random.Generator(bit_generator(5))

    path = tmp_path / "run.safetensors"
    Other().fit(nn.Checkpoint(path), ctrl_c(3, 0))
    assert_same_run(Other().fit(resume_from=path), Other().fit())


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
