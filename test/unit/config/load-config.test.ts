import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { loadConfig } from '../../../orchestrator/config.ts';

const problemsOf = (env: Record<string, string>): unknown => {
  try {
    loadConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect((error as CodedError).code).toBe('config_invalid');
    return (error as CodedError).details?.problems;
  }
  throw new Error('it was accepted');
};

describe('the configuration', () => {
  it('listens on loopback at port 4180 and keeps results a day when nothing is said', () => {
    const config = loadConfig({});
    expect(config.http).toEqual({ host: '127.0.0.1', port: 4180 });
    expect(config.results.unfetchedMs).toBe(24 * 3600_000);
    expect(config.gateAllowHosts).toEqual([]);
  });

  it('refuses an unknown variable and names the nearest', () => {
    expect(problemsOf({ CLAWCAGE_PROT: '1' })).toEqual([
      'CLAWCAGE_PROT is not known; did you mean CLAWCAGE_PORT?',
    ]);
  });

  it("ignores what Kubernetes injects for a Service of the product's name", () => {
    const env = {
      CLAWCAGE_PORT: 'tcp://10.0.0.1:4180',
      CLAWCAGE_SERVICE_HOST: '10.0.0.1',
      CLAWCAGE_SERVICE_PORT: '4180',
      CLAWCAGE_GATE_PORT: 'tcp://10.0.0.2:1',
    };
    expect(loadConfig(env).http.port).toBe(4180);
  });

  it('splits the allowed hosts and refuses one without a port', () => {
    expect(
      loadConfig({ CLAWCAGE_GATE_ALLOW_HOSTS: 'host.docker.internal:9443, 10.0.0.5:8000' }).gateAllowHosts,
    ).toEqual(['host.docker.internal:9443', '10.0.0.5:8000']);
    expect(problemsOf({ CLAWCAGE_GATE_ALLOW_HOSTS: 'example.org' })).toHaveLength(1);
  });

  it('says every variable that is wrong at once', () => {
    expect(
      problemsOf({ CLAWCAGE_PORT: 'x', CLAWCAGE_REDIS_URL: 'http://a', CLAWCAGE_MAX_CAGES: '0' }),
    ).toHaveLength(3);
  });
});
