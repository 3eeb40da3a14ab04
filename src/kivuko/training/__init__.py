"""Training: regimes, and the stages that run them on what a person brings.

``regimes`` lists what can be trained, ``stages`` runs it, and ``fit`` is the one loop. Regimes that align a student
with a frozen teacher share ``align_to_teacher``, those that learn to rank share ``rank_in_batch``; the rest of each
is in a file of its own, with its loss and its settings.
"""
