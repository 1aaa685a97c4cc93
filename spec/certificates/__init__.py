"""What an answer rests on, and a checker that trusts nothing else."""
