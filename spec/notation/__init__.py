"""Index notation: from text to a program of terms."""
