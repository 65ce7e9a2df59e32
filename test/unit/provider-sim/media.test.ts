import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { audioFacts } from '../../../provider-sim/media/audio-facts.ts';
import { adts, flac, mp3, oggOpus, pcm, wav } from '../../../provider-sim/media/containers.ts';
import { stripesPng } from '../../../provider-sim/media/png.ts';
import { segmentsOf, srt, vtt } from '../../../provider-sim/media/transcript.ts';

describe('a sound', () => {
  it('is as long as it should be', () => {
    expect(pcm(0.5)).toHaveLength(24_000);
    expect(audioFacts(wav(1.25))).toEqual({ type: 'WAV', seconds: 1.25 });
    expect(audioFacts(mp3(2))?.seconds).toBeCloseTo(2, 1);
  });

  it.each([
    ['MP3', mp3(1)],
    ['AAC', adts(1)],
    ['Ogg', oggOpus(1)],
    ['FLAC', flac(1)],
  ])('is told to be %s', (type, sound) => {
    expect(audioFacts(sound)?.type).toBe(type);
  });

  it('has frames of the length that their headers say', () => {
    const aac = adts(0.5);
    const length = ((aac[3]! & 3) << 11) | (aac[4]! << 3) | (aac[5]! >> 5);
    expect(aac.length % length).toBe(0);
    expect(aac.subarray(length, length + 2).toString('hex')).toBe('fff1');
  });

  it('is read by WAV’s own figures, also behind other chunks and with a length that lies', () => {
    const sound = wav(1);
    const list = Buffer.from('LIST\x03\x00\x00\x00abc\x00', 'latin1');
    expect(audioFacts(Buffer.concat([sound.subarray(0, 12), list, sound.subarray(12)]))?.seconds).toBe(1);
    sound.writeUInt32LE(0xffff_ffff, 40);
    expect(audioFacts(sound)?.seconds).toBe(1);
  });

  it('is nothing else', () => {
    expect(audioFacts(Buffer.from('hello world, no sound'))).toBeUndefined();
    expect(audioFacts(Buffer.alloc(0))).toBeUndefined();
  });
});

it('a PNG carries the checksums that it should', () => {
  const png = stripesPng(8, 8, 'x');
  let chunks = 0;
  for (let at = 8; at < png.length; chunks++) {
    const length = png.readUInt32BE(at);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(png.subarray(at + 4, at + 8 + length)));
    at += length + 12;
  }
  expect(chunks).toBe(4);
});

it('subtitles have a cue for each sentence, in time', () => {
  const segments = segmentsOf('One. Two has 1.50 parts. Three.', 3661.5);
  expect(segments.map(({ text }) => text)).toEqual(['One.', 'Two has 1.50 parts.', 'Three.']);
  expect(srt(segments)).toContain('3\n00:40:41,000 --> 01:01:01,500\nThree.\n');
  expect(vtt(segments)).toContain('00:00:00.000 --> 00:20:20.500\nOne.\n');
});
