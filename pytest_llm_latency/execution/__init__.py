"""Sends requests and records what arrives; decodes it later, off the clock."""
