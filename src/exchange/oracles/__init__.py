"""Two oracles that say what a run must have come to: :mod:`fold` of the recorded journal, and :mod:`graph` of the party events."""
