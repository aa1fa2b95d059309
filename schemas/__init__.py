"""What the data is: the canonical model. Imports nothing of ours and does no I/O."""
