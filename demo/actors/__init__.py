"""Customers, kitchens and couriers as ordinary GraphQL clients: `python -m actors --orders 1000 --rate 20`."""
