"""Side-by-side timings. Machines are noisy, so what counts is the ratio within one run."""
