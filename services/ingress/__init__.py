"""Ingress: 2xx means stored."""
