"""Which translation pairs are worth training on: interface markup taken out, filters, chains of filters."""
