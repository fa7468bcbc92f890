"""Runs every study of this folder, one after the other, into one folder of outputs."""

import os
import runpy
import sys
from pathlib import Path

from sql_runner import run

HERE = Path(__file__).parent
failed = []
for study in sorted(HERE.glob("s[0-9]*")):
    try:
        if study.suffix == ".sql":
            code = run(
                study.read_text(), Path(os.environ["LOCKGATE_DATA"]), Path(os.environ["LOCKGATE_OUTPUTS"])
            )
            if code:
                raise RuntimeError("the SQL failed")
        else:
            runpy.run_path(str(study), run_name="__main__")
    except Exception as error:
        print(f"{study.name}: {type(error).__name__}: {error}", file=sys.stderr)
        failed.append(study.name)
sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
