"""Gives most of the generated requests the ids of things that exist, so that they reach more than a 404.

OMI_PROPERTY, JSON:
  url, secret  of the server, and a credential
  parameters   names in a path or query and the value that each takes
  things       path of a collection and the ids of what is in it
  bodies       path of a collection and what creates one more thing there
  once         names in a body and values, of which each is used once

Leaves behind statuses.json: of each operation, how often it answered with which status.
"""

import atexit
import collections
import itertools
import json
import os
import re

import requests
import schemathesis

GIVEN = json.loads(os.environ["OMI_PROPERTY"])
THING = re.compile(r"^(?P<collection>[^{]*)/\{(?P<name>[^}]*)\}")
# Of so many requests, one keeps what was generated.
KEEP = 5
turn = itertools.count(1)
statuses = collections.defaultdict(collections.Counter)


@atexit.register
def leave_statuses():
    with open("statuses.json", "w") as file:
        json.dump(statuses, file, indent=1)


@schemathesis.hook
def after_call(context, case, response):
    if response.request.method == case.operation.method.upper():
        statuses[case.operation.label][response.status_code] += 1


def create(collection):
    body = GIVEN["bodies"].get(collection)
    if body is None:
        return None
    headers = {"Authorization": f"Bearer {GIVEN['secret']}"}
    answer = requests.post(f"{GIVEN['url']}{collection}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return answer.json()["id"]


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(turn)
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 1 <= len(key) <= 255:
        # The same key with another request is refused.
        case.headers["Idempotency-Key"] = f"key-{number}"
    if number % KEEP == 0:
        return
    for name, value in GIVEN["parameters"].items():
        for place in (case.path_parameters, case.query):
            if place and name in place:
                place[name] = value
    for name, values in GIVEN["once"].items():
        if values and isinstance(case.body, dict) and name in case.body:
            case.body[name] = values.pop()
    found = THING.match(case.operation.path)
    if not found or found["name"] in GIVEN["parameters"] or not case.path_parameters:
        return
    collection = found["collection"]
    ids = GIVEN["things"].setdefault(collection, [])
    if not ids:
        one = create(collection)
        if one is None:
            return
        ids.append(one)
    if case.method == "DELETE" and found["collection"] not in GIVEN["bodies"] and len(ids) == 1:
        # The last one is for the others.
        return
    # Only what removes the thing itself takes it away.
    removes = case.method == "DELETE" and case.operation.path.endswith(found[0])
    case.path_parameters[found["name"]] = ids.pop() if removes else ids[-1]
