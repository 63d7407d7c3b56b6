"""Writing documents: what to ask, what the answers make, and small changes to what is already written."""
