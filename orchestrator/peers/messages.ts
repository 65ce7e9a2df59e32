import { z } from 'zod';

/** What orchestrators of one installation tell each other through Redis: ids only, and content only sealed under its task's shredding key. */
export const peerNews = z.discriminatedUnion('kind', [
  /** A mark is in the task's row: whoever has its attempt looks. */
  z.strictObject({ kind: z.literal('cancel'), organisation: z.string(), task: z.string() }),
  /** It has left in order: what it held is free now. */
  z.strictObject({ kind: z.literal('left'), orchestrator: z.string() }),
]);
export type PeerNews = z.infer<typeof peerNews>;

/** What one asks of the holder of an attempt, and is answered. */
export const peerQuestion = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('function_result'),
    organisation: z.string(),
    task: z.string(),
    callId: z.string(),
    /** The caller's answer, sealed under the task's key; base64. */
    sealed: z.string(),
  }),
  /** Answered with the calls that wait, sealed under the task's key; base64. */
  z.strictObject({ kind: z.literal('function_calls'), organisation: z.string(), task: z.string() }),
]);
export type PeerQuestion = z.infer<typeof peerQuestion>;

/** Words between orchestrators. News are best effort: whoever depends on them also looks at the rows now and then. */
export interface Peers {
  tell(news: PeerNews): Promise<void>;
  onNews(listener: (news: PeerNews) => void): void;
  /** What the other answers. Errors: those that it answers with; `peer_silent` where nothing comes in time. */
  ask(orchestrator: string, question: PeerQuestion): Promise<string | undefined>;
  /** Answers what others ask of this orchestrator; what it throws is their answer. */
  onQuestion(answer: (question: PeerQuestion) => Promise<string | undefined>): void;
}
