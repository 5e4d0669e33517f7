"""Callbacks that write logs: what is in the files, and what a full disk leaves behind."""

import csv
import os
import resource
import struct
import sys

import numpy as np
import pandas as pd
import pytest
from looping import looped
from training_runs import assert_same, fit, hook, line, normalized, parameters

import nn
from autograd_lite.errors import AutogradError, FileError, MissingPackageError


def rows(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def of_files(folder, kind):
    """The events of a kind in all files of a folder."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            if event.WhichOneof("what") == kind:
                yield event


def events(folder):
    """The summaries in all files of a folder, as (step, tag, value)."""
    return [
        (event.step, value.tag, value)
        for event in of_files(folder, "summary")
        for value in event.summary.value
    ]


def test_a_csv_log_has_the_figures_to_the_last_bit(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("older")
    history = fit(line(), callbacks=[nn.CSVLog(path)], validation=0.25, evaluate_every=2)
    frame = pd.read_csv(path)
    assert list(frame) == ["epoch", *history, "learning_rate"]
    assert frame["epoch"].tolist() == [1, 2, 3]
    assert frame["learning_rate"].tolist() == [0.05] * 3
    _, *lines = rows(path)
    for place, figures in enumerate(history.values(), 1):
        np.testing.assert_array_equal([float(each[place]) for each in lines], figures)


def test_a_csv_log_is_there_while_training_goes_on(tmp_path):
    path, seen = tmp_path / "log.csv", []
    fit(
        line(),
        callbacks=[nn.CSVLog(path), hook("epoch_end", lambda t: seen.append(len(rows(path))))],
    )
    assert seen == [2, 3, 4]


def test_a_csv_log_of_several_optimizers_has_the_figures_of_their_step(tmp_path):
    path, model = tmp_path / "log.csv", line()
    optimizers = {"weight": nn.SGD([model.weight], 0.1), "bias": nn.SGD([model.bias], 0.2)}

    def step(training, batch):
        loss = nn.MSELoss()(training.model(batch[0]), batch[1])
        loss.backward()
        for optimizer in training.optimizers.values():
            optimizer.step()
            optimizer.zero_grad()
        return {"mine": loss}

    fit(model, optimizer=optimizers, step=step, callbacks=[nn.CSVLog(path)], epochs=2)
    header, *lines = rows(path)
    assert header[-3:] == ["mine", "weight_learning_rate", "bias_learning_rate"]
    assert [each[-2:] for each in lines] == [["0.1", "0.2"]] * 2


def test_the_learning_rates_of_all_groups_are_logged(tmp_path):
    path, folder, model = tmp_path / "log.csv", tmp_path / "board", line()
    groups = [
        {"parameters": [model.weight], "learning_rate": nn.ExponentialDecay(0.1, factor=0.5)},
        {"parameters": [model.bias], "learning_rate": 0.01},
    ]
    optimizer = nn.SGD(groups, 0.5)
    log = nn.CSVLog(path)
    fit(
        model, optimizer=optimizer, epochs=2, batch_size=12, callbacks=[log, nn.TensorBoard(folder)]
    )
    frame = pd.read_csv(path)
    assert frame["learning_rate"].tolist() == [0.05, 0.025]
    assert frame["learning_rate_1"].tolist() == [0.01, 0.01]
    logged = {(step, tag): value.simple_value for step, tag, value in events(folder)}
    assert logged[2, "learning_rate"] == np.float32(0.025)
    assert logged[2, "learning_rate_1"] == np.float32(0.01)


def test_a_figure_called_like_a_learning_rate_is_logged_in_its_place(tmp_path):
    path, folder = tmp_path / "log.csv", tmp_path / "board"

    def step(training, batch):
        loss = nn.MSELoss()(training.model(batch[0]), batch[1])
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()
        return {"error": loss, "learning_rate": 7.0 + training.epoch}

    fit(line(), step=step, epochs=2, callbacks=[nn.CSVLog(path), nn.TensorBoard(folder)])
    frame = pd.read_csv(path)
    assert rows(path)[0].count("learning_rate") == 1
    assert frame["learning_rate"].tolist() == [7.0, 8.0]
    found = [(s, v.simple_value) for s, tag, v in events(folder) if tag == "learning_rate"]
    assert found == [(1, 7.0), (2, 8.0)]


def test_a_csv_log_goes_on_with_the_training(tmp_path):
    def train(name, epochs, **options):
        log = nn.CSVLog(tmp_path / f"{name}.csv")
        saved = nn.Checkpoint(tmp_path / "run.safetensors")
        fit(line(), epochs=epochs, callbacks=[log, saved], **options)
        return rows(log.path)

    straight = train("straight", 4)
    train("first", 2)
    assert train("then", 4, resume_from=tmp_path / "run.safetensors") == straight


def test_tensorboard_has_scalars_and_histograms(tmp_path):
    model = normalized()
    model[0].bias.requires_grad = False
    log = nn.TensorBoard(tmp_path / "runs" / "first", histograms=2)
    history = fit(model, epochs=4, callbacks=[log])
    found = events(tmp_path / "runs" / "first")
    for name, figures in history.items():
        logged = [value.simple_value for step, tag, value in found if tag == name]
        np.testing.assert_allclose(logged, figures, rtol=1e-6)
    tags = {(step, tag): value for step, tag, value in found}
    assert tags[3, "learning_rate"].simple_value == pytest.approx(0.05)
    names = [name for name, _ in model.named_parameters()]
    wanted = {(step, f"weights/{name}") for step in (2, 4) for name in names}
    wanted |= {(step, f"gradients/{name}") for step in (2, 4) for name in names if name != "0.bias"}
    assert {key for key in tags if "/" in key[1]} == wanted
    weights = tags[4, "weights/2.weight"].histo
    array = model[2].weight.data
    assert weights.num == array.size
    assert weights.sum == pytest.approx(array.sum())
    assert weights.max == pytest.approx(array.max())


def graph_in(folder):
    """The nodes of the only graph in the files of a folder, by name."""
    from tensorboardX.proto.graph_pb2 import GraphDef

    (graph,) = [GraphDef.FromString(event.graph_def) for event in of_files(folder, "graph_def")]
    return {node.name: node for node in graph.node}


def test_tensorboard_has_the_graph_of_the_model_by_its_modules(tmp_path):
    block = nn.Residual(nn.Dense(3, 3, rng=1))
    model = nn.Sequential(nn.Dense(1, 3, "relu", rng=0), block, lambda x: x.sum(axis=1))
    X = np.linspace(-1, 1, 48).reshape(48, 1)
    log, optimizer = nn.TensorBoard(tmp_path), nn.SGD(model.parameters(), 0.01)
    history = nn.fit(
        model, X, X[:, 0], loss="mse", optimizer=optimizer, epochs=4, batch_size=8, callbacks=[log]
    )
    assert history.backend == "numpy"
    nodes = graph_in(tmp_path)
    kinds = [(node.name.rpartition("_")[0], node.op) for node in nodes.values() if node.input]
    assert kinds == [
        *(("0/affine", "affine"), ("0/relu", "relu")),
        *(("1/block/affine", "affine"), ("1/add", "add"), ("2/sum", "sum")),
    ]
    added = next(node for node in nodes.values() if node.op == "add")
    assert [nodes[name].op for name in added.input] == ["affine", "relu"]
    (shape,) = added.attr["_output_shapes"].list.shape
    assert [each.size for each in shape.dim] == [8, 3]
    assert list(next(node for node in nodes.values() if node.op == "affine").input) == [
        *("input_0", "0/weight", "0/bias")
    ]
    assert not any(module._forward_hooks for _, module in model.named_modules())


def test_histograms_of_numbers_that_are_almost_equal_have_one_bin(tmp_path):
    model = normalized()
    frozen = model[0].bias
    frozen.requires_grad, frozen.data = False, 1 + np.arange(frozen.size) * 2**-52
    fit(model, callbacks=[nn.TensorBoard(tmp_path, histograms=1)], epochs=1)
    (found,) = [value for _, tag, value in events(tmp_path) if tag == "weights/0.bias"]
    assert sum(found.histo.bucket) == frozen.size


def test_each_training_has_a_tensorboard_file_of_its_own(tmp_path):
    log = nn.TensorBoard(tmp_path)
    for _ in range(2):
        fit(line(), callbacks=[log])
    assert len(list(tmp_path.iterdir())) == 2


def limited(size):
    """A callback after whose epoch no file may grow beyond some bytes, as on a full disk."""

    def limit(training):
        if training.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size(), before[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    return hook("epoch_end", limit), before


@looped("kind", [nn.CSVLog, nn.TensorBoard])
def test_a_full_disk_ends_the_training_with_its_reason(kind, tmp_path):
    path = tmp_path / f"{kind.__name__}"
    log = kind(path)

    def size():
        file = path if path.is_file() else next(path.iterdir())
        return file.stat().st_size + 9

    first, before = limited(size)
    model, same = line(), line()
    try:
        with pytest.raises(FileError, match=f"{kind.__name__} in .*File too large") as caught:
            fit(model, epochs=5, callbacks=[first, log])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value, OSError)
    expected = fit(same, epochs=2)
    assert caught.value.history == expected
    assert caught.value.history.stop_reason == "ended by FileError"
    assert_same(parameters(model), parameters(same))
    if kind is nn.CSVLog:
        assert [each[0] for each in rows(path)] == ["epoch", "1"]


def test_what_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("a")
    model = line()
    before = parameters(model)
    for log in (
        nn.CSVLog(tmp_path / "nowhere" / "log.csv"),
        nn.CSVLog(tmp_path),
        nn.CSVLog(os.devnull),
        nn.TensorBoard(tmp_path / "file"),
    ):
        with pytest.raises(FileError, match=f"{type(log).__name__} in"):
            fit(model, callbacks=[log])
    assert_same(parameters(model), before)


def test_a_history_as_a_frame_and_as_a_table(monkeypatch):
    history = fit(line(), epochs=9)
    frame = history.frame()
    assert frame.index.name == "epoch"
    assert {name: frame[name].tolist() for name in frame} == dict(history)
    table = history._repr_html_()
    assert table.count("<tr>") == 1 + 3 + 1 + 3
    assert "every epoch done" in table
    assert f"<td>9</td><td>{history['running_loss'][-1]:.4g}</td>" in table
    with pytest.raises(AttributeError, match=r'History.history: .*Write history\["loss"\]'):
        _ = history.history
    assert nn.History({"<b>": [1.0]})._repr_html_().count("&lt;b&gt;") == 1
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="pandas"):
        history.frame()
    with pytest.raises(AutogradError, match="accuracy='a'"):
        history.record(accuracy="a")
    assert history.epochs == 9
