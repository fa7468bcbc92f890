"""What every section of ``site.toml`` is: fixed once read, and without settings that nobody knows."""

from pydantic import BaseModel, ConfigDict


# defer_build: a command that reads no settings doesn't wait for their validators
class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
