"""Benchmarks: ratios against a named peer or a bound, both timed in one run. `make bench` writes bench/results/."""
