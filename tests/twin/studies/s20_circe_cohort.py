"""An OHDSI cohort (Circe): adults at their first record of high blood pressure, by year of entry."""

import json

import duckdb

from lockgate import outputs
from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine

CIRCE = {
    "ConceptSets": [
        {
            "id": 0,
            "name": "High blood pressure",
            "expression": {"items": [{"concept": {"CONCEPT_ID": 320128}, "includeDescendants": True}]},
        }
    ],
    "PrimaryCriteria": {
        "CriteriaList": [
            {"ConditionOccurrence": {"CodesetId": 0, "First": True, "Age": {"Value": 18, "Op": "gte"}}}
        ],
        "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
        "PrimaryCriteriaLimit": {"Type": "First"},
    },
    "QualifiedLimit": {"Type": "First"},
    "ExpressionLimit": {"Type": "First"},
    "InclusionRules": [],
    "CensoringCriteria": [],
    "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0},
    "CensorWindow": {},
}
definition = read_circe(json.dumps(CIRCE), "hypertension")
with Engine() as engine:
    open_omop(engine, outputs.data_folder())
    stays = generate(engine, [(1, definition)])
entered = duckdb.sql(
    "SELECT year(cohort_start_date) AS year, count(DISTINCT subject_id) AS people FROM stays GROUP BY 1 ORDER BY 1"
)
outputs.table(entered, "entered", title="People by year of entry", dimensions=["year"], counts=["people"])
