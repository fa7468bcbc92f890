"""A release as a Five Safes RO-Crate: what was run, who signed it off, what was checked, and the files that came of it.

Profile: https://w3id.org/5s-crate/0.4, on RO-Crate 1.2. People appear by their roles, as the crate is
public. ``problems`` holds a crate to what the profile says a crate must have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

CRATE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/5s-crate/0.4"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
STATUSES = tuple(f"http://schema.org/{s}ActionStatus" for s in ("Potential", "Active", "Completed", "Failed"))
PHASES = ("CheckValue", "ValidationCheck", "SignOff", "DisclosureCheck", "GenerateCheckValue")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.,]\d+)?(Z|z|[+-]\d\d:\d\d)")
_TYPES = {".csv": "text/csv", ".svg": "image/svg+xml", ".md": "text/markdown", ".json": "application/json"}

Entity = dict[str, Any]


def crate(record: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a release's crate, from its record (``release-record.json``)."""
    project, code = f"#project-{record['project']}", f"urn:sha256:{record.get('code_sha256', '')}"
    run, agent, site = "#run", "#researcher", "#site"
    decided = str(record.get("released_at", ""))
    reviews = record.get("reviews") or []
    checkers = [f"#output-checker-{i + 1}" for i in range(len(reviews))] or ["#rules"]
    files = [str(item["name"]) for item in record.get("files", [])]
    mentions = [run, "#check", "#validation", "#signoff", "#disclosure"]
    graph: list[Entity] = [
        {"@id": CRATE, "@type": "CreativeWork", "about": _to("./"), "conformsTo": _to(SPECIFICATION)},
        {
            "@id": "./", "@type": "Dataset", "conformsTo": _to(PROFILE), "name": record.get("title", ""),
            "description": record.get("purpose", ""), "datePublished": decided, "hasPart": [_to(n) for n in files],
            "mainEntity": _to(code), "mentions": [_to(name) for name in mentions],
            "sourceOrganization": _to(project), "publisher": _to(site), "license": _to("#terms"),
        },
        {"@id": PROFILE, "@type": "Profile", "name": "Five Safes RO-Crate profile"},
        {"@id": "#terms", "@type": "CreativeWork", "name": "As the project's approval says"},
        {"@id": code, "@type": "Dataset", "name": "The code that made the results", "conformsTo": _to(WORKFLOW)},
        {
            "@id": run, "@type": "CreateAction", "name": f"Run of the project's code for {record.get('request', '')}",
            "agent": _to(agent), "instrument": _to(code), "actionStatus": STATUSES[2],
            "object": [_to("#data")], "result": [_to(n) for n in files], **_times(record),
        },
        {
            "@id": "#data", "@type": "PropertyValue", "name": "release of the data",
            "value": str(record.get("release", "")),
        },
        {
            "@id": project, "@type": "Project", "name": f"Project {record['project']}",
            "member": [_to("#organisation")],
            "identifier": str(record.get("scope", "")),
        },
        {"@id": agent, "@type": "Person", "name": "A member of the project", "memberOf": [_to(project)],
         "affiliation": _to("#organisation")},
        {"@id": "#organisation", "@type": "Organization",
         "name": str(record.get("organisation") or "The lead organisation")},
        {"@id": site, "@type": "Organization", "name": str(record.get("site") or "The site")},
        {"@id": "#rules", "@type": "SoftwareApplication", "name": "Lockgate",
         "version": str(record.get("made_by", ""))},
        _assessed("#check", "CheckValue", "SHA-256 of each file compared with what was checked: the same", "#rules",
                  decided),
        _assessed("#validation", "ValidationCheck", "Crate against the Five Safes RO-Crate profile: conforms",
                  "#rules", decided) | {"instrument": _to(PROFILE)},
        _assessed("#signoff", "SignOff", f"Approved use of data, scope {record.get('scope', '')}", site, decided,
                  [_to("./"), _to(code), _to(project)]),
        _assessed("#disclosure", "DisclosureCheck", _said(record, len(reviews)), checkers[0], decided)
        | {"agent": [_to(name) for name in checkers]},
    ]  # fmt: skip
    graph += [
        {"@id": name, "@type": "Person", "name": "An output checker", "jobTitle": str(review.get("role", ""))}
        for name, review in zip(checkers, reviews, strict=False)
    ]
    for item in record.get("files", []):
        name = str(item["name"])
        graph.append(
            {
                "@id": name, "@type": "File", "name": str(item.get("title") or name), "sha256": str(item["sha256"]),
                "contentSize": str(item.get("bytes", "")),
                "encodingFormat": _TYPES.get(name[name.rfind(".") :], "application/octet-stream"),
            }
        )  # fmt: skip
    return {"@context": "https://w3id.org/ro/crate/1.2/context", "@graph": graph}


def _to(name: str) -> dict[str, str]:
    return {"@id": name}


def _times(record: Mapping[str, Any]) -> dict[str, str]:
    given = {"startTime": record.get("run_started"), "endTime": record.get("run_ended")}
    return {key: str(value) for key, value in given.items() if value and _TIME.fullmatch(str(value))}


def _assessed(
    name: str, phase: str, said: str, agent: str, ended: str, what: list[dict[str, str]] | None = None
) -> Entity:
    entity: Entity = {
        "@id": name, "@type": "AssessAction", "additionalType": _to(f"https://w3id.org/shp#{phase}"), "name": said,
        "object": what or _to("./"), "agent": _to(agent), "actionStatus": STATUSES[2],
    }  # fmt: skip
    return entity | ({"endTime": ended} if _TIME.fullmatch(ended) else {})


def _said(record: Mapping[str, Any], reviewers: int) -> str:
    if record.get("decided_by") == "rule":
        return "Disclosure check of the results: passed wholly by rule, as the site's policy allows"
    return f"Disclosure check of the results: approved by {reviewers} output checkers after the rules"


def problems(metadata: Mapping[str, Any]) -> list[str]:
    """Where a crate lacks what the profile's "must" shapes ask for; none for a crate that conforms."""
    graph = metadata.get("@graph")
    if not isinstance(graph, list) or not all(isinstance(item, dict) and "@id" in item for item in graph):
        return ["it has no @graph of entities, each with an @id"]
    return list(_problems({str(item["@id"]): item for item in graph}))


def _problems(of: dict[str, Entity]) -> Iterator[str]:
    descriptor, root = of.get(CRATE, {}), of.get("./", {})
    if not any(re.match(r"https://w3id\.org/ro/crate/1\.[2-9]", i) for i in _ids(descriptor, "conformsTo")):
        yield "the descriptor must conform to RO-Crate 1.2 or later"
    projects = _ids(root, "sourceOrganization")
    if not projects or not all("Project" in _kinds(of, i) for i in projects):
        yield "the root must have a sourceOrganization that is a Project"
    for project in projects:
        if not all({"Organization", "Person"} & _kinds(of, i) for i in _ids(of.get(project, {}), "member")):
            yield "a member of the project must be an Organization or a Person"
        if not all("Grant" in _kinds(of, i) for i in _ids(of.get(project, {}), "funding")):
            yield "the project's funding must be a Grant"
    main = _ids(root, "mainEntity")
    if len(main) != 1 or "Dataset" not in _kinds(of, main[0]):
        yield "the root must have exactly one mainEntity, a Dataset"
    else:
        workflow = _ids(of[main[0]], "conformsTo")
        if len(workflow) != 1 or not workflow[0].startswith("https://w3id.org/workflowhub/workflow-ro-crate"):
            yield "the mainEntity must conform to the Workflow RO-Crate profile, and to no other"
    mentioned = _ids(root, "mentions")
    actions = [item for item in of.values() if "CreateAction" in _list(item.get("@type"))]
    if not any(str(item["@id"]) in mentioned for item in actions):
        yield "the root must mention a CreateAction"
    for item in actions:
        yield from _run(of, item, main, projects)
    for item in of.values():
        yield from _assessment(item, mentioned)
        for when in ("startTime", "endTime"):
            if when in item and not _TIME.fullmatch(str(item[when])):
                yield f"{item['@id']}: {when} must follow RFC 3339"


def _run(of: dict[str, Entity], item: Entity, main: list[str], projects: list[str]) -> Iterator[str]:
    if len(str(item.get("name", ""))) < 10:
        yield "the run must have a name of ten characters or more"
    if _status(item) not in STATUSES:
        yield "the run must have an actionStatus that is one of four"
    if not set(_ids(item, "instrument")) & set(main):
        yield "the run's instrument must be the mainEntity"
    if not all(i in of for i in _ids(item, "object")):
        yield "each object of the run must be in the crate"
    agents = _ids(item, "agent")
    if not agents or not all("Person" in _kinds(of, i) for i in agents):
        yield "the run must have an agent that is a Person"
    for agent in agents:
        member = _ids(of.get(agent, {}), "memberOf")
        if not all("Project" in _kinds(of, i) for i in member) or (
            member and not set(member) & set(projects)
        ):
            yield "the agent must be a member of the responsible Project"
        if not all("Organization" in _kinds(of, i) for i in _ids(of.get(agent, {}), "affiliation")):
            yield "the agent's affiliation must be an Organization"


def _assessment(item: Entity, mentioned: list[str]) -> Iterator[str]:
    phases = [i.rpartition("#")[2] for i in _ids(item, "additionalType")]
    kinds = _list(item.get("@type"))
    for phase in set(phases) & set(PHASES[:4]):
        if "AssessAction" not in kinds:
            yield f"{phase} must be an AssessAction"
        if len(str(item.get("name", ""))) < (10 if phase == "DisclosureCheck" else 1):
            yield f"{phase} must have a name"
        if _status(item) not in STATUSES:
            yield f"{phase} must have an actionStatus that is one of four"
    if "AssessAction" in kinds and str(item["@id"]) not in mentioned:
        yield f"the root must mention {item['@id']}"


def _status(item: Entity) -> str:
    found = item.get("actionStatus", "")
    return str(found.get("@id", "") if isinstance(found, dict) else found).replace("https://", "http://")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _ids(item: Entity, key: str) -> list[str]:
    return [str(v["@id"]) if isinstance(v, dict) and "@id" in v else str(v) for v in _list(item.get(key))]


def _kinds(of: dict[str, Entity], name: str) -> set[str]:
    return {str(kind) for kind in _list(of.get(name, {}).get("@type"))}
