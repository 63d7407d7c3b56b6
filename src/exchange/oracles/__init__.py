"""Two oracles that say what a run must have come to: ``fold`` of the recorded journal, ``graph`` of the party events."""
