"""Training in mini-batches, and what happens meanwhile."""
