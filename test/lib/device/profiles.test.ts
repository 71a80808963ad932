import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {paceOf, profileSettings} from '../../../src/lib/device/profiles.js';
import {temporaryDirectory} from '../../support/directories.js';

const SHOP = {gateway: 'stripe-compatible', base_url: 'https://payments.example.com'};

function settings(profile: object) {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'config.json'), JSON.stringify({profiles: {shop: profile}}));
  return profileSettings('shop', directory);
}

describe('the pace of a profile', () => {
  it('is what the API allows, less what other devices of the shop need', () => {
    const shop = settings(SHOP);
    expect(paceOf(shop, 'sk_live_x')).to.deep.equal({requests_per_s: 80, concurrency: 8});
    expect(paceOf(shop, 'rk_live_x')).to.deep.equal({requests_per_s: 80, concurrency: 8});
    expect(paceOf(shop, 'sk_test_x')).to.deep.equal({requests_per_s: 20, concurrency: 8});
    expect(paceOf(shop, 'a processor names its keys otherwise')).to.include({requests_per_s: 20});
    expect(paceOf(settings({gateway: 'sandbox'}), null)).to.deep.equal({requests_per_s: 100, concurrency: 8});
  });

  it('is what the profile says', () => {
    const shop = settings({...SHOP, max_requests_per_s: 0.5, max_concurrency: 64});
    expect(paceOf(shop, 'sk_live_x')).to.deep.equal({requests_per_s: 0.5, concurrency: 64});
  });

  for (const wrong of [
    {max_requests_per_s: 0},
    {max_requests_per_s: -1},
    {max_requests_per_s: '10'},
    {max_concurrency: 0},
    {max_concurrency: 65},
    {max_concurrency: 1.5},
    {max_concurrency: '8'},
    {max_requests: 5},
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      const [name = ''] = Object.keys(wrong);
      expect(() => settings({...SHOP, ...wrong}))
        .to.throw(name)
        .with.property('code', 'profile_invalid');
    });
  }
});
