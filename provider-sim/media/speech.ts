import { adts, flac, mp3, oggOpus, pcm, wav } from './containers.ts';

export const SPEECH_FORMATS = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'] as const;
export type SpeechFormat = (typeof SPEECH_FORMATS)[number];

const MAKERS: Record<SpeechFormat, { readonly type: string; make(seconds: number): Buffer }> = {
  mp3: { type: 'audio/mpeg', make: mp3 },
  opus: { type: 'audio/opus', make: oggOpus },
  aac: { type: 'audio/aac', make: adts },
  flac: { type: 'audio/flac', make: flac },
  wav: { type: 'audio/wav', make: wav },
  pcm: { type: 'audio/pcm', make: pcm },
};

const CHARACTERS_A_SECOND = 15;

/** How long it takes to say a text, at least a fifth of a second. */
export function secondsOfSpeech(text: string, speed: number): number {
  return Math.max(0.2, text.length / CHARACTERS_A_SECOND / speed);
}

/** The sound of so many seconds: a tone in WAV and PCM, silence in the others. Not a word of the text is to be heard. */
export function speech(
  format: SpeechFormat,
  seconds: number,
): { readonly type: string; readonly bytes: Buffer } {
  const { type, make } = MAKERS[format];
  return { type, bytes: make(seconds) };
}
