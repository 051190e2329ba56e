"""Text towers without torch: exported once, run by ONNX Runtime."""
