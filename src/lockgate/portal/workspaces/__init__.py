"""Workspaces: approved projects, their data and their jobs."""
