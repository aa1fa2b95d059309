"""The outside's formats to and from the canonical model. Imports schemas only, does no I/O."""
