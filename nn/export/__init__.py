"""Models for elsewhere: as ONNX, and as a file of NumPy code."""
