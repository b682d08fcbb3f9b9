"""Meta-learning: an initialisation, or a learning rule, from source classes (MAML and its family).

`algorithms` says what each name means, `inner` is the one inner loop that all of them share.
"""
