"""Kubernetes: renders and checks the manifests, brings images and secrets into a cluster."""
