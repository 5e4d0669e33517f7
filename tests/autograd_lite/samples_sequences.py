"""Sample inputs of recurrences, attention and embeddings."""

import numpy as np
from sampling import normal, sample

from autograd_lite.derivatives.layers import embedding, scaled_dot_product_attention
from autograd_lite.derivatives.recurrences import gru_sequence, lstm_sequence, rnn_sequence


def recurrent(function, gates, states, *options, biases=0):
    shapes = [(3, 2, gates * 2), (gates * 2, 2), *[(gates * 2,)] * biases, *[(2, 2)] * states]
    arrays = [0.7 * normal(*shape) for shape in shapes]
    return sample(lambda *x: function(*x, *options), *arrays)


SEEN = np.array([[True, False, True], [False, True, True]])
HIDDEN = np.array([[True, False, True], [False, False, False]])

SAMPLES = {
    rnn_sequence: [
        recurrent(rnn_sequence, 1, 1, "tanh"),
        recurrent(rnn_sequence, 1, 1, "relu"),
    ],
    gru_sequence: [recurrent(gru_sequence, 3, 1, biases=1)],
    lstm_sequence: [
        recurrent(lstm_sequence, 4, 2),
        sample(lstm_sequence, normal(1, 1, 4), normal(4, 1), normal(1, 1), normal(1, 1)),
    ],
    scaled_dot_product_attention: [
        sample(
            lambda *x: scaled_dot_product_attention(*x, None, False, None),
            normal(2, 3),
            1.1 * normal(4, 3),
            normal(4, 2),
        ),
        sample(
            lambda *x: scaled_dot_product_attention(*x, None, True, 0.8),
            normal(2, 2, 3, 2),
            1.1 * normal(2, 2, 3, 2),
            normal(2, 2, 3, 1),
        ),
        *(
            sample(
                lambda *x, mask=mask: scaled_dot_product_attention(*x, mask, False, None),
                normal(2, 2, 2),
                1.1 * normal(3, 2),
                normal(3, 2),
            )
            for mask in (SEEN, HIDDEN)
        ),
        sample(
            lambda *x: scaled_dot_product_attention(*x, False, None),
            normal(2, 3),
            1.1 * normal(4, 3),
            normal(4, 2),
            normal(2, 4),
        ),
    ],
    embedding: [
        sample(lambda w: embedding(w, np.array([[2, 0, 2], [1, 2, 2]])), normal(4, 3)),
        sample(lambda w: embedding(w, np.array([1, 0, 1]), 2), normal(3, 3)),
        sample(lambda w: embedding(w, np.array(1)), normal(2, 3)),
        sample(lambda w: embedding(w, np.zeros((0, 2), int)), normal(2, 3)),
    ],
}
