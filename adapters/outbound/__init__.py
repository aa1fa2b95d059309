"""Outbound adapters: a stored alert to the formats that receivers read."""
