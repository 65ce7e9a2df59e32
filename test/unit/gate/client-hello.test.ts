import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { HELLO_LIMIT, readClientHello } from '../../../cage-image/gate/client-hello.ts';
import { clientHello, inRecordsOf } from '../../support/client-hello.ts';

let hello: Buffer;
beforeAll(async () => {
  hello = await clientHello({ servername: 'api.example.com' });
});

describe('the server name of a ClientHello', () => {
  it('is read', () => {
    expect(readClientHello(hello)).toEqual({ done: true, serverName: 'api.example.com' });
  });

  it('is absent where the client gave none', async () => {
    expect(readClientHello(await clientHello({ host: '127.0.0.1' }))).toEqual({
      done: true,
      serverName: undefined,
    });
  });

  it('is read in every version', async () => {
    const old = await clientHello({ servername: 'old.example', maxVersion: 'TLSv1.2' });
    expect(readClientHello(old)).toEqual({ done: true, serverName: 'old.example' });
  });

  it('is read as soon as all of it is there, however records and segments cut it, and with what follows', () => {
    for (const size of [1, 2, 3, 7, 100, 1000]) {
      const cut = inRecordsOf(size, hello);
      for (const end of [1, 4, 5, 6, 50, cut.length - 1])
        expect(readClientHello(cut.subarray(0, end))).toEqual({ done: false });
      expect(readClientHello(cut)).toMatchObject({ serverName: 'api.example.com' });
      expect(readClientHello(Buffer.concat([cut, Buffer.from([23, 3, 3, 0, 1, 0])]))).toMatchObject({
        serverName: 'api.example.com',
      });
    }
  });

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['an SSLv2 hello', Buffer.from('802e0100020015', 'hex')],
    ['another version', Buffer.from('1604010005', 'hex')],
    ['another handshake message', Buffer.from('160301000402000000', 'hex')],
    ['an empty record', Buffer.from('1603010000', 'hex')],
    ['a record above the limit', Buffer.from('160301ffff', 'hex')],
    ['a message above the limit', Buffer.from('160301000401ffffff', 'hex')],
    ['an empty hello', Buffer.from('160301000401000000', 'hex')],
  ])('is not looked for in %s', (_, bytes) => {
    expect(() => readClientHello(bytes)).toThrow(expect.objectContaining({ code: 'gate_not_tls' }));
  });

  it('is waited for no longer than the limit', () => {
    const endless = Buffer.concat([
      Buffer.from('160301400001007ffc', 'hex'),
      Buffer.alloc(16_380),
      Buffer.from('1603014000', 'hex'),
      Buffer.alloc(16_384),
    ]);
    expect(readClientHello(endless.subarray(0, HELLO_LIMIT - 1))).toEqual({ done: false });
    expect(() => readClientHello(endless.subarray(0, HELLO_LIMIT))).toThrow(
      expect.objectContaining({ code: 'gate_not_tls' }),
    );
  });

  it('may be given once', () => {
    const name = Buffer.from('0000000e000c0000096c6f63616c686f7374', 'hex');
    const build = (...extensions: Buffer[]) => {
      const all = Buffer.concat(extensions);
      const body = Buffer.concat([
        Buffer.alloc(34, 3),
        Buffer.from('00', 'hex'),
        Buffer.from('00021301', 'hex'),
        Buffer.from('0100', 'hex'),
        u16(all.length),
        all,
      ]);
      const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
      return Buffer.concat([Buffer.from([22, 3, 1]), u16(message.length), message]);
    };
    const refused = expect.objectContaining({ code: 'gate_not_tls' });
    expect(readClientHello(build(name))).toEqual({ done: true, serverName: 'localhost' });
    expect(() => readClientHello(build(name, name))).toThrow(refused);
    const two = Buffer.from('0000001a00180000096c6f63616c686f7374' + '0000096c6f63616c686f7374', 'hex');
    expect(() => readClientHello(build(two))).toThrow(refused);
  });

  it('is read, asked more for, or refused with a code, and nothing else', () => {
    const mutated = fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([at, value, end]) => {
      const bytes = Buffer.from(hello);
      bytes[at % bytes.length] = value;
      return bytes.subarray(0, end % (bytes.length + 1));
    });
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from([22, 3, 1, ...bytes])),
        ),
        (bytes) => {
          try {
            readClientHello(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(CodedError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
