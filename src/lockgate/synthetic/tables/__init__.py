"""What the other systems send: CSV files, each by its contract (incidents, staffing, tissue, primary care, ...)."""

from lockgate.synthetic.tables.files import write_tables

__all__ = ["write_tables"]
