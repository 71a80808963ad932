#!/usr/bin/env node
import {createRequire} from 'node:module';

const {main} = createRequire(import.meta.url)('../dist/program.cjs');

await main(process.argv.slice(2), import.meta.url);
