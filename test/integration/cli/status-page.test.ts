import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { FakeApi } from '../../support/fake-api.ts';

let browser: Browser;
let page: Page;
let api: FakeApi;
const problems: string[] = [];

beforeAll(async () => {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
  browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--no-sandbox'] });
});
afterAll(() => browser.close());

beforeEach(async () => {
  api = await new FakeApi().start();
  page = await browser.newPage();
  problems.length = 0;
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
});
afterEach(async () => {
  await page.close();
  await api.stop();
});

const open = () => page.goto(`${api.url}/#token=${api.token}`);

it('shows parts, Claws with their caps, tasks and cages, with the token out of the address', async () => {
  api.addClaw('writer');
  api.addTask({ claw: 'writer', text: 'x', files: [] }).end('failed', { error: 'agent_failed' });
  api.cages = [{ cageId: 'cage-1', claw: 'writer', task: null, state: 'spare' }];
  await open();
  await page.getByText('Ready · 0 tasks running').waitFor();
  expect(page.url()).toBe(`${api.url}/`);
  expect(await page.locator('#parts').innerText()).toMatch(/✓ store\s+✓ redis/);
  expect(await page.locator('#claws').innerText()).toContain('123 of 60\u202f000');
  expect(await page.locator('meter').first().getAttribute('aria-label')).toBe(
    'tokens, this minute: 123 of 60\u202f000',
  );
  expect(await page.locator('#tasks tbody').innerText()).toContain('failed · agent_failed');
  expect(await page.locator('#cages tbody').innerText()).toContain('warm spare');
  expect(problems).toEqual([]);
});

it('is of use when there is nothing yet', async () => {
  await open();
  await page.getByText('clawcage claws create').waitFor();
  expect(await page.locator('#tasks').innerText()).toContain('No tasks yet.');
});

it('says which part is not ready and why', async () => {
  api.parts = { ...api.parts, gate: { ok: false, reason: 'does not answer' } };
  await open();
  await page.getByText('✗ gate: does not answer').waitFor();
  expect(await page.locator('#summary').innerText()).toBe('Not ready: 1 part is not · 0 tasks running');
});

it('asks for the token, says when it is wrong, and keeps it for this tab only', async () => {
  await page.goto(api.url);
  const field = page.getByLabel('Administrator token');
  await field.fill('clw_wrong');
  await page.keyboard.press('Enter');
  await page.getByText('The service does not know that token.').waitFor();
  await field.fill(api.token);
  await page.keyboard.press('Enter');
  await page.getByText('Ready').waitFor();
  await page.reload();
  await page.getByText('Ready').waitFor();
  expect(await page.evaluate(() => ({ stored: sessionStorage.length, kept: localStorage.length }))).toEqual({
    stored: 1,
    kept: 0,
  });
});

it('is not signed out by a refusal of a token that was replaced meanwhile', async () => {
  const late = Promise.withResolvers<void>();
  await page.route('**/api/v1/status', async (route) => {
    if (route.request().headers().authorization === 'Bearer clw_wrong') await late.promise;
    await route.continue();
  });
  await page.goto(api.url);
  const field = page.getByLabel('Administrator token');
  await field.fill('clw_wrong');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => sessionStorage.getItem('clawcage.token'))).toBe('clw_wrong');
  await field.fill(api.token);
  await page.keyboard.press('Enter');
  await page.getByText('Ready').waitFor();
  const refused = page.waitForEvent(
    'requestfinished',
    async (request) => (await request.response())?.status() === 401,
  );
  late.resolve();
  await refused;
  await page.reload();
  await page.getByText('Ready').waitFor();
});

it('says when the service is gone, keeps what it knew, and goes on when it is back', async () => {
  api.addClaw('writer');
  await open();
  await page.getByText('Ready').waitFor();
  await api.stop();
  await page.getByRole('alert').getByText('The service does not answer.').waitFor();
  expect(await page.locator('#claws').innerText()).toContain('writer');
  await api.start();
  await page.getByRole('alert').waitFor({ state: 'hidden' });
});

it('shows a name as text, whatever is in it', async () => {
  api.addClaw('writer');
  api.claws.set('writer', { ...api.claws.get('writer')!, model: '<img src=x onerror=alert(1)>' });
  await open();
  await page.getByText('<img src=x onerror=alert(1)>').waitFor();
  expect(await page.locator('#claws img').count()).toBe(0);
});

it('fits a phone without scrolling sideways', async () => {
  api.addClaw('a-claw-with-a-name-of-a-good-length-as-people-do-give-them');
  api.addTask({ claw: 'writer', text: 'x', files: [] }).state('queued', 'concurrency');
  await page.setViewportSize({ width: 340, height: 700 });
  await open();
  await page.getByText('Ready').waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(340);
});
