import { describe, expect, test } from 'vitest';
import type { BusyWith } from '../../../cage-image/warden/agent-events.ts';
import { AgentWatch, type Hang } from '../../../cage-image/warden/agent-watch.ts';
import { Heartbeat } from '../../../cage-image/warden/heartbeat.ts';

describe('a heartbeat', () => {
  test('sends one ping at a time, and gives up at the third pulse without an answer', () => {
    const heartbeat = new Heartbeat(5_000);
    const seen = () => Array.from({ length: 4 }, () => heartbeat.pulse());
    expect(seen()).toEqual(['ping', 'wait', 'wait', 'silent']);
    heartbeat.answered();
    expect(seen()).toEqual(['ping', 'wait', 'wait', 'silent']);
  });

  test('goes on for ever with who answers, however late within that', () => {
    const heartbeat = new Heartbeat(5_000);
    for (let at = 0; at < 5; at++) {
      expect([heartbeat.pulse(), heartbeat.pulse(), heartbeat.pulse()]).toEqual(['ping', 'wait', 'wait']);
      heartbeat.answered();
    }
  });
});

test('a heartbeat of short pulses has patience with a busy machine', () => {
  const heartbeat = new Heartbeat(300);
  const seen = Array.from({ length: 11 }, () => heartbeat.pulse());
  expect([seen.indexOf('silent'), seen.at(-1)]).toEqual([10, 'silent']);
});

const PULSE_MS = 1_000;
const setUp = ({ state = () => 'S' as string | undefined, busy = [] as BusyWith[], answers = true } = {}) => {
  let pings = 0;
  const watch: AgentWatch = new AgentWatch({
    pulseMs: PULSE_MS,
    state,
    ping: () => {
      pings += 1;
      if (answers) watch.answered(busy);
    },
  });
  const pulses = (count: number): Hang | undefined => {
    for (let at = 1; at < count; at++) if (watch.pulse() !== undefined) throw new Error(`too early: ${at}`);
    return watch.pulse();
  };
  return { watch, pulses, pings: () => pings };
};

describe('an agent', () => {
  test('that answers, and is busy within its limits, is left alone', () => {
    const { pulses } = setUp({ busy: [{ what: 'shell', sinceMs: 600_000, limitMs: 605_000 }] });
    expect(pulses(100)).toBeUndefined();
  });

  test('that is past the limit of what it does in three answers hangs there', () => {
    const { pulses } = setUp({
      busy: [
        { what: 'fetch', sinceMs: 1, limitMs: 10_000 },
        { what: 'shell', sinceMs: 10_001, limitMs: 10_000 },
      ],
    });
    expect(pulses(3)).toMatchObject({ tool: 'shell', limitMs: 10_000 });
  });

  test('that was paused for long, with all its cage, has the time to see to its limits', () => {
    const busy = [{ what: 'shell', sinceMs: 10_000, limitMs: 20_000 }];
    const { pulses } = setUp({ busy });
    expect(pulses(5)).toBeUndefined();
    for (let pauses = 0; pauses < 3; pauses += 1) {
      busy[0] = { what: 'shell', sinceMs: 600_000, limitMs: 20_000 };
      expect(pulses(2)).toBeUndefined();
      busy[0] = { what: 'model call', sinceMs: 100, limitMs: 20_000 };
      expect(pulses(2)).toBeUndefined();
    }
  });

  test('that answers no more hangs at the third pulse after, in what it was at', () => {
    const { watch, pulses } = setUp({ answers: false });
    watch.pulse();
    watch.answered([{ what: 'fetch', sinceMs: 5, limitMs: 60_000 }]);
    expect(pulses(4)).toEqual({ reason: 'It answers no more pings.', tool: 'fetch' });
  });

  test('may take its time to start', () => {
    const { pulses, pings } = setUp({ answers: false });
    expect(pulses(20)).toBeUndefined();
    expect(pulses(1)).toEqual({ reason: 'It answers no more pings.' });
    expect(pings()).toBe(1);
  });

  test('whose process is stopped for three pulses hangs; for less it does not', () => {
    const states = ['S', 'T', 'T', 'S', 'T', 'T', 'T'];
    const { pulses } = setUp({ state: () => states.shift() });
    expect(pulses(7)).toEqual({ reason: 'Its process was stopped.' });
  });

  test('of the Claw’s own is not pinged, and may be silent', () => {
    const watch = new AgentWatch({ pulseMs: PULSE_MS, state: () => 'S' });
    expect(Array.from({ length: 100 }, () => watch.pulse()).every((hang) => hang === undefined)).toBe(true);
  });
});
