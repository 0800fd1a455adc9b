import { PAGE_STYLE } from '../src/figures/style.js';

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Gives the page the colours and figures of reports. */
export function useReportStyle(): void {
  const style = document.createElement('style');
  style.textContent = PAGE_STYLE;
  document.head.prepend(style);
}
