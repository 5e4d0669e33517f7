"""What each row of sequences is in PyTorch, with arrays on which the two are compared."""

import numpy as np
from samples_sequences import SEEN
from sampling import normal
from torch_equivalents import F, on, torch

from autograd_lite.derivatives.layers import embedding, scaled_dot_product_attention
from autograd_lite.derivatives.recurrences import gru_sequence, lstm_sequence, rnn_sequence


def rnn_step(x, w, h):
    return torch.tanh(x + h @ w.T)


def relu_step(x, w, h):
    return torch.relu(x + h @ w.T)


def gru_step(x, w, b, h):
    (r, z, n), (h_r, h_z, h_n) = x.chunk(3, 1), (h @ w.T + b).chunk(3, 1)
    update = torch.sigmoid(z + h_z)
    return (1 - update) * torch.tanh(n + torch.sigmoid(r + h_r) * h_n) + update * h


def lstm_step(x, w, states):
    h, c = states
    i, f, n, o = (x + h @ w.T).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
    return torch.stack([torch.sigmoid(o) * torch.tanh(c), c])


def stepped(step, time_axis=0):
    """A sequence step by step."""

    def run(x, *weights_and_state):
        *weights, state = weights_and_state
        found = []
        for each in x:
            state = step(each, *weights, state)
            found.append(state)
        return torch.stack(found, time_axis)

    return run


def of_two_states(x, w, h, c):
    return stepped(lstm_step, 1)(x, w, torch.stack([h, c]))


def recurrence(function, made, *shapes, options=()):
    arrays = [0.7 * normal(*shape) for shape in shapes]
    return on(made, *arrays, as_called=lambda *x: function(*x, *options))


def torch_attention(query, key, value, mask=None, is_causal=False):
    """PyTorch's, by the formula whose second derivative it has."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return F.scaled_dot_product_attention(query, key, value, mask, is_causal=is_causal)


def attention(*shapes, mask=None, causal=False):
    torch_mask = None if mask is None else torch.tensor(mask)
    return on(
        lambda *x: torch_attention(*x, torch_mask, causal),
        *(normal(*shape) for shape in shapes),
        as_called=lambda *x: scaled_dot_product_attention(*x, mask, causal, None),
    )


LABELS = np.array([[2, 0, 2], [1, 2, 2]])

ROWS_OF_SEQUENCES = {
    rnn_sequence: [
        recurrence(rnn_sequence, stepped(step), (3, 2, 2), (2, 2), (2, 2), options=options)
        for step, options in ((rnn_step, ("tanh",)), (relu_step, ("relu",)))
    ],
    gru_sequence: [
        recurrence(gru_sequence, stepped(gru_step), (3, 2, 6), (6, 2), (6,), (2, 2)),
    ],
    lstm_sequence: [
        recurrence(lstm_sequence, of_two_states, (3, 2, 8), (8, 2), (2, 2), (2, 2)),
    ],
    scaled_dot_product_attention: [
        attention((2, 3), (4, 3), (4, 2)),
        attention((2, 2, 4, 2), (2, 2, 3, 2), (2, 2, 3, 2), causal=True),
        attention((2, 2, 2), (2, 3, 2), (2, 3, 2), mask=SEEN),
        on(
            torch_attention,
            *(normal(*shape) for shape in [(2, 3), (4, 3), (4, 2), (2, 4)]),
            as_called=lambda *x: scaled_dot_product_attention(*x, False, None),
        ),
    ],
    embedding: [
        on(lambda w, _: F.embedding(torch.tensor(LABELS), w), normal(4, 3), rest=(LABELS,)),
        on(
            lambda w, _, padding: F.embedding(torch.tensor(LABELS), w, padding),
            normal(4, 3),
            rest=(LABELS, 2),
        ),
    ],
}
