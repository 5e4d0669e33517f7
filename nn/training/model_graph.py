"""What a model computes, as a graph of TensorBoard's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from autograd_lite import Tensor
from autograd_lite.node import Node, arrays_in
from autograd_lite.trees import leaves_of
from nn.forward_hooks import HookHandle
from nn.module import Module


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
