/** How long one use of `fetch` may take, its redirects with it. */
export const FETCH_MS = 60_000;
