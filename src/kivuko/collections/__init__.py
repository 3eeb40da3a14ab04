"""What people search and train with, as artefacts: collections and bitext, how they are split, what was left out."""
