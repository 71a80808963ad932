import {expect} from 'chai';
import {delivered, failed, gatewayTo, KEY, openWorld, type World} from './world.js';

describe('gateway: account and terminal', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.close());

  const post = async (path: string, body: string): Promise<{id: string}> => {
    const headers = {Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/x-www-form-urlencoded'};
    const answer = await fetch(`${world.api.url}${path}`, {method: 'POST', headers, body});
    return (await answer.json()) as {id: string};
  };

  it('fetches the account with the server time', async () => {
    const account = delivered(await world.gateway.account());
    expect(account).to.include({id: 'acct_sandbox', livemode: false});
    expect(Math.abs((account.server_time ?? 0) - Date.now())).to.be.lessThan(5000);
    const other = gatewayTo(world.api.url, {apiKey: 'sk_test_another_kiosk'});
    expect(delivered(await other.account()).id).to.match(/^acct_[0-9a-f]{16}$/);
    await other.close();
  });

  it('finds the first location and the account default', async () => {
    const expected = {
      location: {id: 'tml_sandbox', display_name: 'Sandbox kiosk', country: 'US'},
      configuration: {id: 'tmc_sandbox', offline_enabled: true},
    };
    expect(delivered(await world.gateway.terminal(null))).to.deep.equal(expected);
    expect(delivered(await world.gateway.terminal('tml_sandbox'))).to.deep.equal(expected);
  });

  it('lets a location override the default, and falls back where it says nothing', async () => {
    const off = await post('/v1/terminal/configurations', 'offline[enabled]=false');
    const silent = await post('/v1/terminal/configurations', 'name=silent');
    const at = (configuration: string) =>
      post(
        '/v1/terminal/locations',
        `display_name=Kiosk&address[country]=DE&configuration_overrides=${configuration}`,
      );
    const overridden = delivered(await world.gateway.terminal((await at(off.id)).id));
    expect(overridden.configuration).to.deep.equal({id: off.id, offline_enabled: false});
    expect(overridden.location.country).to.equal('DE');
    const fallen = delivered(await world.gateway.terminal((await at(silent.id)).id));
    expect(fallen.configuration).to.deep.equal({id: 'tmc_sandbox', offline_enabled: true});
    await post('/v1/terminal/configurations/tmc_sandbox', 'offline[enabled]=false');
    expect(delivered(await world.gateway.terminal('tml_sandbox')).configuration.offline_enabled).to.equal(
      false,
    );
  });

  it('hears which software of readers a location approves of', async () => {
    const at = async (value: string) => {
      const body = `display_name=Kiosk&address[country]=DE&metadata[stowpay_approved_firmware]=${encodeURIComponent(value)}`;
      const {id} = await post('/v1/terminal/locations', body);
      return delivered(await world.gateway.terminal(id)).configuration.approved_firmware;
    };
    expect(await at('VP5300 FW v1.00.S; Kiosk IV V1.2*;')).to.deep.equal([
      'VP5300 FW v1.00.S',
      'Kiosk IV V1.2*',
    ]);
    expect(await at(' ; ')).to.equal(undefined);
  });

  it('refuses a location that is not there', async () => {
    const outcome = failed(await world.gateway.terminal('tml_nowhere'), 'refused');
    expect(outcome.error.code).to.equal('resource_missing');
  });
});
