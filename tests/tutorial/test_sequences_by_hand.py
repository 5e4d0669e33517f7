"""Layers of sequences whose gradients are derived by hand, in plain NumPy, step by step.

Backpropagation through time of a recurrent network, an LSTM and a GRU, attention, layer
normalization and an embedding, as a course on sequence models has them.
"""

import numpy as np

import nn
from autograd_lite import Tensor, compare_gradients, derive

RNG = np.random.default_rng(0)
STEPS, N, FEATURES, HIDDEN = 4, 3, 2, 5
X = RNG.normal(size=(N, STEPS, FEATURES))
G = RNG.normal(size=(N, STEPS, HIDDEN))  # the derivative of the loss in the states


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def parameters_of(layer):
    found = dict(layer.named_parameters())
    for parameter in found.values():
        parameter.data = RNG.normal(size=parameter.shape) * 0.5
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return [found[name].data for name in names]


def assert_gradients(layer, dX, gradients):
    x = Tensor(X, requires_grad=True, name="x")
    states = layer(x)[0]
    loss = (states * G).sum()
    loss.backward()
    named = dict(layer.named_parameters())
    own = {named[f"{name}_l0"]: gradient for name, gradient in gradients.items()}
    assert compare_gradients(loss, {x: dX, **own})
    return states.data


def test_backpropagation_through_time_of_a_recurrent_network():
    layer = nn.RNN(FEATURES, HIDDEN)
    W, U, b, c = parameters_of(layer)
    h = [np.zeros((N, HIDDEN))]
    for t in range(STEPS):
        h.append(np.tanh(X[:, t] @ W.T + b + h[-1] @ U.T + c))
    dX, dW, dU, db = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = np.zeros((N, HIDDEN))
    for t in reversed(range(STEPS)):
        dh = dh + G[:, t]
        dz = dh * (1 - h[t + 1] ** 2)
        dW += dz.T @ X[:, t]
        dU += dz.T @ h[t]
        db += dz.sum(axis=0)
        dX[:, t] = dz @ W
        dh = dz @ U
    gradients = {"weight_ih": dW, "weight_hh": dU, "bias_ih": db, "bias_hh": db}
    states = assert_gradients(layer, dX, gradients)
    np.testing.assert_allclose(states, np.stack(h[1:], axis=1), rtol=1e-12)


def test_backpropagation_through_time_of_an_lstm():
    layer = nn.LSTM(FEATURES, HIDDEN)
    W, U, b, bh = parameters_of(layer)
    h, c, gates = [np.zeros((N, HIDDEN))], [np.zeros((N, HIDDEN))], []
    for t in range(STEPS):
        z = X[:, t] @ W.T + b + h[-1] @ U.T + bh
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        gates.append((i, f, g, o))
        c.append(f * c[-1] + i * g)
        h.append(o * np.tanh(c[-1]))
    dX, dW, dU, db = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh, dc = np.zeros((N, HIDDEN)), np.zeros((N, HIDDEN))
    for t in reversed(range(STEPS)):
        i, f, g, o = gates[t]
        dh = dh + G[:, t]
        do = dh * np.tanh(c[t + 1])
        dc = dc + dh * o * (1 - np.tanh(c[t + 1]) ** 2)
        di, df, dg = dc * g, dc * c[t], dc * i
        dz = np.hstack(
            [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)],
        )
        dW += dz.T @ X[:, t]
        dU += dz.T @ h[t]
        db += dz.sum(axis=0)
        dX[:, t] = dz @ W
        dh, dc = dz @ U, dc * f
    gradients = {"weight_ih": dW, "weight_hh": dU, "bias_ih": db, "bias_hh": db}
    states = assert_gradients(layer, dX, gradients)
    np.testing.assert_allclose(states, np.stack(h[1:], axis=1), rtol=1e-12)


def test_backpropagation_through_time_of_a_gru():
    layer = nn.GRU(FEATURES, HIDDEN)
    W, U, b, bh = parameters_of(layer)
    h, gates = [np.zeros((N, HIDDEN))], []
    for t in range(STEPS):
        x_r, x_z, x_n = np.split(X[:, t] @ W.T + b, 3, axis=1)
        h_r, h_z, h_n = np.split(h[-1] @ U.T + bh, 3, axis=1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
        gates.append((r, z, n, h_n))
        h.append((1 - z) * n + z * h[-1])
    dX, dW, dU = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U)
    db, dbh, dh = np.zeros_like(b), np.zeros_like(b), np.zeros((N, HIDDEN))
    for t in reversed(range(STEPS)):
        r, z, n, h_n = gates[t]
        dh = dh + G[:, t]
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h[t] - n) * z * (1 - z)
        dr = dn * h_n * r * (1 - r)
        of_x, of_h = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * r])
        dW += of_x.T @ X[:, t]
        dU += of_h.T @ h[t]
        db += of_x.sum(axis=0)
        dbh += of_h.sum(axis=0)
        dX[:, t] = of_x @ W
        dh = dh * z + of_h @ U
    gradients = {"weight_ih": dW, "weight_hh": dU, "bias_ih": db, "bias_hh": dbh}
    states = assert_gradients(layer, dX, gradients)
    np.testing.assert_allclose(states, np.stack(h[1:], axis=1), rtol=1e-12)


def test_attention_of_one_head():
    layer = nn.MultiHeadAttention(HIDDEN, 1)
    for parameter in layer.parameters():
        parameter.data = RNG.normal(size=parameter.shape) * 0.5
    x = RNG.normal(size=(N, STEPS, HIDDEN))
    W, b = layer.in_proj_weight.data, layer.in_proj_bias.data
    Wo, bo = layer.out_proj.weight.data, layer.out_proj.bias.data
    (Wq, Wk, Wv), (bq, bk, bv) = np.split(W, 3), np.split(b, 3)
    dx, dWq, dWk, dWv, dWo = (np.zeros_like(a) for a in (x, Wq, Wk, Wv, Wo))
    y, dq, dk, dv = (np.zeros_like(x) for _ in range(4))
    for i in range(N):
        q, k, v = x[i] @ Wq.T + bq, x[i] @ Wk.T + bk, x[i] @ Wv.T + bv
        P = softmax(q @ k.T / np.sqrt(HIDDEN))
        y[i] = P @ v @ Wo + bo
        dO = G[i] @ Wo.T
        dP = dO @ v.T
        dS = np.zeros_like(P)
        for row in range(STEPS):
            jacobian = np.diag(P[row]) - np.outer(P[row], P[row])
            dS[row] = jacobian @ dP[row]
        dS /= np.sqrt(HIDDEN)
        dq[i], dk[i], dv[i] = dS @ k, dS.T @ q, P.T @ dO
        dWo += (P @ v).T @ G[i]
        dWq += dq[i].T @ x[i]
        dWk += dk[i].T @ x[i]
        dWv += dv[i].T @ x[i]
        dx[i] = dq[i] @ Wq + dk[i] @ Wk + dv[i] @ Wv
    t = Tensor(x, requires_grad=True, name="x")
    result, _ = layer(t, t, t, need_weights=False)
    np.testing.assert_allclose(result.data, y, rtol=1e-12)
    loss = (result * G).sum()
    loss.backward()
    db = np.concatenate([d.sum(axis=(0, 1)) for d in (dq, dk, dv)])
    # Keys that all move by the same change no softmax.
    np.testing.assert_allclose(layer.in_proj_bias.grad, db, atol=1e-13)
    by_hand = {
        t: dx,
        layer.in_proj_weight: np.concatenate([dWq, dWk, dWv]),
        layer.out_proj.weight: dWo,
        layer.out_proj.bias: G.sum(axis=(0, 1)),
    }
    assert compare_gradients(loss, by_hand)


def test_layer_normalization():
    x, gamma, beta = RNG.normal(size=(N, 6)), RNG.normal(size=6), RNG.normal(size=6)
    g = RNG.normal(size=(N, 6))
    layer = nn.LayerNorm(6)
    layer.weight.data, layer.bias.data = gamma, beta
    dx = np.zeros_like(x)
    for i in range(N):
        s = np.sqrt(x[i].var() + layer.epsilon)
        xhat, dxhat = (x[i] - x[i].mean()) / s, g[i] * gamma
        jacobian = (np.eye(6) - 1 / 6 - np.outer(xhat, xhat) / 6) / s
        dx[i] = jacobian @ dxhat
    t = Tensor(x, requires_grad=True, name="x")
    loss = (layer(t) * g).sum()
    loss.backward()
    xhat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(
        x.var(axis=1, keepdims=True) + layer.epsilon
    )
    by_hand = {t: dx, layer.weight: (g * xhat).sum(axis=0), layer.bias: g.sum(axis=0)}
    assert compare_gradients(loss, by_hand)


def test_an_embedding_adds_up_what_reaches_a_word_and_nothing_for_the_padding():
    words = np.array([[1, 2, 1], [1, 0, 0]])
    layer = nn.Embedding(4, 2, padding_idx=0, rng=0)
    g = RNG.normal(size=(2, 3, 2))
    dE = np.zeros((4, 2))
    for i in range(2):
        for t in range(3):
            if words[i, t] != 0:
                dE[words[i, t]] += g[i, t]
    loss = (layer(words) * g).sum()
    loss.backward()
    assert compare_gradients(loss, {layer.weight: dE})
    assert not layer.weight.data[0].any()


def test_the_derivation_of_an_unrolled_network_reads_as_backpropagation_through_time():
    W = Tensor(RNG.normal(size=(FEATURES, HIDDEN)), requires_grad=True, name="W")
    U = Tensor(RNG.normal(size=(HIDDEN, HIDDEN)), requires_grad=True, name="U")
    start = RNG.normal(size=(N, HIDDEN))
    x1, x2, x3 = (X[:, t] for t in range(3))
    h1 = np.tanh(x1 @ W + start @ U)
    h2 = np.tanh(x2 @ W + h1 @ U)
    h3 = np.tanh(x3 @ W + h2 @ U)
    text = str(derive((h3**2).sum()))
    lines = [line.split("  ")[0] for line in text.partition("Backward\n")[2].strip().split("\n  ")]
    assert lines == [
        "t1 = 2 h3 ⊙ (1 - h3²)",
        "t2 = t1 Uᵀ ⊙ (1 - h2²)",
        "t3 = t2 Uᵀ ⊙ (1 - h1²)",
        "dW = x3ᵀ t1 + x2ᵀ t2 + x1ᵀ t3",
        "dU = h2ᵀ t1 + h1ᵀ t2 + startᵀ t3",
    ]
