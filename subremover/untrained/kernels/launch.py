"""What every kernel is started with."""

OPTIONS = {"enable_fp_fusion": True}
"""Products and sums in one instruction, which is as exact and half the work. Triton's default, until 3.10."""
