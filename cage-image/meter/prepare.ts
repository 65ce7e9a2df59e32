import type { AllowedCall } from './allow-list.ts';
import type { OwnFiles } from './own-files.ts';
import type { OwnAnswer, PreparedCall } from './prepared-call.ts';
import type { AgentRequest, ClawBounds } from './requests/agent-request.ts';
import { prepareChat } from './requests/chat.ts';
import { prepareEmbedding } from './requests/embedding.ts';
import { prepareFileCall, prepareUpload } from './requests/files.ts';
import { prepareImageEdit, prepareImages } from './requests/image.ts';
import { prepareModel, prepareModelList } from './requests/models.ts';
import { prepareModeration } from './requests/moderation.ts';
import { prepareInputTokens, prepareResponse } from './requests/response.ts';
import { prepareSpeech } from './requests/speech.ts';
import { prepareTranscription } from './requests/transcription.ts';

/** A call of the agent's made ready for the provider, or answered. Errors of the kinds' own, all `meter_…`. */
export function prepareCall(
  call: AllowedCall,
  asked: AgentRequest,
  claw: ClawBounds,
  own: OwnFiles,
): PreparedCall | OwnAnswer {
  switch (call.kind) {
    case 'chat':
      return prepareChat(asked, claw);
    case 'response':
      return prepareResponse(asked, claw);
    case 'input_tokens':
      return prepareInputTokens(asked, claw);
    case 'embedding':
      return prepareEmbedding(asked, claw);
    case 'image_generation':
      return prepareImages(asked, claw);
    case 'image_edit':
      return prepareImageEdit(asked, claw);
    case 'speech':
      return prepareSpeech(asked, claw);
    case 'transcription':
      return prepareTranscription('transcriptions', asked, claw);
    case 'translation':
      return prepareTranscription('translations', asked, claw);
    case 'moderation':
      return prepareModeration(asked, claw);
    case 'file_upload':
      return prepareUpload(asked, claw.model, own);
    case 'file_list':
      return { ownAnswer: own.page(call.query) };
    case 'file':
    case 'file_content':
    case 'file_delete':
      return prepareFileCall(call, asked.accept, claw.model, own);
    case 'models':
      return prepareModelList(asked.accept, claw);
    case 'model':
      return prepareModel(call, asked.accept, claw);
  }
}
