"""Notices: who is told what when something happens, on a page and by e-mail."""
