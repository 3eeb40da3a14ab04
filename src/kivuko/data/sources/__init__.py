"""Public sources, one file each: where the text is, which languages it has, what it is licensed under."""
