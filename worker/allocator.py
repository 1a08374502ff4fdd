"""Memory that a large value took goes back to the system with the value."""

import ctypes

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # M_MMAP_THRESHOLD and M_ARENA_MAX of glibc's malloc.h
LARGE_BYTES = 128 * 1024
ARENAS = 2  # threads that allocate at once are few: one of them runs Python at a time


def give_large_blocks_back() -> None:
    """Have the C library map each large block by itself, and unmap it when it is free.

    Left alone it stops doing so at the first one that is freed; then each thread that has read an answer
    of 2 MB keeps that much, and as much again for each copy.  And what one thread has freed is of use to the
    others, where not each has an arena of its own.  A library without these switches does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_ARENA_MAX, ARENAS)
