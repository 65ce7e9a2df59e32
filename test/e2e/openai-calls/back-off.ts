import OpenAI from 'openai';

/**
 * Makes the calls of its argument (JSON: scripts and delays) with Node's package as it is, which is let try again, and prints what it saw: every answer's status
 * and the headers that tell of limits.
 */
interface Call {
  readonly script: string;
  /** Since the first answer of all came; 0: at once. */
  readonly afterMs: number;
}

const answers: { readonly at: number; readonly status: number; readonly headers: Record<string, string> }[] =
  [];
const answered = Promise.withResolvers<void>();
const client = new OpenAI({
  maxRetries: 8,
  fetch: async (url, init) => {
    const response = await fetch(url as string, init as RequestInit);
    const told = [...response.headers].filter(([name]) => /ratelimit|retry/.test(name));
    answers.push({ at: performance.now(), status: response.status, headers: Object.fromEntries(told) });
    answered.resolve();
    return response;
  },
});

const calls = JSON.parse(process.argv[2] ?? '[]') as Call[];
const texts = await Promise.all(
  calls.map(async ({ script, afterMs }) => {
    if (afterMs > 0) await answered.promise;
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const messages = [{ role: 'user' as const, content: script }];
    const answer = await client.chat.completions.create({
      model: 'gpt-4o',
      messages,
      max_completion_tokens: 20,
    });
    return answer.choices[0]?.message.content;
  }),
);
process.stdout.write(JSON.stringify({ texts, answers }));
