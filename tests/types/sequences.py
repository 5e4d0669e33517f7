"""Recurrent layers, attention and embeddings."""

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
        states, _ = self.lstm(self.embedding(words))
        found, _ = self.attention(states, states, states)
        return self.out(found)


tags = Tagger(10, 3)(np.array([[1, 2, 3], [4, 5, 6]]))
loss = nn.CrossEntropyLoss()(tags.reshape(-1, 3), np.zeros(6, int))
loss.backward()
print(tags.shape, loss.item())
