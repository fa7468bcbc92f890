"""Starting Spark, or using the session that is there, under settings that make SQL mean what it means to DuckDB."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import LockgateError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = 17
_REMEDY = (
    'install the extra "spark" (`make spark`, or `pip install "lockgate[spark]"`) and Java 17 or newer; '
    'engine = "duckdb" needs neither'
)

# What gives SQL its meaning; no setting of a site goes over these.
MEANING = {
    "spark.sql.ansi.enabled": "true",  # a cast that fails is an error, not NULL
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # wall-clock times
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.session.collation.enabled": "false",  # strings are compared by their bytes
}


def java_version() -> int | None:
    """The major version of the Java that Spark would start; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not command:
        return None
    try:
        said = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else None


def missing() -> str | None:
    """What Spark lacks on this machine, in words; None when it can run."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed"
    version = java_version()
    if version is None:
        return "there is no Java on this machine"
    return f"this machine's Java is {version}, and Spark needs {JAVA}" if version < JAVA else None


def start(master: str, memory_mb: int, spill: Path, settings: Mapping[str, str]) -> tuple[SparkSession, bool]:
    """A session, and whether it was started here and is to be stopped.

    A session active in this process is used (under a session of its own for settings and names). One that is started
    keeps its shuffles and its log in ``spill``. Raises UsageError when Spark or Java is missing, LockgateError when
    Spark doesn't start.
    """
    lacking = missing()
    if lacking:
        raise UsageError(f'engine = "spark" can\'t run: {lacking}', where="[engine]", remedy=_REMEDY)
    # nothing here goes through pandas
    warnings.filterwarnings(
        "ignore", message="PySpark does not yet fully support pandas", category=FutureWarning
    )
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    # it writes the text of errors to the terminal, and that may quote a value of a row
    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True
    active = SparkSession.getActiveSession()
    if active is not None:
        session = active.newSession()
        for name, value in {**settings, **MEANING}.items():
            if session.conf.isModifiable(name):
                session.conf.set(name, value)
        return session, False
    here = master.startswith("local")
    conf = SparkConf(loadDefaults=False)
    for name, value in {**_defaults(master, memory_mb, spill, here=here), **settings, **MEANING}.items():
        conf.set(name, value)
    try:
        with (spill / "spark.log").open("ab") as log:
            gateway = SparkContext._gateway or launch_gateway(conf, {"stdout": log, "stderr": log})
            context = SparkContext(conf=conf, gateway=gateway)
            # only spark-submit reads this setting; without it the workers are the PATH's python3: perhaps no pyarrow
            context.pythonExec = conf.get("spark.pyspark.python", sys.executable)
    except (PySparkException, OSError, RuntimeError) as error:
        raise LockgateError(
            "Spark did not start",
            where=f'[engine] spark_master = "{master}"',
            remedy="is the master's address right, and does it answer from this machine?",
        ) from error
    return SparkSession(context), True


def _defaults(master: str, memory_mb: int, spill: Path, *, here: bool) -> dict[str, str]:
    chosen = {
        "spark.master": master,
        "spark.app.name": "lockgate",
        "spark.driver.memory": f"{memory_mb}m",
        "spark.local.dir": str(spill),
        "spark.sql.warehouse.dir": str(spill / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.pyspark.python": sys.executable,
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.ui.enabled": "false",
        "spark.sql.ui.explainMode": "simple",  # nobody looks at the plans, and writing them out costs
        "spark.sql.ui.retainedExecutions": "1",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.parquet.compression.codec": "lz4_raw",
    }
    if here:
        cores = re.fullmatch(r"local\[(\d+)(?:,.*)?\]", master)
        parallel = int(cores[1]) if cores else os.cpu_count() or 1
        chosen |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(4 * parallel),
        }
    return chosen


def main() -> int:
    """``python -m lockgate.engine.session``: 0 where this machine has a Java for Spark; says so where it hasn't."""
    version = java_version()
    if version is not None and version >= JAVA:
        return 0
    found = "no Java" if version is None else f"Java {version}"
    sys.stdout.write(f"==> {found} on this machine (Spark needs {JAVA}): the tests on Spark are skipped\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
