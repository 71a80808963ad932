import * as http from 'node:http';
import * as https from 'node:https';
import {HostNames} from './host-names.js';

/**
 * Idle sockets are given up before servers and middleboxes usually do: a request written into a connection that
 * the other side just closed is a doubt that a fresh connection would have spared.
 */
const IDLE_SOCKET_MS = 4000;

/** The connections of one gateway. As many at a time as there are requests: nothing queues for a socket. */
export class Pool {
  private readonly secure: boolean;
  private readonly names = new HostNames();
  private kept: http.Agent;
  private readonly single: http.Agent;
  /** Agents that take no new request and still carry one. */
  private retired: http.Agent[] = [];

  constructor(protocol: string) {
    this.secure = protocol !== 'http:';
    this.kept = this.agent(true);
    this.single = this.agent(false);
  }

  /** Connections that are kept for the next request. */
  get shared(): http.Agent {
    return this.kept;
  }

  /** A connection for each request, opened for it and closed after it: it waits behind nothing. */
  get own(): http.Agent {
    return this.single;
  }

  /** From now on `shared` connects anew. Idle connections are closed, busy ones when their request has ended. */
  renew(): void {
    const old = this.kept;
    this.kept = this.agent(true);
    old.maxFreeSockets = 0;
    for (const sockets of Object.values(old.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
    this.retired = [...this.retired, old].filter(isBusy);
  }

  /** Every connection is gone; a request still on its way ends in doubt. */
  close(): void {
    for (const agent of [this.kept, this.single, ...this.retired]) agent.destroy();
  }

  private agent(keepAlive: boolean): http.Agent {
    const {lookup} = this.names;
    const options = keepAlive ? {keepAlive, lookup, timeout: IDLE_SOCKET_MS} : {keepAlive, lookup};
    return this.secure ? new https.Agent(options) : new http.Agent(options);
  }
}

function isBusy(agent: http.Agent): boolean {
  return Object.keys(agent.sockets).length > 0 || Object.keys(agent.requests).length > 0;
}
