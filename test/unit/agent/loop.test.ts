import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APIError } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runLoop } from '../../../cage-image/agent/loop.ts';
import type { AgentReport } from '../../../cage-image/agent/report.ts';
import type { AgentTask } from '../../../cage-image/agent/task.ts';
import { builtInTools } from '../../../cage-image/agent/tools/built-in.ts';
import { Toolbox } from '../../../cage-image/agent/tools/toolbox.ts';
import type { Turn, TurnRequest } from '../../../cage-image/agent/turns/model-turns.ts';

let work: string;
let asked: TurnRequest[];
let told: AgentReport[];
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'clawcage-loop-'));
  mkdirSync(join(work, 'in'));
  asked = [];
  told = [];
});
afterEach(() => rmSync(work, { recursive: true }));

const says = (text: string, more: Partial<Turn> = {}): Turn => ({
  text,
  refusal: '',
  calls: [],
  ending: 'done',
  ...more,
});
const calls = (command: string, more: Partial<Turn> = {}): Turn =>
  says('', { calls: [{ id: 'c', name: 'shell', arguments: JSON.stringify({ command }) }], ...more });

interface Setting {
  readonly task?: Partial<AgentTask['task']>;
  readonly claw?: Partial<AgentTask['claw']>;
  readonly remainingMs?: () => number;
}
const run = (turns: (Turn | Error)[], { task, claw, remainingMs = () => Infinity }: Setting = {}) => {
  const context = {
    work,
    environment: { PATH: '/usr/bin:/bin' },
    outputLimit: 24_000,
    remainingMs,
    egress: [],
  };
  return runLoop({
    task: {
      task: {
        text: 'do it',
        files: [],
        images: [],
        answer: { type: 'text' },
        functions: [],
        functionWaitMs: 1,
        ...task,
      },
      claw: {
        name: 'c',
        model: 'm',
        instructions: '',
        maxSteps: 10,
        api: 'chat',
        models: {},
        tools: ['shell'],
        mcp: {},
        egress: [],
        ...claw,
      },
    },
    turns: {
      next: (request) => {
        asked.push({ ...request, entries: [...request.entries] });
        const turn = turns.shift() ?? says('out of turns');
        return turn instanceof Error ? Promise.reject(turn) : Promise.resolve(turn);
      },
    },
    toolbox: new Toolbox(builtInTools(['shell'], context)),
    context,
    report: (report) => told.push(report),
  });
};
const lastText = (at = -1): string => asked.at(at)?.entries.at(-1)?.text ?? '';
const statuses = (): string[] => told.flatMap((report) => (report.kind === 'status' ? [report.status] : []));

describe('an answer', () => {
  test('that is cut off is gone on with and put together', async () => {
    expect(
      await run([says('one ', { ending: 'length' }), says('two ', { ending: 'length' }), says('three')]),
    ).toBe('one two three');
  });

  test('that is cut off again and again is given up', async () => {
    const endless = Array.from({ length: 9 }, () => says('more ', { ending: 'length' }));
    await expect(run(endless, { claw: { maxSteps: 50 } })).rejects.toMatchObject({
      code: 'agent_answer_cut',
    });
    expect(asked).toHaveLength(6);
  });

  test('whose limit went into reasoning is told apart from an empty one', async () => {
    await expect(run([says('', { ending: 'length' })])).rejects.toMatchObject({ code: 'agent_answer_cut' });
    await expect(run([says(' ')])).rejects.toMatchObject({ code: 'agent_failed' });
  });

  test('that the model refuses, or the provider filters, is told apart, without its words', async () => {
    await expect(run([says('', { refusal: 'I will not.' })])).rejects.toMatchObject({
      code: 'agent_refused',
      details: { by: 'model', reason: expect.not.stringContaining('I will not') },
    });
    await expect(run([says('half', { ending: 'filtered' })])).rejects.toMatchObject({
      code: 'agent_refused',
      details: { by: 'filter' },
    });
  });
});

describe('an answer of a form', () => {
  const schema = {
    type: 'object',
    properties: { n: { type: 'integer', maximum: 5 } },
    required: ['n'],
    additionalProperties: false,
  };
  const form = { task: { answer: { type: 'json_schema' as const, schema } } };

  test('is asked for in the form that the API knows, strictly where it can be', async () => {
    await run([says('{"n":1}')], form);
    expect(asked[0]?.form).toEqual({ type: 'json_schema', schema, strict: true });
    expect(asked[0]?.entries[0]?.text).toContain('one JSON object');
  });

  test('that is wrong is repaired with the errors told, and only once', async () => {
    expect(await run([says('{"n":7}'), says('{"n":5}')], form)).toBe('{"n":5}');
    expect(lastText()).toMatch(/\/n must be <= 5[^]*JSON schema/);
    await expect(run([says('{"n":7}'), says('{"n":8,"secret":"x"}')], form)).rejects.toMatchObject({
      code: 'agent_answer_invalid',
      details: { errors: expect.not.stringMatching(/secret|8/) },
    });
  });

  test('is repaired no second time', async () => {
    const wrong = Array.from({ length: 5 }, () => says('{}'));
    await expect(run(wrong, form)).rejects.toMatchObject({ code: 'agent_answer_invalid' });
    expect(asked).toHaveLength(2);
  });

  test('that is cut off is asked for anew, since half of it is no beginning', async () => {
    expect(await run([says('{"n":', { ending: 'length' }), says('{"n":2}')], form)).toBe('{"n":2}');
    expect(lastText()).toContain('shorter');
  });

  test('by a schema that is none says so at once', async () => {
    await expect(
      run([says('{}')], { task: { answer: { type: 'json_schema', schema: { type: 'nonsense' } } } }),
    ).rejects.toMatchObject({
      code: 'agent_answer_invalid',
      details: { errors: expect.stringContaining('schema is not valid') },
    });
  });

  test('that comes wrong at the last step is invalid, not out of steps', async () => {
    await expect(run([says('no')], { ...form, claw: { maxSteps: 1 } })).rejects.toMatchObject({
      code: 'agent_answer_invalid',
    });
  });
});

describe('the end of its means', () => {
  test('is told before it comes, and at the last step no tool is offered', async () => {
    await expect(
      run(
        Array.from({ length: 4 }, () => calls('true')),
        { claw: { maxSteps: 4 } },
      ),
    ).rejects.toMatchObject({
      code: 'agent_step_limit',
      details: { maxSteps: 4 },
    });
    expect(asked.map(({ mayCall }) => mayCall)).toEqual([true, true, true, false]);
    expect(lastText(2)).toContain('One more step');
    expect(lastText(3)).toContain('last step');
    expect(lastText(1)).not.toContain('step is left');
  });

  test('is told by the clock too', async () => {
    let left = 600_000;
    const slow = [calls('true'), calls('true'), says('done')];
    const passing = () => (left -= 0);
    await run(slow, {
      remainingMs: () => {
        const now = passing();
        if (asked.length === 1) left = 60_000;
        if (asked.length === 2) left = 20_000;
        return now;
      },
    });
    expect(asked.map(({ mayCall }) => mayCall).at(-1)).toBe(false);
    expect(lastText()).toContain('time for this task is over');
  });
});

describe('what the model sees', () => {
  test('are the images that came with the task', async () => {
    writeFileSync(join(work, 'in/a.png'), 'png');
    await run([says('x')], { task: { images: [{ name: 'a.png', type: 'image/png', detail: 'high' }] } });
    expect(asked[0]?.entries[1]).toMatchObject({
      images: [{ url: `data:image/png;base64,${Buffer.from('png').toString('base64')}`, detail: 'high' }],
      text: expect.stringContaining(`${work}/in/a.png`),
    });
  });

  test('is a tool call that was cut off, as one that was not made', async () => {
    const cut: Turn = {
      ...calls('x'),
      calls: [{ id: 'c', name: 'shell', arguments: '{"command":"ec' }],
      ending: 'length',
    };
    expect(await run([cut, says('ok')])).toBe('ok');
    expect(lastText()).toContain('cut off');
  });

  test('stays within the window: old outputs are shortened, the task and the newest step stay', async () => {
    const many = Array.from({ length: 8 }, (_, at) =>
      calls(`echo step-${at}; head -c 9000 /dev/zero | tr '\\0' x`),
    );
    expect(
      await run([...many, says('end')], {
        claw: { contextTokens: 16_000, maxOutputTokens: 1_000, maxSteps: 20 },
      }),
    ).toBe('end');
    const last = asked.at(-1)!.entries;
    const bytes = last.reduce((sum, entry) => sum + entry.text.length, 0);
    expect(bytes / 3.5).toBeLessThan(15_000);
    expect(last[1]?.text).toContain('do it');
    expect(last.at(-1)?.text).toHaveLength('step-7\n'.length + 9000);
    expect(last.find((entry) => entry.role === 'tool')?.text).toContain('left out');
    expect(statuses()).toContain('older tool outputs were shortened to fit the model’s window');
  });

  test('is shortened once more where the provider says that it is too long', async () => {
    const tooLong = APIError.generate(
      400,
      { error: { message: 'too long', code: 'context_length_exceeded' } },
      undefined,
      new Headers(),
    );
    const big = Array.from({ length: 4 }, () => calls(`head -c 9000 /dev/zero | tr '\\0' x`));
    expect(await run([...big, tooLong, says('end')])).toBe('end');
    const lengths = asked.map(({ entries }) => entries.reduce((sum, { text }) => sum + text.length, 0));
    expect(lengths.at(-1)!).toBeLessThan(lengths.at(-2)! * 0.7);
    const aboveCap = APIError.generate(
      400,
      { error: { message: 'x' } },
      undefined,
      new Headers({ 'x-clawcage-error': 'limit_never_fits' }),
    );
    expect(
      await run([
        ...Array.from({ length: 4 }, () => calls(`head -c 9000 /dev/zero | tr '\\0' x`)),
        aboveCap,
        says('end'),
      ]),
    ).toBe('end');
    await expect(run([tooLong])).rejects.toBe(tooLong);
  });

  test('is refused where the task alone is too large', async () => {
    await expect(
      run([says('x')], { task: { text: 'x'.repeat(100_000) }, claw: { contextTokens: 8_000 } }),
    ).rejects.toMatchObject({
      code: 'agent_failed',
      details: { reason: expect.stringContaining('contextTokens') },
    });
  });
});
