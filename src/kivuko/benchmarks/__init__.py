"""Known test collections: what there is, how their published files are laid out, how they are brought in."""
