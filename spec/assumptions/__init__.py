"""What a claim may take for granted, and what follows from it."""
