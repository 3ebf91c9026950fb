"""Campaigns: seeded attempts to break the promises of docs/explanation/security.md."""
