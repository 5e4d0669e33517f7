"""Layers, activations, and modules made of modules.

A layer says in `forward` what it computes, and keeps what it is given in attributes of the same
names, those with a range as fields (`nn.declared`): its text, its file and its line in `nn.summary`
are made of them.
"""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # or type checkers would take any name for one of these
    from nn.parts import told_of_names

    __getattr__ = told_of_names(__name__)
