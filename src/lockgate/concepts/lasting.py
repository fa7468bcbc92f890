"""What is background rather than new: lasting conditions that stand alone in a list without a head, and habits.

ConText counts a risk factor as historical.
"""

from __future__ import annotations

import re

LASTING = re.compile(
    r"\b(?:hypertension|htn|high blood pressure|diabet\w+|t[12]dm|hyperlipid\w+|hypercholesterol\w+|dyslipid\w+|"
    r"high cholesterol|atrial fibrillation|af|coronary (?:artery|heart) disease|isch(?:a)?emic heart disease|ihd|"
    r"hypothyroid\w*|hyperthyroid\w*|gastro-?o?esophageal reflux(?: disease)?|reflux disease|gerd|gord|osteoarthritis|"
    r"osteoporosis|rheumatoid arthritis|gout|obesity|depression|anxiety(?: disorder)?|bipolar disorder|schizophrenia|"
    r"dementia|alzheimer\w*|parkinson\w*|epilepsy|migraines?|multiple sclerosis|asthma|psoriasis|eczema|"
    r"peripheral vascular disease|peripheral artery disease|chronic kidney disease|ckd|"
    r"benign prostatic hyper(?:plasia|trophy)|bph|glaucoma|sleep apn(?:o)?ea|osa|irritable bowel syndrome|"
    r"crohn'?s?(?: disease)?|ulcerative colitis|learning disabilit\w+|tobacco (?:use|abuse)|smoking|alcohol abuse)\b",
    re.I,
)

HABIT = re.compile(
    r"(?:tobacco|alcohol|etoh|drugs?|recreational drugs?|illicit drugs?|intravenous drug|iv drug|drinking|drinks|"
    r"smok(?:es|er|ed|ing)|cigarettes?)\b",
    re.I,
)
