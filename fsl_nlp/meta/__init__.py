"""Meta-learning from source classes: MAML and related algorithms.

`algorithms` defines the algorithms; `inner` is the inner loop, which they all share.
"""
