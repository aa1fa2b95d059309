"""Files of many records: read whole, recorded as work, settled one by one as messages are."""
