"""The metric catalogue as data, the workers' counters and the merge over them."""
