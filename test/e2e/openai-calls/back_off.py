"""As back-off.ts, with Python's package."""

import json
import sys
import threading
import time

import openai

answers = []
answered = threading.Event()


def seen(response):
    headers = {name: value for name, value in response.headers.items() if "ratelimit" in name or "retry" in name}
    answers.append({"at": time.monotonic() * 1000, "status": response.status_code, "headers": headers})
    answered.set()


http = openai.DefaultHttpxClient(event_hooks={"response": [seen]})
client = openai.OpenAI(max_retries=8, http_client=http)
calls = json.loads(sys.argv[1])
texts = [None] * len(calls)


def make(at, call):
    if call["afterMs"] > 0:
        answered.wait()
    time.sleep(call["afterMs"] / 1000)
    messages = [{"role": "user", "content": call["script"]}]
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, max_completion_tokens=20)
    texts[at] = answer.choices[0].message.content


threads = [threading.Thread(target=make, args=pair) for pair in enumerate(calls)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
json.dump({"texts": texts, "answers": answers}, sys.stdout)
