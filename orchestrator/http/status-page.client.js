// The status page's own code: asks GET /api/v1/status every two seconds with the visitor's token and draws what it says.
// Everything from the service goes in as text, never as markup.

const REFRESH_MS = 2000;
const ANSWER_MS = 10_000;
const STORED = 'clawcage.token';
const byId = (id) => document.getElementById(id);

/** The token comes once in the address, behind the #, which no server sees; it is taken out of the address at once. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    sessionStorage.setItem(STORED, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(STORED);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const count = (value) => new Intl.NumberFormat('en').format(value).replaceAll(',', '\u202f');

function ago(iso) {
  const s = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  return s < 86_400 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86_400)} d ago`;
}

function took({ startedAt, endedAt }) {
  if (!startedAt) return '–';
  const ms = (endedAt ? Date.parse(endedAt) : Date.now()) - Date.parse(startedAt);
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}

/** Replaces the content only where it changed, so that a selection and the focus outlive a refresh. */
function fill(id, ...children) {
  const next = element('div', {}, ...children);
  const place = byId(id);
  if (place.innerHTML !== next.innerHTML) place.replaceChildren(...next.childNodes);
}

function showParts(parts) {
  const items = Object.entries(parts).map(([name, part]) => {
    const words = part.ok ? name : `${name}: ${part.reason ?? 'not ready'}`;
    return element('li', { class: part.ok ? 'good' : 'bad' }, `${part.ok ? '✓' : '✗'} ${words}`);
  });
  fill('parts', ...items);
}

/** Where a bar turns from green to amber to red. */
const levels = (limit) => ({ low: limit * 0.5, high: limit * 0.8, optimum: 0 });

function capRows(label, { used, limit }) {
  const words = limit === null ? `${count(used)}, no cap` : `${count(used)} of ${count(limit)}`;
  const bar = limit
    ? element(
        'dd',
        { class: 'bar' },
        element('meter', {
          min: 0,
          max: limit,
          ...levels(limit),
          value: Math.min(used, limit),
          'aria-label': `${label}: ${words}`,
        }),
      )
    : null;
  return [element('dt', {}, label), element('dd', {}, words), bar];
}

function clawCard({ claw, caps, usage24h, running, queued }) {
  const state = element('span', { class: claw.state === 'deployed' ? 'good' : 'dim' }, claw.state);
  const rows = element(
    'dl',
    {},
    element('dt', {}, 'model'),
    element('dd', {}, claw.model),
    ...capRows('tokens, this minute', caps.tokens),
    ...capRows('requests, this minute', caps.requests),
    element('dt', {}, 'tokens, 24 h'),
    element('dd', {}, count(usage24h.totalTokens)),
    element('dt', {}, 'tasks running'),
    element('dd', {}, String(running)),
    element('dt', {}, 'tasks queued'),
    element('dd', {}, String(queued)),
  );
  return element(
    'article',
    { class: 'card' },
    element('header', {}, element('h3', {}, claw.name), state),
    rows,
  );
}

const empty = (text, command) => element('p', { class: 'dim' }, `${text} `, element('code', {}, command));

function table(headings, rows) {
  const cells = (row) => row.map((cell, column) => element('td', { 'data-label': headings[column] }, cell));
  return element(
    'table',
    {},
    element(
      'thead',
      {},
      element('tr', {}, ...headings.map((heading) => element('th', { scope: 'col' }, heading))),
    ),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...cells(row)))),
  );
}

const STATE_CLASS = { succeeded: 'good', failed: 'bad', timed_out: 'bad', cancelled: 'dim', queued: 'warn' };

function stateCell({ state, waiting, error }) {
  const words = [state.replace('_', ' '), waiting && `waiting: ${waiting}`, error?.code]
    .filter(Boolean)
    .join(' · ');
  return element('span', { class: STATE_CLASS[state] ?? '' }, words);
}

function taskRow(task) {
  return [element('code', {}, task.id), task.claw, stateCell(task), ago(task.createdAt), took(task)];
}

function cageRow({ cageId, claw, task, state }) {
  return [element('code', {}, cageId), claw ?? '–', task ? element('code', {}, task) : 'warm spare', state];
}

function show(report) {
  byId('report').hidden = false;
  byId('sign-out').hidden = false;
  const running = report.claws.reduce((sum, { running: some }) => sum + some, 0);
  const wrong = Object.values(report.parts).filter((part) => !part.ok).length;
  const verdict = report.ready ? 'Ready' : `Not ready: ${wrong} ${wrong === 1 ? 'part is' : 'parts are'} not`;
  say(`${verdict} · ${running} ${running === 1 ? 'task' : 'tasks'} running`, report.ready ? 'good' : 'bad');
  showParts(report.parts);
  const noClaws = empty(
    'No Claws yet. Make one with',
    'clawcage claws create NAME --model MODEL --key KEY --deploy',
  );
  fill('claws', ...(report.claws.length ? report.claws.map(clawCard) : [noClaws]));
  const noTasks = empty('No tasks yet. Run one with', 'clawcage run NAME "what to do"');
  fill(
    'tasks',
    report.tasks.length
      ? table(['Task', 'Claw', 'State', 'Made', 'Took'], report.tasks.map(taskRow))
      : noTasks,
  );
  const noCages = element('p', { class: 'dim' }, 'No cage runs.');
  fill(
    'cages',
    report.cages.length ? table(['Cage', 'Claw', 'Task', 'State'], report.cages.map(cageRow)) : noCages,
  );
  byId('footer').textContent =
    `ClawCage ${report.version} · installation ${report.install} · refreshed every 2 s`;
}

/** Only what changed is written, so that a screen reader is not told the same every two seconds. */
function say(words, kind) {
  const summary = byId('summary');
  if (summary.textContent !== words) summary.textContent = words;
  summary.className = kind;
}

function notice(words) {
  byId('notice').hidden = words === '';
  if (byId('notice').textContent !== words) byId('notice').textContent = words;
  document.body.classList.toggle('stale', words !== '');
}

function askForToken(words) {
  sessionStorage.removeItem(STORED);
  notice('');
  say(words, words === SIGN_IN ? '' : 'bad');
  byId('report').hidden = true;
  byId('sign-out').hidden = true;
  if (!byId('sign-in').hidden) return;
  byId('sign-in').hidden = false;
  byId('token').focus();
}

const SIGN_IN = 'Enter the token to see the state of this installation.';

async function refresh() {
  const token = takeToken();
  if (!token) return askForToken(SIGN_IN);
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch('/api/v1/status', {
      headers: { authorization: `Bearer ${token}` },
      cache: 'no-store',
      signal,
    });
    // An answer to a token that was replaced meanwhile says nothing of this one.
    if (takeToken() !== token) return;
    if (response.status === 401) return askForToken('The service does not know that token.');
    const body = await response.json();
    if (!response.ok)
      return notice(
        `The service answered: ${body.error?.message ?? response.status} (request ${body.error?.requestId ?? 'unknown'})`,
      );
    byId('sign-in').hidden = true;
    notice('');
    show(body);
  } catch {
    say('No answer', 'bad');
    notice(
      'The service does not answer. Start it with clawcage up; this page goes on by itself when it is back.',
    );
  }
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  byId('token').value = '';
  if (!token) return;
  sessionStorage.setItem(STORED, token);
  void refresh();
});
byId('sign-out').addEventListener('click', () => askForToken(SIGN_IN));
addEventListener('hashchange', () => void refresh());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh();
});

/** One question at a time, and none while nobody looks. */
async function go() {
  if (!document.hidden && (byId('sign-in').hidden || sessionStorage.getItem(STORED))) await refresh();
  setTimeout(go, REFRESH_MS);
}
void go();
