"""Two cards compared by meaning: what changed, what it does to completeness, which change notice it calls for."""
