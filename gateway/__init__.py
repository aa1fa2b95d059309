"""The running service: receives, decides, records and delivers."""
