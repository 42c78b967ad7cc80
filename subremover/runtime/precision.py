"""How CUDA rounds the factors of float32 products, for a moment and whatever the process has chosen.

torch keeps that in flags of the whole process, which belong to whoever runs it. They are read when work is
queued or recorded as a graph; what is replayed later keeps what it was recorded with. torch is loaded by
those who ask.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()

# Since 2.9 torch has a second set of flags. Both must agree, which only setting the older one sees to.
warnings.filterwarnings("ignore", message="Please use the new API settings to control TF32")


@contextmanager
def float32_products(*, tf32: bool) -> Iterator[None]:
    """Queue products and convolutions on CUDA in float32, or with factors rounded to TF32.

    TF32 keeps 11 bits: enough for a network's weights, but no variance survives it. One thread at a time is
    inside, so that none queues in another's precision; contexts may be nested. Not for a backward pass: CUDA
    runs that in another thread than the one that asks for it.

    Args:
        tf32: Whether factors may be rounded.
    """
    from torch.backends import cuda, cudnn

    with _lock:
        flags = [cuda.matmul, *(getattr(cudnn, name) for name in ("conv", "rnn") if hasattr(cudnn, name))]
        flags = [flag for flag in flags if hasattr(flag, "fp32_precision")]
        precisions = [flag.fp32_precision for flag in flags]
        if flags:  # the older flags cannot be asked where the newer ones were set
            allowed = [precision == "tf32" for precision in precisions[:2]]
        else:
            allowed = [cuda.matmul.allow_tf32, cudnn.allow_tf32]
        try:
            cuda.matmul.allow_tf32 = cudnn.allow_tf32 = tf32
            yield
        finally:
            cuda.matmul.allow_tf32, cudnn.allow_tf32 = allowed
            for flag, precision in zip(flags, precisions, strict=True):
                flag.fp32_precision = precision
