"""Which field of ours is which place of another format: the tables, one module a format, that importers and exporters share."""
