"""Films: found out, decoded, written. All of PyAV is in here."""
