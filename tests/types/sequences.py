"""Recurrent layers, attention and embeddings."""

from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor


class Tagger(nn.Module):
    def __init__(self, words: int, tags: int) -> None:
        self.embedding = nn.Embedding(words, 8, rng=0)
        self.lstm = nn.LSTM(8, 6, rng=1)
        self.attention = nn.MultiHeadAttention(6, 2, rng=2)
        self.out = nn.Dense(6, tags, rng=3)

    def forward(self, words: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Tensor:
        states, last = self.lstm(self.embedding(words))
        assert_type(last, tuple[Tensor, Tensor])
        found, _ = self.attention(states, states, states)
        return self.out(found)


tags = Tagger(10, 3)(np.array([[1, 2, 3], [4, 5, 6]]))
loss = nn.CrossEntropyLoss()(tags.reshape(-1, 3), np.zeros(6, int))
loss.backward()
print(tags.shape, loss.item())
again, state = nn.GRU(3, 2, rng=4)(tags)
assert_type(state, Tensor)
print(again.shape, state.shape)
