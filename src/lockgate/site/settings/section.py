"""What every section of ``site.toml`` is: fixed once read, and without settings that nobody knows."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
