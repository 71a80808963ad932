import {existsSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {ForwarderProcess} from '../support/forwarder.js';
import {requireSystemdNotify, type ServiceManager, startServiceManager} from '../support/service-manager.js';
import {connectedCli, network, taken} from '../support/world.js';

describe('forward --watch under a service manager', () => {
  let manager: ServiceManager;
  const processes: ForwarderProcess[] = [];

  beforeEach(async function () {
    requireSystemdNotify(this);
    manager = await startServiceManager();
  });
  afterEach(async () => {
    for (const one of processes.splice(0)) await one.kill();
    await manager?.close();
  });

  function start(...[cli, options]: ConstructorParameters<typeof ForwarderProcess>): ForwarderProcess {
    const one = new ForwarderProcess(cli, options);
    processes.push(one);
    return one;
  }

  it('tells that it is ready, what it does, and that it stops', async () => {
    const cli = await connectedCli('off');
    await taken(cli, 1250, 'A1', 'force_offline');
    const forwarder = start(cli, {env: manager.env});
    await forwarder.until('it is ready', () => manager.count('READY=1') === 1);
    await forwarder.until('it waits', () =>
      manager.heard().includes('STATUS=No network; 1 payment stored (12.50 usd).'),
    );
    network(cli, 'on');
    await forwarder.until('it is done', () => /STATUS=Waiting; nothing stored\.\n?$/.test(manager.heard()));
    expect((await forwarder.stop()).code).to.equal(0);
    expect(manager.count('STOPPING=1')).to.equal(1);
    expect(manager.count('READY=1'), 'told once').to.equal(1);
    expect(manager.count('WATCHDOG=1'), 'nobody asked for it').to.equal(0);
    expect(forwarder.stderr).not.to.include('systemd-notify');
  });

  it('gives signs of life as often as they are asked for, also without network, and none for another process', async () => {
    const cli = await connectedCli('off');
    await taken(cli, 1250, 'A1', 'force_offline');
    const env = {...manager.env, WATCHDOG_USEC: '400000'};
    const forwarder = start(cli, {env});
    await forwarder.until('it is alive', () => manager.count('WATCHDOG=1') >= 4);
    expect((await forwarder.stop()).code).to.equal(0);
    const before = manager.count('WATCHDOG=1');
    const other = start(cli, {env: {...env, WATCHDOG_PID: '1'}});
    await other.until('it is ready', () => manager.count('READY=1') === 2);
    await sleep(900);
    expect((await other.stop()).code).to.equal(0);
    expect(manager.count('WATCHDOG=1')).to.equal(before);
  });

  it('gives no signs of life while it is frozen', async () => {
    const cli = await connectedCli('on');
    const forwarder = start(cli, {env: {...manager.env, WATCHDOG_USEC: '400000'}});
    await forwarder.until('it is alive', () => manager.count('WATCHDOG=1') >= 2);
    forwarder.child.kill('SIGSTOP');
    await sleep(500);
    const before = manager.count('WATCHDOG=1');
    await sleep(1000);
    expect(manager.count('WATCHDOG=1')).to.equal(before);
    forwarder.child.kill('SIGCONT');
    await forwarder.until('it is alive again', () => manager.count('WATCHDOG=1') > before);
  });

  it('is never ready when it cannot run', async () => {
    const cli = await connectedCli('on');
    const first = await start(cli).up();
    const second = await start(cli, {env: manager.env}).ended;
    expect(second.code).to.equal(11);
    expect(manager.count('READY=1')).to.equal(0);
    await first.stop();
  });

  for (const [how, make] of Object.entries({
    'is missing': () => {},
    fails: (bin: string) => writeFileSync(join(bin, 'systemd-notify'), '#!/bin/sh\nexit 1\n', {mode: 0o755}),
    hangs: (bin: string) =>
      writeFileSync(join(bin, 'systemd-notify'), '#!/bin/sh\nexec sleep 60\n', {mode: 0o755}),
  })) {
    it(`sends its payments all the same where systemd-notify ${how}, and complains at most once`, async () => {
      const cli = await connectedCli('on');
      const bin = join(cli.home, 'bin');
      mkdirSync(bin);
      symlinkSync(process.execPath, join(bin, 'node'));
      for (const program of ['sh', 'sleep']) symlinkSync(`/bin/${program}`, join(bin, program));
      make(bin);
      expect(existsSync(join(bin, 'node'))).to.equal(true);
      await taken(cli, 1250, 'A1', 'force_offline');
      const env = {...manager.env, WATCHDOG_USEC: '200000', PATH: bin};
      const forwarder = start(cli, {env});
      await forwarder.until('it is told', () => forwarder.told.length === 1);
      await taken(cli, 1300, 'A2', 'force_offline');
      await forwarder.until('the next, too', () => forwarder.told.length === 2);
      const ran = await forwarder.stop();
      expect(ran.code, `${ran}`).to.equal(0);
      const complaints = ran.stderr.match(/systemd-notify failed/g) ?? [];
      expect(complaints.length, `${ran}`).to.be.within(how === 'hangs' ? 0 : 1, 1);
    });
  }
});
