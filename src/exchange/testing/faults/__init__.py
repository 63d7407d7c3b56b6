"""The fault programme: a whole exchange on a real broker, broken in every way we can, compared with both oracles at the end.

``make faults FAULTS=20 SEED=7`` runs it (docs/faults.md). One seed makes one plan: the same faults in the same order, each beside
the same part of the same workload. What the machine makes of it, to the millisecond, is its own.
"""
