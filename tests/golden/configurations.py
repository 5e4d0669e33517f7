"""Layers whose values and gradients are kept, as PyTorch computes them; what they are given.

Weights and inputs are cosines, so that they are the same whatever draws random numbers.
"""

import numpy as np

import nn
from autograd_lite import Tensor

LATER = np.tri(4) == 0
HIDDEN = np.array([[False, True, False, False], [True, False, False, True]])

# The layer, its arguments and its options; the shapes of what it takes, of Embedding its numbers
# are drawn below; and what it is called with besides.
CONFIGURATIONS = [
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [(2, 4, 9)], {}),
    ("Conv1d", (2, 3, 4), {"padding": "same", "dilation": 2, "bias": False}, [(2, 2, 8)], {}),
    ("Conv1d", (1, 2, 40), {"padding": 7}, [(2, 1, 90)], {}),
    ("Conv2d", (2, 3, 3), {"padding": 1}, [(2, 2, 5, 6)], {}),
    ("Conv2d", (4, 4, (2, 3)),
     {"stride": (3, 1), "dilation": (1, 2), "groups": 4}, [(2, 4, 7, 6)], {}),
    ("Conv2d", (3, 2, 2), {"padding": "same"}, [(1, 3, 4, 5)], {}),
    ("Conv3d", (2, 2, (2, 1, 3)),
     {"stride": (1, 2, 1), "padding": (1, 0, 2)}, [(2, 2, 3, 4, 3)], {}),
    ("ConvTranspose2d", (4, 2, 3),
     {"stride": 2, "padding": 1, "output_padding": 1}, [(2, 4, 3, 4)], {}),
    ("ConvTranspose2d", (4, 6, (2, 3)), {"groups": 2, "dilation": (1, 2)}, [(1, 4, 4, 3)], {}),
    ("MaxPool", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 2, 6, 7)], {}),
    ("MaxPool", (2,), {"stride": 1, "dilation": 2}, [(2, 2, 5, 6)], {}),
    ("AvgPool", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 2, 6, 7)], {}),
    ("AvgPool", ((2, 3),), {"padding": 1, "count_include_pad": False}, [(2, 2, 5, 6)], {}),
    ("AdaptiveAvgPool", ((3, None),), {}, [(2, 2, 7, 3)], {}),
    ("BatchNorm1d", (3,), {"momentum": 0.3}, [(5, 3)], {}),
    ("BatchNorm1d", (3,), {"affine": False}, [(2, 3, 4)], {}),
    ("BatchNorm2d", (3,), {"epsilon": 0.1}, [(2, 3, 3, 4)], {}),
    ("LayerNorm", ((3, 4),), {}, [(2, 3, 4)], {}),
    ("LayerNorm", (4,), {"epsilon": 0.1, "bias": False}, [(2, 3, 4)], {}),
    ("GroupNorm", (2, 4), {}, [(2, 4, 3)], {}),
    ("InstanceNorm", (3,), {"affine": True}, [(2, 3, 4, 2)], {}),
    ("RMSNorm", (4,), {}, [(2, 3, 4)], {}),
    ("RMSNorm", ((3, 4),), {"epsilon": 0.1, "elementwise_affine": False}, [(2, 3, 4)], {}),
    ("Embedding", (6, 3), {"padding_idx": 2}, [(3, 4)], {}),
    ("RNN", (3, 4), {"nonlinearity": "relu", "bias": False}, [(3, 5, 3)], {"lengths": [2, 5, 1]}),
    ("RNN", (3, 4, 2), {"bidirectional": True}, [(3, 5, 3), (4, 3, 4)], {}),
    ("GRU", (3, 4, 2), {"bidirectional": True}, [(3, 5, 3), (4, 3, 4)], {"lengths": [2, 5, 1]}),
    ("LSTM", (3, 4, 2),
     {"bidirectional": True}, [(3, 5, 3), *[(4, 3, 4)] * 2], {"lengths": [4, 1, 5]}),
    ("LSTM", (3, 4, 2), {"bias": False, "proj_size": 2}, [(3, 5, 3)], {}),
    ("RNNCell", (3, 4), {}, [(2, 3), (2, 4)], {}),
    ("GRUCell", (3, 4), {}, [(2, 3), (2, 4)], {}),
    ("LSTMCell", (3, 4), {"bias": False}, [(2, 3), (2, 4), (2, 4)], {}),
    ("MultiHeadAttention", (6, 2), {}, [(2, 3, 6)] * 3, {"average_attn_weights": False}),
    ("MultiHeadAttention", (6, 3),
     {"kdim": 2, "vdim": 5, "bias": False}, [(2, 3, 6), (2, 4, 2), (2, 4, 5)], {}),
    ("MultiHeadAttention", (6, 2),
     {}, [(2, 4, 6)] * 3, {"attn_mask": LATER, "need_weights": False}),
    ("TransformerEncoderLayer", (6, 2, 5),
     {"activation": "gelu"}, [(2, 4, 6)], {"src_key_padding_mask": HIDDEN}),
    ("TransformerEncoderLayer", (6, 3, 5), {"norm_first": True, "bias": False}, [(2, 4, 6)], {}),
    ("TransformerDecoderLayer", (6, 2, 5), {}, [(2, 4, 6), (2, 3, 6)], {"tgt_mask": LATER}),
    ("Upsample", (), {"scale_factor": 1.7}, [(2, 2, 3, 4)], {}),
    ("Upsample", (), {"size": (5, 7), "mode": "bilinear"}, [(2, 2, 3, 4)], {}),
    ("Upsample", (),
     {"scale_factor": 2, "mode": "bilinear", "align_corners": True}, [(1, 2, 3, 4)], {}),
    ("Bilinear", (2, 3, 4), {}, [(5, 2), (5, 3)], {}),
    ("Dense", (3, 4), {}, [(2, 5, 3)], {}),
]  # fmt: skip


def waves(seed, shape):
    """Numbers between -1 and 1 that look like random ones."""
    return np.cos(np.arange(1.0, 1 + np.prod(shape)) ** 2 + seed).reshape(shape)


def inputs_of(number, name, shapes):
    """What a layer takes."""
    inputs = [waves(number + k, shape) for k, shape in enumerate(shapes)]
    return [(3 + 3 * x).astype(int) for x in inputs] if name == "Embedding" else inputs


def built(name, given, options):
    """A layer with its weights."""
    without = {"dropout": 0.0} if name.startswith("Transformer") else {}
    layer = getattr(nn, name)(*given, **options, **without)
    for seed, parameter in enumerate(layer.parameters()):
        parameter.data = waves(seed, parameter.shape)
    return layer


def begun(layer, states):
    """What a layer of sequences is given besides, where there are states to begin with."""
    if not states or not hasattr(layer, "hidden_size"):
        return states
    return [states[0] if len(states) == 1 else tuple(states)]


def flat(results):
    """Results in results, one after the other, without those that are None."""
    if isinstance(results, tuple):
        return [one for each in results for one in flat(each)]
    return [] if results is None else [results]


def values_and_gradients(layer, inputs, called):
    """Results, the gradients of inputs and parameters with cosines as cotangents, and buffers."""
    wanted = inputs[0].dtype.kind == "f"
    x, *others = [Tensor(each, requires_grad=True) for each in inputs] if wanted else inputs
    found = flat(layer(x, *begun(layer, others), **called))
    sum((y * waves(k, y.shape)).sum() for k, y in enumerate(found)).backward()
    gradients = [each.grad for each in [*([x, *others] if wanted else []), *layer.parameters()]]
    return [*(y.data for y in found), *gradients, *(b.data for _, b in layer.named_buffers())]
