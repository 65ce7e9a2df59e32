import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CagePaths } from '../paths.ts';
import type { RunFiles } from './run-files.ts';

export interface AgentAccess {
  readonly model: string;
  /** Of the meter's loopback endpoint. */
  readonly meterPort: number;
  readonly agentKey: string;
  /** Of the warden's loopback proxy. */
  readonly proxyPort: number;
  readonly files: RunFiles;
}

/** What programs read the file with the certificate authorities from: OpenSSL's, Node, git, pip, Python's requests, curl, npm, cargo, AWS. */
const CA_VARIABLES = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'npm_config_cafile',
  'CARGO_HTTP_CAINFO',
  'AWS_CA_BUNDLE',
];

/**
 * The whole environment of an agent: what its image sets (never the warden's or the meter's), and over it what leads to the model, the proxy and the task. The key in it
 * opens the meter's loopback endpoint and nothing else.
 */
export function agentEnvironment(paths: CagePaths, access: AgentAccess): Record<string, string> {
  const { files, model } = access;
  const proxy = `http://127.0.0.1:${access.proxyPort}`;
  const direct = '127.0.0.1,localhost';
  return {
    LANG: 'C.UTF-8',
    PATH: paths.searchPath,
    ...imageEnvironment(paths),
    HOME: paths.work,
    OPENAI_BASE_URL: `http://127.0.0.1:${access.meterPort}/v1`,
    OPENAI_API_KEY: access.agentKey,
    OPENAI_MODEL: model,
    CLAWCAGE_MODEL: model,
    CLAWCAGE_TASK_FILE: files.taskFile,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: direct,
    // curl and many others read these in lower case only.
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: direct,
    // Node's own `fetch` and `http` ask for it.
    NODE_USE_ENV_PROXY: '1',
    ...(files.caFile !== undefined && Object.fromEntries(CA_VARIABLES.map((name) => [name, files.caFile!]))),
  };
}

/** The variables of an image over which ours was laid, as its build wrote them down: `{NAME: value}`. */
function imageEnvironment(paths: CagePaths): Record<string, string> {
  try {
    return JSON.parse(readFileSync(join(paths.installation, 'image-env.json'), 'utf8')) as Record<
      string,
      string
    >;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
