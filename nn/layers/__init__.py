"""Layers, activations, and modules made of modules.

A layer says in `forward` what it computes, and keeps what it is given in attributes of the same
names, those with a range as fields (`nn.declared`): its text, its file and its line in `nn.summary`
are made of them.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from nn.elsewhere import missing_of_part

    raise missing_of_part(__name__, name)
