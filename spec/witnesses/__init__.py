"""The smallest case in which a claim fails."""
