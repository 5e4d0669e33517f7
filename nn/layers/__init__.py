"""Layers, activations, and modules made of modules."""
