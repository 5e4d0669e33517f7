"""Callbacks that write down how a training goes, for other programs."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import WHOLE, require_path
from autograd_lite.errors import needed
from autograd_lite.foreign import on_host
from autograd_lite.node import Node, arrays_in, plain
from autograd_lite.trees import leaves_of
from autograd_lite.whole_files import FileName, in_words, write_file
from nn.calls import HookHandle
from nn.declared import Declared, declared
from nn.module import Module
from nn.schema import FLOAT
from nn.training.callback import Callback, Training


class FirstCall:
    """Watches the first call of a model that is recorded, by forward hooks, and tells its graph.

    Args:
        model: what is called.
        tell: what is given the graph then, a `GraphDef`.
    """

    def __init__(self, model: Module, tell: Callable[[Any], None]) -> None:
        self._model, self._tell = model, tell
        self._names: dict[int, str] = {}
        self._nodes: list[Any] = []
        self._kept: list[Any] = []  # what is named by its id is not to be another's meanwhile
        self._handles: list[HookHandle] = [
            module.register_forward_hook(partial(self._after, path.replace(".", "/")))
            for path, module in model.named_modules()
        ]

    def stop(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def _after(self, path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        for number, x in enumerate(leaves_of(inputs)):
            self._leaf(f"input_{number}", "Placeholder", x)
        for tensor in leaves_of(output):
            if isinstance(tensor, Tensor):
                self._computed(path, tensor)
        if module is self._model:
            self.stop()
            if any(node.input for node in self._nodes):
                self._tell(_graph(self._nodes))

    def _computed(self, path: str, tensor: Node) -> None:
        """Write what is not written yet of what a tensor comes from, which a module computed."""
        waiting = [tensor]
        while waiting:
            node = waiting[-1]
            parts = arrays_in(node.arguments) if node.operation is not None else []
            missing = [x for x in parts if isinstance(x, Node) and id(x) not in self._names]
            if id(node) in self._names or not missing:
                waiting.pop()
                self._write(path, node, parts)
            else:
                waiting += missing

    def _write(self, path: str, node: Node, parts: Iterable[Any]) -> None:
        if node.operation is None:
            self._leaf(node.name or "tensor", "Variable", node)
        elif id(node) not in self._names:
            for x in parts:
                self._leaf("constant", "Const", x)
            kind = node.operation.name
            name = "/".join(filter(None, (path, f"{kind}_{len(self._nodes)}")))
            self._add(name, kind, node, [self._names[id(x)] for x in parts])

    def _leaf(self, name: str, kind: str, x: Any) -> None:
        """Write what is not computed, unless it is there."""
        if id(x) not in self._names and hasattr(x, "shape"):
            name = name.replace(".", "/")
            taken = name in self._names.values()
            self._add(f"{name}_{len(self._nodes)}" if taken else name, kind, x, [])

    def _add(self, name: str, kind: str, x: Any, inputs: list[str]) -> None:
        from tensorboardX.proto.attr_value_pb2 import AttrValue
        from tensorboardX.proto.node_def_pb2 import NodeDef
        from tensorboardX.proto.tensor_shape_pb2 import (
            TensorShapeProto,
        )

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in x.shape])
        shapes = AttrValue(list=AttrValue.ListValue(shape=[shape]))
        self._names[id(x)] = name
        self._kept.append(x)
        self._nodes.append(
            NodeDef(name=name, op=kind, input=inputs, attr={"_output_shapes": shapes})
        )


def _graph(nodes: list[Any]) -> Any:
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.versions_pb2 import VersionDef

    return GraphDef(node=nodes, versions=VersionDef(producer=22))


BINS = 64
"""Of a histogram."""
REMEDY = "Make room, or write elsewhere; the model and its history are as they were"


class CSVLog(Declared, Callback):
    """Write a line of comma-separated values after each epoch: number, figures, learning rates.

    The learning rates of further groups are called "learning_rate_1" and so on. An existing file is
    replaced. When training resumes from a checkpoint, the file contains all epochs, including those
    before.

    Args:
        path: the file's name, usually ending in .csv.

    Raises:
        UnsupportedError: the path is not the name of a file.
        FileError: at the start of training, or after an epoch, the file cannot be written; lines in
            it are complete.

    >>> import nn, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
    >>> model = nn.Dense(1, 1, weight_init="zeros")
    >>> history = nn.fit(model, np.ones((4, 1)), np.ones((4, 1)), loss="mse", epochs=2,
    ...                  optimizer=nn.SGD(model.parameters(), 0.25), callbacks=[CSVLog(path)])
    >>> print(Path(path).read_text())
    epoch,running_loss,loss,learning_rate
    1,1.0,0.0,0.25
    2,0.0,0.0,0.25
    <BLANKLINE>
    """

    path: FileName = declared()

    state_ranges: ClassVar = {"learning_rates": [[FLOAT]]}

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        require_path(values["path"], "CSVLog in")

    def _set_up(self) -> None:
        self.learning_rates: list[list[float]] = []
        """Those of the optimizers, in each epoch."""
        self._columns: list[str] = []

    def fit_start(self, training: Training) -> None:
        """Begin the file; refuse what cannot be written."""
        self.learning_rates = self.learning_rates[: training.epoch]
        self._write(training)

    def epoch_end(self, training: Training) -> None:
        """Add a line, or where there are new figures, write all again."""
        self.learning_rates.append(list(_rates(training).values()))
        if self._columns != _columns(training):
            self._write(training)
            return
        line = _lines([self._row(training, training.epoch)]).encode()
        with (
            in_words(f"CSVLog in {self.path}", REMEDY),
            open(self.path, "ab", buffering=0) as file,
        ):
            size = file.tell()
            try:
                while line:
                    line = line[file.write(line) :]
            except BaseException:
                file.truncate(size)
                raise

    def _write(self, training: Training) -> None:
        self._columns = _columns(training)
        rows = [self._row(training, epoch) for epoch in range(len(self.learning_rates))]
        content = _lines([self._columns, *rows]).encode()
        write_file(self.path, content, f"CSVLog in {self.path}")

    def _row(self, training: Training, epoch: int) -> list[Any]:
        figures = [values[epoch] for values in training.history.values()]
        rates = zip(_rates(training), self.learning_rates[epoch])
        others = [rate for name, rate in rates if name not in training.history]
        return [epoch + 1, *figures, *others]


def _rates(training: Training) -> dict[str, float]:
    """The learning rates of the optimizers, by names that figures can have, too: those count."""
    found = {}
    for name, optimizer in training.optimizers.items():
        own = f"{name}_learning_rate" if name else "learning_rate"
        for number, group in enumerate(optimizer.groups):
            rate = optimizer._rate(group["learning_rate"])
            found[f"{own}_{number}" if number else own] = float(rate)
    return found


def _columns(training: Training) -> list[str]:
    return ["epoch", *dict.fromkeys([*training.history, *_rates(training)])]


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class TensorBoard(Declared, Callback):
    """Write figures for TensorBoard, the model's graph, and histograms of weights and gradients.

    Each training writes its own file into the folder. It includes the learning rates of all groups,
    and the graph of what the model computed when it was first called. Gradients are those of the
    epoch's last step.

    Args:
        folder: where to write; it is created if needed.
        histograms: epochs from one set of histograms to the next; 0 for none.

    Raises:
        ArgumentError: `histograms` is not a whole number of at least 0.
        UnsupportedError: the folder is not the name of one.
        MissingPackageError: at the start of training, tensorboardX is not installed.
        FileError: at the start of training, or after an epoch, nothing can be written there.

    >>> import nn, os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> model = nn.Dense(1, 1, rng=0)
    >>> history = nn.fit(model, np.ones((4, 1)), np.ones((4, 1)), loss="mse", epochs=2,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[TensorBoard(folder)])
    >>> len(os.listdir(folder))
    1
    """

    folder: FileName = declared()
    histograms: int = declared(WHOLE, default=0)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        require_path(values["folder"], "TensorBoard in")

    def _set_up(self) -> None:
        self._writer: Any = None
        self._first_call: FirstCall | None = None

    def fit_start(self, training: Training) -> None:
        """Begin a file."""
        with needed("nn.TensorBoard", "tensorboardX", "autograd-lite[tensorboard]"):
            from tensorboardX.record_writer import RecordWriter
        # Not its SummaryWriter: that one writes in a thread, where errors are lost.
        name = f"events.out.tfevents.{int(time.time())}.{os.urandom(4).hex()}"
        with in_words(f"TensorBoard in {self.folder}", "Give a folder that can be written to"):
            os.makedirs(self.folder, exist_ok=True)
            self._writer = RecordWriter(str(Path(self.folder, name)))
        self._write([_event(file_version="brain.Event:2")])
        self._first_call = FirstCall(training.model, self._write_graph)

    def _write_graph(self, graph: Any) -> None:
        self._write([_event(graph_def=graph.SerializeToString())])

    def _write(self, events: Iterable[Any]) -> None:
        with in_words(f"TensorBoard in {self.folder}", REMEDY):
            for event in events:
                self._writer.write(event.SerializeToString())
            self._writer.flush()

    def epoch_end(self, training: Training) -> None:
        """Write the figures, and histograms if it is time to."""
        from tensorboardX import summary

        epoch = training.epoch + 1
        figures = {name: values[-1] for name, values in training.history.items()}
        found = [
            summary.scalar(name, figure)
            for name, figure in {**_rates(training), **figures}.items()
            if not np.isnan(figure)
        ]
        if self.histograms and epoch % self.histograms == 0:
            for name, parameter in training.model.named_parameters():
                found.append(_histogram(f"weights/{name}", parameter.data))
                if parameter.grad is not None:
                    found.append(_histogram(f"gradients/{name}", plain(parameter.grad)))
        self._write([_event(step=epoch, summary=each) for each in found])

    def fit_end(self, training: Training) -> None:
        """Close the file."""
        if self._first_call is not None:
            self._first_call.stop()
        writer, self._writer, self._first_call = self._writer, None, None
        if writer is not None:
            with in_words(f"TensorBoard in {self.folder}", REMEDY):
                writer.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_writer": None, "_first_call": None}  # a file is not copied


def _histogram(name: str, array: Any) -> Any:
    from tensorboardX import summary

    entries = np.asarray(on_host(array), dtype=float).ravel()
    try:
        return summary.histogram(name, entries, bins=BINS)
    except ValueError:  # they are almost equal: there are fewer numbers between them than bins
        return summary.histogram(name, entries, bins=1)


def _event(**content: Any) -> Any:
    from tensorboardX.proto.event_pb2 import Event

    return Event(wall_time=time.time(), **content)
