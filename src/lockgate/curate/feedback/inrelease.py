"""The themes of a release's comments, told from the scrubbed words."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from lockgate.curate.feedback.model import Model, load, packed
from lockgate.curate.sources import Curation
from lockgate.site import Site


def model_path(site: Site) -> Path:
    """Where a site's own model stands; the packed one is used where there is none."""
    return site.path / "library" / "feedback-themes.npz"


def site_model(site: Site) -> Model:
    """The model that the site's releases use."""
    own = model_path(site)
    return load(own) if own.exists() else packed()


def tell_themes(build: Curation) -> None:
    """Make ``feedback_theme`` (id, themes, tone, no_theme): what each scrubbed comment is about.

    ``themes`` are parted by "; ", NULL where none is told; ``no_theme`` then says why. Needs ``scrubbed_small``.
    """
    engine = build.engine
    rows = engine.rows("SELECT id, text FROM scrubbed_small WHERE staged = 'feedback' ORDER BY id")
    answers = site_model(build.site).classify([text for _, text in rows])
    engine.register(
        "feedback_theme_told",
        pa.table(
            {
                "id": pa.array([int(row) for row, _ in rows], pa.int64()),
                "themes": pa.array(["; ".join(one.themes) or None for one in answers], pa.string()),
                "tone": pa.array([one.tone or None for one in answers], pa.string()),
                "no_theme": pa.array([one.reason or None for one in answers], pa.string()),
            }
        ),
    )
    engine.execute("CREATE OR REPLACE TABLE feedback_theme AS SELECT * FROM feedback_theme_told")
    engine.unregister("feedback_theme_told")
