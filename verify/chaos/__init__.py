"""`python -m chaos`: a system of its own under load, broken at random by a seed, healed, and judged from outside."""
