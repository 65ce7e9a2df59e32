import { expect, it } from 'vitest';
import { statusPage } from '../../../orchestrator/http/status-page.ts';

it('has nothing inline and nothing from elsewhere, so that default-src self is enough', () => {
  const { html, script, style } = statusPage();
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/i);
  expect(html.match(/(?:src|href)="([^"]+)"/g)).toEqual([
    'href="data:,"',
    'href="/status.css"',
    'src="/status.js"',
    'href="#claws"',
  ]);
  expect(script + style + html).not.toMatch(/https?:\/\/|@import|url\(/);
});

it('puts what the service says in as text only', () => {
  expect(statusPage().script).not.toMatch(
    /innerHTML\s*=(?!=)|outerHTML\s*=(?!=)|insertAdjacentHTML|document\.write|\beval\(/,
  );
});
