import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {Plugin} from '@oclif/core';
import {expect} from 'chai';

describe('oclif.manifest.json', () => {
  it('is what the commands say now (npm run manifest renews it)', async () => {
    const plugin = new Plugin({
      errorOnManifestCreate: true,
      ignoreManifest: true,
      respectNoCacheDefault: true,
      root: resolve('.'),
      type: 'core',
    });
    await plugin.load();
    const fresh = JSON.parse(JSON.stringify(plugin.manifest));
    const committed = JSON.parse(readFileSync('oclif.manifest.json', 'utf8'));
    expect(committed).to.deep.equal(fresh);
    expect(Object.keys(committed.commands)).to.include.members([
      'capture',
      'collect',
      'connect',
      'forward',
      'inspect',
      'status',
      'sandbox:api',
      'sandbox:card',
      'sandbox:network',
      'sandbox:reader',
    ]);
  });
});
