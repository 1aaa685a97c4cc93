"""What a term is, entry by entry, in exact numbers."""
