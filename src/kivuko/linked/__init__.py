"""Test collections of linked documents: a title in one language, the linked page in another, as WikiCLIR has them."""
