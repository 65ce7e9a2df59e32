import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

// A third less work until it is ready, which its tasks wait for after a crash. It lies in the checkout: who can write there can write the sources too.
enableCompileCache(join(import.meta.dirname, '../build/compile-cache'));
const { serve } = await import('./serve.ts');
await serve(process.env);
// Now, as one that is killed writes nothing at its end.
flushCompileCache();
