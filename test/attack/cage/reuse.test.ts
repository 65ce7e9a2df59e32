import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageYard, type RealCage } from './real-cage.ts';

const KEY = 'sk-canary-0b7d4e19c2a8f365-never-to-be-seen';

let yard: CageYard;
let cage: RealCage;
beforeAll(async () => {
  yard = await CageYard.open();
  cage = await yard.cage();
});
afterAll(async () => {
  await cage?.remove();
  await yard?.[Symbol.asyncDispose]();
});

/** All that an agent could find of another before it: files where it can write, processes, System V objects, sockets that listen or have a name. */
const LOOK = `
  find $(find / -type d -writable -not -path '/proc/*' 2>/dev/null | sort) -mindepth 1 2>/dev/null | sort -u
  names=$(cat /proc/[0-9]*/comm); echo "$names" | sort
  tail -n +2 /proc/sysvipc/shm; tail -n +2 /proc/sysvipc/sem; tail -n +2 /proc/sysvipc/msg
  cut -d' ' -f8 /proc/net/unix | grep . | grep -v Path
  awk '$4 == "0A"' /proc/net/tcp /proc/net/tcp6 | wc -l
`;
const LEAVE = `
  mkdir -p /work/a/b; echo x >/work/a/b/file; chmod 000 /work/a/b; echo x >"/work/$(printf '\\377')"; ln -s /etc /work/link; mkfifo /tmp/fifo
  echo x >/tmp/file; echo x >/dev/shm/file; echo x >/run/clawcage/file; : >/dev/mqueue/queue; chmod 700 /tmp
  perl -e 'shmget(7, 4096, 01600); semget(8, 1, 01600); msgget(9, 01600)'
  perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("/tmp/socket")); listen($s, 1); socket(my $t, PF_INET, SOCK_STREAM, 0); bind($t, pack_sockaddr_in(0, INADDR_LOOPBACK)); listen($t, 1); $SIG{TERM} = $SIG{HUP} = "IGNORE"; sleep 1000' &
  setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; done' &
  setsid perl -e 'my $n = 3.5e8; my $much = "x" x $n; open(my $f, ">", "/tmp/much"); sleep 1000' & until [ -e /tmp/much ] && [ -S /tmp/socket ]; do sleep 0.1; done
  (setsid sleep 1000 &) ; sleep 0.3; cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg | wc -l; ls /dev/mqueue /tmp
`;

async function run(script: string, epoch: number): Promise<string> {
  const result = await cage.runAgent(['/bin/bash', '-c', script], KEY, { epoch });
  expect(result.state).toBe('succeeded');
  return result.answer!;
}

describe('a cage that is used again', () => {
  let before: string;
  let after: string;
  let keys: string[];

  beforeAll(async () => {
    keys = [cage.meterPublicKey];
    before = await run(LOOK, 1);
    await cage.reset();
    const left = await run(LEAVE, 2);
    // Three headers, and one line each.
    expect(left.split('\n').slice(0, 2)).toEqual(['6', '/dev/mqueue:']);
    expect(left).toMatch(/^queue$[^]*^fifo$[^]*^socket$/m);
    const { proof } = await cage.reset();
    expect(proof.checks.filter((check) => !check.ok)).toEqual([]);
    keys.push(cage.meterPublicKey);
    after = await run(LOOK, 3);
  });

  test('looks to its next agent as to its first', () => {
    expect(before).toContain('/run/clawcage/task.json');
    expect(after).toBe(before);
  });

  test('has another meter, and only one', async () => {
    expect(new Set(keys).size).toBe(2);
    await cage.reset();
    const { Processes } = (await cage.container.top()) as { Processes: string[][] };
    expect(Processes.filter((columns) => columns.at(-1)?.includes('meter.mjs'))).toHaveLength(1);
    expect(Processes).toHaveLength(3);
  });

  test('is writable nowhere but in what is emptied', async () => {
    const script = `find / -writable -not -type l -not -path '/proc/*' -not -path '/dev/*' -not -path '/sys/*' 2>/dev/null | grep -v -e '^/work' -e '^/tmp' -e '^/run/clawcage' -e '^/run/gate/gate.sock$'; find /dev -type d -writable 2>/dev/null`;
    expect((await run(script, 4)).trim().split('\n').toSorted()).toEqual(['/dev/mqueue', '/dev/shm']);
  });
});

test('a cage that cannot be emptied ends', async () => {
  const other = await yard.cage();
  try {
    // Deeper than any path may be long.
    const script = `cd /tmp; for i in $(seq 40); do d=$(printf 'd%.0s' $(seq 200)); mkdir $d; cd $d || exit 1; done`;
    expect((await other.runAgent(['/bin/bash', '-c', script], KEY)).state).toBe('succeeded');
    other.link.send({ type: 'reset' });
    expect(((await other.container.wait()) as { StatusCode: number }).StatusCode).toBe(70);
  } finally {
    await other.remove();
  }
});
