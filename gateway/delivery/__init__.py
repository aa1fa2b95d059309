"""Channels of delivery: one module each. What is due on a channel is delivered by it."""
