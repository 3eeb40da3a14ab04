"""File formats, one file each: what is in the file, nothing about where it came from."""
