import helmet from '@fastify/helmet';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { CodedError } from '#errors/coded-error.ts';
import {
  clawDefaults,
  functionResult,
  taskCreate,
  usageReportQuery,
  type BatchResult,
  type BatchView,
  type ClawView,
  type DeliveryView,
  type DoctorReply,
  type LeftoversReply,
  type FunctionResult,
  type KeyView,
  type StatusReply,
  type TaskView,
  type UsageRow,
} from '#protocol/api.ts';
import { statusPage } from '../../orchestrator/http/status-page.ts';
import { clientMessage, type ServerMessage, type TaskEvent } from '#protocol/live.ts';
import { batchRoutes } from './fake-batches.ts';
import { keyAndClawRoutes, OF_A_NEW_KEY } from './fake-claws.ts';
import { limitRoutes, newLimits } from './fake-limits.ts';
import {
  CAPS,
  filesOf,
  IN_A_WHILE,
  NOTHING_USED,
  NOW,
  SOME_USED,
  type FakeTask,
  type Script,
  type ScriptedTask,
  type TaskBody,
} from './fake-task.ts';
import { freePort } from './free-port.ts';

export const TOKEN = 'clw_test-token-for-the-command-line';

const echo: Script = (task) => {
  task.state('running');
  task.emit({ kind: 'text', text: task.text });
  task.end('succeeded', { answer: task.text });
};

/**
 * The HTTP API in memory, over real HTTP and WebSockets, with the schemas of `src/protocol`: for tests of its clients. It can go away and
 * come back on its port with its tasks, as the service does.
 */
export class FakeApi {
  readonly keys = new Map<string, KeyView>();
  readonly secrets = new Map<string, string>();
  readonly claws = new Map<string, ClawView>();
  readonly tasks = new Map<string, FakeTask>();
  readonly models = new Map<string, string[]>();
  readonly batches = new Map<string, { view: BatchView; results: BatchResult[] }>();
  readonly deliveries: DeliveryView[] = [];
  readonly limits = newLimits();
  /** What was changed in Claws, in order. */
  readonly patches: object[] = [];
  usage: UsageRow[] = [];
  readonly usageQueries: Record<string, string>[] = [];
  leftovers: LeftoversReply = { leftovers: [], more: 0, unseen: [] };
  doctor: DoctorReply = { ok: true, checks: [{ name: 'engine', ok: true, found: 'docker, 0 cages', ms: 3 }] };
  webhookSecret = 'whsec_Zmlyc3Q=';
  /** How a batch ends, when it is asked about for the second time. */
  endBatch: (view: BatchView) => BatchView['states'] = ({ total }) => ({ succeeded: total });
  readonly seen: { method: string; path: string; idempotencyKey?: string | undefined }[] = [];
  parts: StatusReply['parts'] = { store: { ok: true }, redis: { ok: true } };
  cages: StatusReply['cages'] = [];
  script: Script = echo;
  /** Event ids below this are no longer kept. */
  keptFrom = 1;
  /** Without it the WebSocket is refused. */
  live = true;
  /** Every request is answered as by a server that is being closed. */
  closing = false;
  onCancel: (task: ScriptedTask) => void = (task) => task.end('cancelled', { error: 'task_cancelled' });
  /** The next task is created, and the connection then breaks before the answer. */
  loseNextAnswer = false;
  readonly #created = new Map<string, string>();
  readonly #answers = new Map<string, (result: FunctionResult) => void>();
  #calls = 0;
  #app: FastifyInstance | undefined;
  #port = 0;
  readonly #watchers = new Map<string, Set<WebSocket>>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get token(): string {
    return TOKEN;
  }

  async start(port = this.#port): Promise<this> {
    this.#port = port === 0 ? await freePort() : port;
    const app = fastify({ forceCloseConnections: true, bodyLimit: 24 * 1024 * 1024 });
    await app.register(helmet, {
      hsts: false,
      contentSecurityPolicy: { useDefaults: true, directives: { upgradeInsecureRequests: null } },
    });
    await app.register(websocket);
    this.#routes(app);
    await app.listen({ host: '127.0.0.1', port: this.#port });
    this.#app = app;
    return this;
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    for (const sockets of this.#watchers.values()) for (const socket of sockets) socket.terminate();
    this.#watchers.clear();
    await app?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Cuts every WebSocket; the HTTP side goes on. */
  cutConnections(): void {
    for (const sockets of this.#watchers.values()) for (const socket of sockets) socket.terminate();
    this.#watchers.clear();
  }

  /** How many connections watch the task. */
  watchersOf(id: string): number {
    return this.#watchers.get(id)?.size ?? 0;
  }

  addClaw(name: string, state: ClawView['state'] = 'deployed', fields: Partial<ClawView> = {}): void {
    this.claws.set(name, {
      id: `claw_${name}`,
      name,
      ...clawDefaults.parse({
        model: 'sim-1',
        key: 'demo',
        requestsPerMinute: 30,
        tokensPerMinute: 60_000,
        ...fields,
      }),
      state,
      createdAt: NOW,
      updatedAt: NOW,
    });
  }

  addKey(name: string): void {
    this.keys.set(name, {
      id: `key_${name}`,
      name,
      provider: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      masked: 'sk-…cdef',
      version: 1,
      state: 'active',
      ...OF_A_NEW_KEY,
    });
  }

  addTask(body: TaskBody & { claw: string }): ScriptedTask {
    const id = `task_${this.tasks.size + 1}`;
    const view: TaskView = {
      id,
      claw: body.claw,
      state: 'queued',
      waiting: null,
      epoch: 1,
      priority: 0,
      notBefore: null,
      deadline: null,
      batch: null,
      ref: null,
      createdAt: NOW,
      startedAt: null,
      endedAt: null,
    };
    const task: FakeTask = {
      reply: { task: view, usage: NOTHING_USED },
      answer: null,
      body,
      events: [],
      files: new Map(),
      calls: [],
    };
    this.tasks.set(id, task);
    return this.#scripted(id, task);
  }

  #scripted(id: string, task: FakeTask): ScriptedTask {
    const emit = (event: TaskEvent): void => {
      task.events.push(event);
      for (const socket of this.#watchers.get(id) ?? [])
        this.#send(socket, { type: 'event', task: id, id: task.events.length, at: NOW, event });
    };
    const change = (view: Partial<TaskView>): void =>
      void (task.reply = { ...task.reply, task: { ...task.reply.task, ...view } });
    return {
      id,
      text: task.body.text,
      body: task.body,
      emit,
      leave: (path, content) => void task.files.set(path, content),
      call: (name, args) => {
        const call = {
          id: `call_${++this.#calls}`,
          task: id,
          name,
          arguments: args,
          askedAt: NOW,
          deadline: IN_A_WHILE,
        };
        task.calls.push(call);
        const answered = Promise.withResolvers<FunctionResult>();
        this.#answers.set(call.id, answered.resolve);
        emit({ kind: 'function_call', call });
        return answered.promise;
      },
      state: (state, waiting) => {
        change({ state, waiting: waiting ?? null });
        emit({ kind: 'state', task: task.reply.task });
      },
      end: (state, { answer, error } = {}) => {
        change({
          state,
          waiting: null,
          startedAt: NOW,
          endedAt: '2026-01-02T03:04:06.500Z',
          ...(error && { error: new CodedError(error).toBody() as never }),
        });
        task.reply = { ...task.reply, usage: SOME_USED };
        task.answer = answer ?? null;
        emit({ kind: 'ended', task: task.reply.task, usage: SOME_USED });
      },
    };
  }

  #send(socket: WebSocket, message: ServerMessage): void {
    socket.send(JSON.stringify(message));
  }

  #routes(app: FastifyInstance): void {
    app.setErrorHandler((error, _request, reply) => {
      const coded =
        error instanceof CodedError
          ? error
          : new CodedError('request_invalid', { reason: (error as Error).name });
      return reply.status(coded.status).send({ error: { ...coded.toBody(), requestId: 'req_test' } });
    });
    app.addHook('onRequest', (_, reply, done) => (this.closing ? void reply.status(503).send({}) : done()));
    app.addHook('onRequest', async (request) => {
      const path = request.url.split('?')[0]!;
      this.seen.push({
        method: request.method,
        path,
        idempotencyKey: request.headers['idempotency-key'] as string | undefined,
      });
      if (!path.startsWith('/api/')) return;
      if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new CodedError('not_authenticated');
    });
    const found = <T>(item: T | undefined): T => {
      if (item === undefined) throw new CodedError('not_found');
      return item;
    };
    type Named = { Params: { name: string } };
    const ready = (): boolean => Object.values(this.parts).every((part) => part.ok);
    const page = statusPage();
    app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page.html));
    app.get('/status.js', async (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').send(page.script),
    );
    app.get('/status.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(page.style));
    app.get('/readyz', async (_request, reply) =>
      reply.status(ready() ? 200 : 503).send({ ready: ready(), parts: this.parts }),
    );
    app.get('/api/v1/status', async () => ({
      ready: ready(),
      version: '0.1.0',
      install: 'test000000',
      parts: this.parts,
      cages: this.cages,
      tasks: [...this.tasks.values()].map(({ reply }) => reply.task),
      claws: [...this.claws.values()].map((claw) => ({
        claw,
        caps: CAPS,
        usage24h: SOME_USED,
        running: 0,
        queued: 0,
      })),
    }));
    app.post('/api/v1/cages/end', async () => ({ ended: this.cages.splice(0).length }));

    keyAndClawRoutes(app, this, found);
    limitRoutes(app, this, found);
    app.get<Named>('/api/v1/claws/:name/usage', async ({ params }) => {
      found(this.claws.get(params.name));
      return { claw: params.name, since: NOW, usage: SOME_USED, caps: CAPS };
    });

    app.post<Named>('/api/v1/claws/:name/tasks', async (request, reply) => {
      found(this.claws.get(request.params.name));
      const key = String(request.headers['idempotency-key']);
      const known = this.tasks.get(this.#created.get(key) ?? '');
      if (known) return reply.status(202).send(known.reply);
      const task = this.addTask({ ...taskCreate.parse(request.body), claw: request.params.name });
      this.#created.set(key, task.id);
      setImmediate(() => void this.script(task));
      if (this.loseNextAnswer) {
        this.loseNextAnswer = false;
        reply.hijack();
        return request.raw.socket.destroy();
      }
      return reply.status(202).send(this.tasks.get(task.id)!.reply);
    });
    app.get<{ Querystring: { state?: string; claw?: string } }>('/api/v1/tasks', async ({ query }) => ({
      items: [...this.tasks.values()]
        .map(({ reply }) => reply.task)
        .filter(
          (task) => (query.state ?? task.state) === task.state && (query.claw ?? task.claw) === task.claw,
        ),
      nextCursor: null,
    }));
    type WithId = { Params: { id: string } };
    app.get<WithId>('/api/v1/tasks/:id', async ({ params }) => found(this.tasks.get(params.id)).reply);
    app.get<WithId>('/api/v1/tasks/:id/result', async ({ params }) => {
      const { reply, answer } = found(this.tasks.get(params.id));
      return { ...reply, answer, files: filesOf(this.tasks.get(params.id)) };
    });
    app.get<WithId>('/api/v1/tasks/:id/files', async ({ params }) => {
      found(this.tasks.get(params.id));
      return { items: filesOf(this.tasks.get(params.id)), nextCursor: null };
    });
    app.get<{ Params: { id: string; '*': string } }>('/api/v1/tasks/:id/files/*', async ({ params }, reply) =>
      reply
        .type('application/octet-stream')
        .send(Buffer.from(found(this.tasks.get(params.id)?.files.get(params['*'])))),
    );
    app.get<WithId>('/api/v1/tasks/:id/calls', async ({ params }) => ({
      items: found(this.tasks.get(params.id)).calls.filter(({ id }) => this.#answers.has(id)),
      nextCursor: null,
    }));
    app.post<{ Params: { id: string; call: string } }>(
      '/api/v1/tasks/:id/calls/:call',
      async ({ params, body }) => {
        const call = found(found(this.tasks.get(params.id)).calls.find(({ id }) => id === params.call));
        const answer = this.#answers.get(call.id);
        if (!answer) throw new CodedError('function_call_answered');
        this.#answers.delete(call.id);
        answer(functionResult.parse(body));
        return { task: params.id, call: params.call };
      },
    );
    app.get<WithId>('/api/v1/tasks/:id/deliveries', async ({ params }) => ({
      items: this.deliveries.filter(({ task }) => task === params.id),
      nextCursor: null,
    }));
    batchRoutes(app, this, found);
    app.get('/api/v1/webhooks/secret', async () => ({ secret: this.webhookSecret }));
    app.post('/api/v1/webhooks/secret/rotate', async () => ({
      secret: (this.webhookSecret = 'whsec_c2Vjb25k'),
    }));
    app.get('/api/v1/usage', async ({ query }) => {
      const { timeZone } = usageReportQuery.parse(query);
      this.usageQueries.push(query as Record<string, string>);
      return { since: NOW, until: NOW, timeZone, items: this.usage, total: SOME_USED, nextCursor: null };
    });
    app.get('/api/v1/doctor', async () => this.doctor);
    app.get('/api/v1/doctor/leftovers', async () => this.leftovers);
    app.post<WithId>('/api/v1/tasks/:id/cancel', async ({ params }) => {
      const task = found(this.tasks.get(params.id));
      this.onCancel(this.#scripted(params.id, task));
      return task.reply;
    });
    app.get('/api/v1/events', { websocket: true }, (socket) => this.#watch(socket));
  }

  #watch(socket: WebSocket): void {
    if (!this.live) return socket.terminate();
    socket.on('message', (data: Buffer) => {
      const message = clientMessage.parse(JSON.parse(String(data)));
      if (message.type !== 'subscribe' || !this.tasks.has(message.task)) return;
      const { task: id, after = 0 } = message;
      if (after > 0 && this.keptFrom > after + 1)
        this.#send(socket, { type: 'gap', task: id, from: this.keptFrom });
      const from = Math.max(after, this.keptFrom - 1, 0);
      for (const [at, event] of this.tasks.get(id)!.events.slice(from).entries())
        this.#send(socket, { type: 'event', task: id, id: from + at + 1, at: NOW, event });
      this.#send(socket, { type: 'caught_up', task: id });
      const watchers = this.#watchers.get(id) ?? new Set();
      this.#watchers.set(id, watchers.add(socket));
      socket.on('close', () => watchers.delete(socket));
    });
  }
}
