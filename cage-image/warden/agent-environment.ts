import type { CagePaths } from '../paths.ts';

export interface AgentAccess {
  /** Of the meter's loopback endpoint. */
  readonly meterPort: number;
  readonly agentKey: string;
  /** Of the warden's loopback proxy. */
  readonly proxyPort: number;
}

/** The whole environment of an agent. The key in it opens the meter's loopback endpoint and nothing else. */
export function agentEnvironment(paths: CagePaths, access: AgentAccess): Record<string, string> {
  const proxy = `http://127.0.0.1:${access.proxyPort}`;
  const direct = '127.0.0.1,localhost';
  return {
    HOME: paths.work,
    PATH: paths.searchPath,
    LANG: 'C.UTF-8',
    OPENAI_BASE_URL: `http://127.0.0.1:${access.meterPort}/v1`,
    OPENAI_API_KEY: access.agentKey,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: direct,
    // curl and many others read these in lower case only.
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: direct,
  };
}
