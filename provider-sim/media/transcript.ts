import type { AudioFacts } from './audio-facts.ts';

export interface Segment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What is heard in a sound: the simulator hears no words, and says what came. */
export function transcriptOf({ type, seconds }: AudioFacts, bytes: number, name: string): string {
  return `This is a sound of ${seconds.toFixed(2)} seconds. It came as ${type} in ${bytes} bytes, named ${name}.`;
}

/** A segment for each sentence, in equal parts of the time. */
export function segmentsOf(text: string, seconds: number): Segment[] {
  const sentences = text.split(/(?<=\.) (?=[A-Z])/);
  const each = seconds / sentences.length;
  return sentences.map((sentence, at) => ({ text: sentence, start: at * each, end: (at + 1) * each }));
}

/** SubRip. */
export function srt(segments: readonly Segment[]): string {
  return segments
    .map(({ text, start, end }, at) => `${at + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${text}\n\n`)
    .join('');
}

/** https://www.w3.org/TR/webvtt1/ */
export function vtt(segments: readonly Segment[]): string {
  const cues = segments.map(
    ({ text, start, end }) => `${clock(start, '.')} --> ${clock(end, '.')}\n${text}\n\n`,
  );
  return `WEBVTT\n\n${cues.join('')}`;
}

function clock(seconds: number, point: ',' | '.'): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${point}${String(ms % 1000).padStart(3, '0')}`;
}
