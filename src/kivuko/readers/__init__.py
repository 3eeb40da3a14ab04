"""Anyone's files: bitext, documents, running text, dictionaries."""
