"""Answers a task with one streamed call; base URL and key come from the environment, as the package reads them anyway."""

import json
import sys

from openai import OpenAI

given = json.load(sys.stdin)
task, claw = given["task"], given["claw"]

client = OpenAI()
stream = client.chat.completions.create(
    model=claw["model"],
    messages=[
        {"role": "system", "content": claw["instructions"] or "You are a helpful assistant."},
        {"role": "user", "content": task["text"]},
    ],
    stream=True,
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
