import type { Browser, Page } from 'playwright-core';

/** A page of which is kept what it says on the console, errors included, and what it asks for. */
export interface WatchedPage {
  readonly page: Page;
  readonly said: readonly string[];
  /** Addresses. */
  readonly asked: readonly string[];
}

export async function watchedPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const [said, asked]: [string[], string[]] = [[], []];
  page.setDefaultTimeout(120_000);
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  return { page, said, asked };
}

/** What a page asked of anybody but the server at `url`. */
export function askedElsewhere({ asked }: WatchedPage, url: string): readonly string[] {
  return asked.filter((address) => !address.startsWith(url) && !address.startsWith('data:'));
}
