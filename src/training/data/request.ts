import { type UserError, userError } from '../../diagnostics/diagnostic.js';

/** Redirects that are followed, one after another. */
const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

export function failed(url: string, why: string, fix: string): UserError {
  return userError('AMP7011', `cannot download ${url}`, why, fix);
}

const FROM_ELSEWHERE = 'name an address that you trust as the mirror (docs/environment.md), or fetch the file by hand into the data folder';

/** An address of the web. Throws UserError AMP7011 for another. */
export function webAddress(text: string, base?: string): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw failed(text, 'it is no address that begins with http:// or https://', 'check the mirror that is named (docs/environment.md)');
}

/** Where a redirect leads: to anywhere by https, and where https was never used to the same host by http. */
function nextAddress(from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (next?.protocol === 'https:') return next;
  if (next?.protocol === 'http:' && from.protocol === 'http:' && next.host === from.host) return next;
  const why = next?.protocol === 'http:' ? 'which is another host without https' : 'which is no address of the web';
  throw failed(from.href, `the server sends on to ${next?.href ?? location}, ${why}`, FROM_ELSEWHERE);
}

/**
 * As `fetch`, but a redirect may lead only to where what it brings is not easier to forge. Throws UserError AMP7011 where it leads
 * elsewhere, or there are too many; and the errors of fetch.
 */
export async function request(url: string, init: RequestInit): Promise<Response> {
  let at = webAddress(url);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(at.href, { ...init, redirect: 'manual' });
    const location = REDIRECTS.includes(response.status) ? response.headers.get('location') : null;
    if (location === null) return response;
    await response.body?.cancel();
    at = nextAddress(at, location);
  }
  throw failed(url, `the server sends on more than ${MOST_REDIRECTS} times`, FROM_ELSEWHERE);
}
