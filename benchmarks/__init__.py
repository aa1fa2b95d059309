"""Side-by-side measurements: ours beside the simplest thing that could do the same, in one run.

`make bench` prints ratios. A ratio holds where absolute figures drift with the machine.
"""
