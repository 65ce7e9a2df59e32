#!/bin/bash
# The files of the task are a small repository. The coding agent works on a copy of it; what it changed comes back in /work/out.
set -euo pipefail
cp -r /work/in /work/repo
cd /work/repo
text=$(node -p 'JSON.parse(fs.readFileSync("/run/clawcage/task.json", "utf8")).task.text')
model=$(node -p 'JSON.parse(fs.readFileSync("/run/clawcage/task.json", "utf8")).claw.model')
# --yolo: it asks nobody before it edits or runs something. That is what the cage is for.
qwen --auth-type openai --model "$model" --yolo --prompt "$text"
mkdir -p /work/out
cp -r . /work/out/
