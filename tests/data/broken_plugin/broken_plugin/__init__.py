"""Plug-ins that are broken in different ways."""
