"""Limits and budgets that several processes share: one keeps the accounts, the others ask it for leave to send."""
