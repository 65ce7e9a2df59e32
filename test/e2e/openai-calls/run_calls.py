"""Makes the calls of a table in this folder with Python's package, one after the other, and prints what each gave."""

import base64
import hashlib
import json
import pathlib
import sys

import openai

FOLDER = pathlib.Path(__file__).parent
client = openai.OpenAI(max_retries=0)
results = {}


def outcome(call):
    try:
        return made(call)
    except openai.APIError as error:
        status = getattr(error, "status_code", None)
        return {
            "error": type(error).__name__,
            "status": status,
            "code": error.code,
            "type": error.type,
            "param": error.param,
            "message": error.message,
        }


def made(call):
    method = client.with_options(max_retries=call.get("retries", 0))
    for name in call["method"].split("."):
        method = getattr(method, name)
    answer = method(*filled(call.get("positional", [])), **filled(call.get("body", {})))
    read = call["read"]
    if read == "bytes":
        return bytes_of(answer.read())
    if read == "page":
        return [plain(one) for one in answer.data]
    if read == "stream":
        return [plain(event) for event in answer]
    return plain(answer)


def plain(answer):
    return answer if isinstance(answer, str) else answer.to_dict(mode="json")


def filled(value):
    """With files and earlier results in the place of what stands for them."""
    if isinstance(value, list):
        return [filled(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$file" in value:
        return (value["$file"], (FOLDER / value["$file"]).read_bytes())
    if "$dataUrl" in value:
        return "data:image/png;base64," + base64.b64encode((FOLDER / value["$dataUrl"]).read_bytes()).decode()
    if "$result" in value:
        at = results
        for step in value["$result"].split("."):
            at = at[int(step)] if isinstance(at, list) else at[step]
        return at
    return {name: filled(member) for name, member in value.items()}


def bytes_of(data):
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def shortened(value):
    """Long texts (pictures) and rows of numbers (embeddings) by their hash."""
    if isinstance(value, str):
        return bytes_of(value.encode()) if len(value) > 500 else value
    if isinstance(value, list):
        if len(value) > 100 and isinstance(value[0], (int, float)):
            return bytes_of(json.dumps(value).encode())
        return [shortened(one) for one in value]
    if isinstance(value, dict):
        return {name: shortened(member) for name, member in value.items()}
    return value


for call in json.loads((FOLDER / "calls.json").read_text()):
    results[call["name"]] = outcome(call)
json.dump(shortened(results), sys.stdout)
