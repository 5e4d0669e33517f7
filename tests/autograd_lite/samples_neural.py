"""Sample inputs of the functions of neural networks."""

import numpy as np
from sampling import along_axis, normal, positive, sample, unary

import autograd_lite as al
from autograd_lite.derivatives import signals, special
from autograd_lite.derivatives.cross_entropies import sigmoid_cross_entropies
from autograd_lite.derivatives.layers import rms_normalize, standardize

LABELS = np.array([2, 0, 2, 1])
CONDITION = np.array([True, False, True])

SAMPLES = {
    al.relu: [*unary(al.relu), sample(al.relu, [0.0, 1.0], kink=True)],
    al.leaky_relu: [
        *unary(al.leaky_relu),
        sample(lambda x: al.leaky_relu(x, 0.3), normal(2, 3)),
        sample(lambda x: al.leaky_relu(x, negative_slope=0.3), normal(2, 3)),
        sample(al.leaky_relu, [0.0, 1.0], kink=True),
    ],
    al.elu: [
        *unary(al.elu),
        sample(lambda x: al.elu(x, 0.5), normal(2, 3)),
        sample(lambda x: al.elu(x, alpha=0.5), normal(2, 3)),
        sample(lambda x: al.elu(x, 0.5), [0.0, 1.0], kink=True),
    ],
    al.sigmoid: unary(al.sigmoid),
    al.swish: unary(al.swish),
    al.erf: [*unary(al.erf), sample(al.erf, [0.0, 1.5, -3.0])],
    special.normal_cdf: [*unary(special.normal_cdf), sample(special.normal_cdf, [0.0, -3.0, 8.0])],
    special.gelu_slope: unary(special.gelu_slope),
    signals.i1: [*unary(signals.i1), sample(signals.i1, [0.0, 5.0])],
    np.i0: [*unary(np.i0), sample(np.i0, [0.0, 9.0])],
    al.gelu: unary(al.gelu),
    al.dropout: [
        sample(lambda x: al.dropout(x, CONDITION, 0.25), normal(2, 3)),
        sample(lambda x: al.dropout(x, mask=CONDITION, p=0.25), normal(3)),
    ],
    standardize: [
        sample(lambda x: standardize(x, (0,), 1e-5), normal(4, 3)),
        sample(lambda x: standardize(x, axes=(-1,), epsilon=0.1), normal(2, 3)),
        sample(lambda x: standardize(x, (1, 2), 1e-5), normal(2, 2, 3)),
    ],
    rms_normalize: [
        sample(lambda x: rms_normalize(x, (-1,), 1e-5), normal(2, 3)),
        sample(lambda x: rms_normalize(x, axes=(1, 2), epsilon=0.1), normal(2, 2, 3)),
    ],
    al.softplus: unary(al.softplus),
    al.softmax: along_axis(al.softmax),
    al.log_softmax: along_axis(al.log_softmax),
    al.binary_cross_entropy: [
        sample(lambda p: al.binary_cross_entropy(p, CONDITION), positive(3) / 3),
        sample(lambda p: al.binary_cross_entropy(p, np.eye(2)), positive(2, 2) / 3),
        sample(lambda p: al.binary_cross_entropy(p, np.float64(0.3)), positive() / 3),
        sample(al.binary_cross_entropy, positive(3) / 3, positive(3) / 4),
    ],
    sigmoid_cross_entropies: [
        sample(sigmoid_cross_entropies, normal(4), positive(4) / 3),
        sample(sigmoid_cross_entropies, [0.0, 9.0, -9.0], positive(3) / 3),
        sample(lambda x: sigmoid_cross_entropies(x, CONDITION), normal(3)),
    ],
    al.sigmoid_cross_entropy: [
        sample(al.sigmoid_cross_entropy, normal(4), positive(4) / 3),
        sample(al.sigmoid_cross_entropy, normal(2, 3), positive(2, 3) / 3),
        sample(al.sigmoid_cross_entropy, normal(), positive() / 3),
        sample(al.sigmoid_cross_entropy, [0.0, 9.0, -9.0], positive(3) / 3),
        sample(lambda x: al.sigmoid_cross_entropy(x, CONDITION), normal(3)),
    ],
    al.softmax_cross_entropy: [
        sample(lambda x: al.softmax_cross_entropy(x, LABELS), normal(4, 3)),
        sample(lambda x: al.softmax_cross_entropy(x, LABELS[:1]), normal(1, 5)),
        sample(lambda x: al.softmax_cross_entropy(x, 0 * LABELS), normal(4, 1)),
        sample(lambda x: al.softmax_cross_entropy(x.T, LABELS), normal(3, 4)),
    ],
}
