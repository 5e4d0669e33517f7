"""What is wrong with a model, its data or its training."""
