// A client of an OpenAI-compatible endpoint, the same for every way: one after the other, then some at once. Plain JavaScript, so that it runs in a cage as it is.
import { readFileSync } from 'node:fs';

const { calls, inFlight, headers } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { OPENAI_BASE_URL, OPENAI_API_KEY } = process.env;
const body = JSON.stringify({
  model: 'gpt-4o',
  max_tokens: 16,
  messages: [{ role: 'user', content: '@say ok' }],
});

async function call() {
  const answer = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPENAI_API_KEY}`, 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
}

for (let warm = 0; warm < 20; warm++) await call();
const each = [];
for (let at = 0; at < calls; at++) {
  const began = performance.now();
  await call();
  each.push(performance.now() - began);
}
const began = performance.now();
let left = calls * 2;
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await call();
  }),
);
console.log(JSON.stringify({ each, perSecond: (calls * 2 * 1000) / (performance.now() - began) }));
