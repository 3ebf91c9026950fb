"""Campaigns: seeded attempts to break the promises of docs/security.md."""
