"""MESH: the NHS's post office. `client` alone knows its API.

What comes into the gateway's mailbox goes the way of every message, and is taken out of the mailbox
only once what became of it is on disk. Alerts go out by `gateway.delivery.mesh`.
"""
