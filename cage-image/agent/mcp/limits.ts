/** Servers that are fetched when they start take their time. */
export const MCP_START_MS = 60_000;
export const MCP_CALL_MS = 5 * 60_000;
