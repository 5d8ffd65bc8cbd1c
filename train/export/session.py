"""ONNX Runtime's session of a model file."""

from pathlib import Path
from typing import Any


def open_session(path: Path, threads: int) -> Any:
    """Open a model to be run on the processor; needs requirements-export.txt.

    Args:
        path: The model.
        threads: Processor threads.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # By its bytes: so it can name no other file as the place of its weights.
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
