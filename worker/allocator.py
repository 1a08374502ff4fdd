"""Memory that a large value took goes back to the system with the value."""

import ctypes

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
LARGE_BYTES = 128 * 1024


def give_large_blocks_back() -> None:
    """Have the C library map each large block by itself, and unmap it when it is free.

    Left alone it stops doing so at the first one that is freed; then each thread that has read an answer
    of 2 MB keeps that much, and as much again for each copy.  A library without that switch does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
