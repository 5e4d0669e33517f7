"""Layers, activations, and modules made of modules.

A layer says in `forward` what it computes, and keeps what it is given in attributes of the same
names, those with a range as fields (`nn.declared`): its text, its file and its line in `nn.summary`
are made of them.
"""
