"""Run an example; then onnxruntime, with what each of its models has learned, on other data.

Called as `python -P tests/run_exported.py example.py arguments`. Models are those that are called
from outside of any other: each is written for some of the samples that it was called with last, and
tried on more of them.
"""

import runpy
import sys

import numpy as np
import onnxruntime

import nn
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of, map_tree


def assert_onnxruntime_agrees(model, X, name):
    """What onnxruntime computes of more samples than were shown is what the model does."""
    rows = [np.resize(np.arange(len(leaves_of(X)[0])), n) for n in (3, 8)]
    example, more = (map_tree(lambda x, at=at: np.asarray(x)[at], X) for at in rows)
    session = onnxruntime.InferenceSession(nn.to_onnx(model, example).SerializeToString())
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
    inputs = zip(session.get_inputs(), leaves_of(more), strict=True)
    found = session.run(None, {each.name: x.astype(kinds[each.type]) for each, x in inputs})
    for result, right in zip(found, leaves_of(nn.predict(model, more)), strict=True):
        np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5, err_msg=name)


def main(path, *arguments):
    sys.argv = [path, *arguments]
    called, inside, call = {}, [], nn.Module.__call__

    def noted(self, *given, **named):
        if not inside:
            called[id(self)] = self, given
        inside.append(self)
        try:
            return call(self, *given, **named)
        finally:
            inside.pop()

    nn.Module.__call__ = noted
    runpy.run_path(path, run_name="__main__")
    nn.Module.__call__ = call
    for model, given in called.values():
        arrays = map_tree(plain, given)
        assert_onnxruntime_agrees(model, arrays[0] if len(arrays) == 1 else arrays, repr(model))
    print(f"onnxruntime agrees with {len(called)} models", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
