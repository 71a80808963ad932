import {startSandboxApi} from '../../../../src/lib/sandbox/api/server.js';

/** A sandbox API in a process of its own; prints its address and serves until it is killed, or its parent is gone. */
const api = await startSandboxApi({dir: process.argv[2] ?? ''});
process.stdout.write(`${api.url}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
