"""Public text: the sources there are, and the bitext, collections and lexicons that are built of them."""
