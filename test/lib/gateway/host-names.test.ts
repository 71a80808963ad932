import * as http from 'node:http';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {HostNames} from '../../../src/lib/gateway/host-names.js';
import {httpAnswer, type Peer, startPeer} from './peer.js';

const HERE = [{address: '127.0.0.1', family: 4}];

/** A resolver that answers when it is told to, and counts how often it was asked. */
class Resolver {
  readonly questions: {answer(): void; fail(): void}[] = [];

  readonly ask = (): Promise<typeof HERE> =>
    new Promise((resolve, reject) => {
      const fail = () => reject(Object.assign(new Error('no answer'), {code: 'EAI_AGAIN'}));
      this.questions.push({answer: () => resolve(HERE), fail});
    });
}

describe('gateway: host names', () => {
  let peer: Peer;
  before(async () => {
    peer = await startPeer((socket) => socket.end(httpAnswer(200, '{}')));
  });
  after(() => peer.close());

  /** The status of an answer over a new connection, or why there was none. */
  function connect(names: HostNames): Promise<number | string | undefined> {
    return new Promise((resolve) => {
      const options = {host: 'api.example.com', port: peer.port, agent: false, lookup: names.lookup};
      const request = http.get(options, (response) => resolve(response.statusCode));
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
  }

  it('asks once for all who ask while it asks, and again afterwards', async () => {
    const resolver = new Resolver();
    const names = new HostNames(resolver.ask);
    const connections = [connect(names), connect(names), connect(names)];
    await sleep(20);
    expect(resolver.questions).to.have.length(1);
    resolver.questions[0]?.answer();
    expect(await Promise.all(connections)).to.deep.equal([200, 200, 200]);
    void connect(names);
    await sleep(20);
    expect(resolver.questions).to.have.length(2);
    resolver.questions[1]?.answer();
  });

  it('goes where the host was last when the resolver hangs, and adds no question to the one that hangs', async () => {
    const resolver = new Resolver();
    const names = new HostNames(resolver.ask, 30);
    const first = connect(names);
    resolver.questions[0]?.answer();
    expect(await first).to.equal(200);
    for (let n = 0; n < 5; n += 1) expect(await connect(names)).to.equal(200);
    expect(resolver.questions).to.have.length(2);
    resolver.questions[1]?.fail();
    await sleep(1);
    const next = connect(names);
    resolver.questions[2]?.fail();
    expect(await next).to.equal(200);
  });

  it('says what the resolver says where the host was never found', async () => {
    const resolver = new Resolver();
    const names = new HostNames(resolver.ask, 30);
    const connections = [connect(names), connect(names)];
    resolver.questions[0]?.fail();
    expect(await Promise.all(connections)).to.deep.equal(['EAI_AGAIN', 'EAI_AGAIN']);
    const later = connect(names);
    resolver.questions[1]?.answer();
    expect(await later).to.equal(200);
  });
});
