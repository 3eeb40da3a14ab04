"""The command line: one thin file a verb.

What the libraries beneath are told here they read when they are loaded, and so before any of these files is.
"""

import os

# OpenMP, for torch: threads that spin while they wait for one that a busy machine does not schedule make two threads
# a hundred times slower than one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# numpy's products: those of a search are too small to share, and its threads spin likewise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
