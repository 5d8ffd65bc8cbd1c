"""Checkpoints and encoders in a form that other runtimes read."""

# Key of the ONNX file's metadata under which it says, in JSON, what the model is.
METADATA = "avadclip"
