/** What the environment says of the way out, as curl and others read it. */
export interface WayOut {
  /** The proxy for a URL; undefined: straight there. */
  proxyFor(url: URL): URL | undefined;
}

/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (exact hosts, domains and `*`), in either case. */
export function wayOut(environment: NodeJS.ProcessEnv): WayOut {
  const value = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? '';
  const direct = value('NO_PROXY')
    .split(',')
    .map((entry) => entry.trim().toLowerCase().replace(/^\./, ''))
    .filter((entry) => entry !== '');
  return {
    proxyFor: (url) => {
      const host = url.hostname.toLowerCase();
      if (direct.some((entry) => entry === '*' || host === entry || host.endsWith(`.${entry}`)))
        return undefined;
      const proxy = value(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
      return proxy === '' ? undefined : (URL.parse(proxy) ?? undefined);
    },
  };
}
