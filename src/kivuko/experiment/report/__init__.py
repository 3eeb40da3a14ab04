"""What an experiment's finished cells say: tables, pictures, and the verdict on its hypotheses."""
