import { existsSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from 'vitest';
import { emptyApp } from '../../support/empty-app.ts';

let browser: Browser;
let app: FastifyInstance;
let url: string;
let page: Page;
const problems: string[] = [];
const asked: string[] = [];

beforeAll(async () => {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
  browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--no-sandbox'] });
  app = await emptyApp();
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await browser.close();
  await app.close();
});

beforeEach(async () => {
  page = await browser.newPage();
  problems.length = 0;
  asked.length = 0;
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => asked.push(request.url()));
});
afterEach(() => page.close());

it('needs no token, nothing from elsewhere, and keeps to the policy of the service', async () => {
  const answer = await page.goto(`${url}/api/docs`);
  expect(answer!.headers()['content-security-policy']).toContain("default-src 'self'");
  await page.getByRole('heading', { name: 'Give a Claw a task' }).waitFor();
  expect(problems).toEqual([]);
  expect(asked.filter((one) => !one.startsWith(url) && !one.startsWith('data:'))).toEqual([]);
});

it('finds an operation by its words, and leads to it and to its schemas', async () => {
  await page.goto(`${url}/api/docs`);
  await page.getByLabel('Find').fill('signs webhooks');
  const links = page.locator('nav li a:visible');
  expect(await links.allInnerTexts()).toEqual([
    expect.stringContaining('Get the secret that signs webhooks'),
    expect.stringContaining('Replace the secret that signs webhooks'),
  ]);
  await links.first().click();
  await expect.poll(() => new URL(page.url()).hash).toBe('#getWebhookSecret');
  await page.goto(`${url}/api/docs#schema-TaskCreate`);
  await page.locator('#schema-TaskCreate').waitFor({ state: 'visible' });
  expect(await page.locator('#schema-TaskCreate').innerText()).toContain('What is to be done.');
});

it('fits a wide window and a phone without scrolling sideways', async () => {
  for (const width of [1200, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`${url}/api/docs`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  }
});

it('gives the document to programs, without a token', async () => {
  const answer = await app.inject({ url: '/api/openapi.json' });
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
});
