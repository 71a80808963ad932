import * as dns from 'node:dns';
import type {LookupFunction} from 'node:net';

type Addresses = readonly dns.LookupAddress[];

/** How long the resolver may take where an earlier answer of it can be used instead. */
const PATIENCE_MS = 500;

/**
 * Finds the addresses of a host for new connections, also where the resolver hangs, as it does for many seconds behind
 * a router that lost its line: every question occupies one of the few threads of this process, and those asked later
 * wait for them, after the network has long returned.
 *
 * So one question a host is under way at a time, and whoever asks meanwhile shares it. Where the resolver is silent or
 * fails, the addresses it gave last are tried: for https the certificate tells whether it is still the API that answers.
 */
export class HostNames {
  private readonly ask: (host: string) => Promise<Addresses>;
  private readonly patienceMs: number;
  private readonly asking = new Map<string, Promise<Addresses>>();
  private readonly known = new Map<string, Addresses>();

  constructor(ask: (host: string) => Promise<Addresses> = resolve, patienceMs = PATIENCE_MS) {
    this.ask = ask;
    this.patienceMs = patienceMs;
  }

  readonly lookup: LookupFunction = (host, options, callback) => {
    this.addresses(host).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, [...addresses]);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };

  private addresses(host: string): Promise<Addresses> {
    const answer = this.asked(host);
    const known = this.known.get(host);
    if (known === undefined) return answer;
    return new Promise((found) => {
      const impatient = setTimeout(found, this.patienceMs, known);
      answer
        .catch(() => known)
        .then((addresses) => {
          clearTimeout(impatient);
          found(addresses);
        });
    });
  }

  private asked(host: string): Promise<Addresses> {
    const before = this.asking.get(host);
    if (before !== undefined) return before;
    const asking = this.ask(host)
      .then((addresses) => {
        this.known.set(host, addresses);
        return addresses;
      })
      .finally(() => this.asking.delete(host));
    this.asking.set(host, asking);
    return asking;
  }
}

function resolve(host: string): Promise<Addresses> {
  return dns.promises.lookup(host, {all: true});
}
