import {expect} from 'chai';
import {
  judgeOfflineConnect,
  offlineDaysLeft,
  pairingDaysLeft,
  seenKeys,
} from '../../../src/lib/core/connect-rules.js';
import type {ReaderIdentity} from '../../../src/lib/core/ports.js';
import type {Pairing} from '../../../src/lib/core/state.js';

const DAY = 24 * 3600 * 1000;
const START = Date.parse('2026-11-01T00:00:00Z');

const IDENTITY: ReaderIdentity = {
  type: 'idtech_neo2',
  serial_number: 'R1',
  firmware: 'V1',
  encryption_enabled: true,
  key: {state: 'valid', ksn: null},
  test_key: false,
};

function pairing(overrides: Partial<Pairing> = {}): Pairing {
  return {
    profile: 'shop',
    address: 'serial:/dev/reader',
    identity: IDENTITY,
    location: {id: 'tml_1', display_name: 'One', country: 'US'},
    configuration: {id: 'tmc_1', offline_enabled: true},
    binding: {account: 'acct_1', livemode: false, origin: 'https://api.example.com'},
    how: 'online',
    at: new Date(START).toISOString(),
    ...overrides,
  };
}

function seenAfter(...pairings: Pairing[]): Map<string, Pairing> {
  const seen = new Map<string, Pairing>();
  for (const one of pairings) {
    for (const key of seenKeys(
      one.binding.account,
      one.identity,
      one.location.id,
      one.configuration.approved_firmware,
    ))
      seen.set(key, one);
  }
  return seen;
}

function code(question: Partial<Parameters<typeof judgeOfflineConnect>[0]>): string {
  const known = pairing();
  try {
    judgeOfflineConnect({
      identity: IDENTITY,
      location: null,
      seen: seenAfter(known),
      last: known,
      now: START,
      ...question,
    });
  } catch (error) {
    return (error as {code: string}).code;
  }
  return 'connected';
}

describe('connecting without network', () => {
  it('works for thirty days, and not a moment longer', () => {
    expect(code({now: START + 30 * DAY - 1})).to.equal('connected');
    expect(code({now: START + 30 * DAY})).to.equal('reader_connection_not_available_offline');
    expect(pairingDaysLeft(pairing(), START)).to.equal(30);
    expect(pairingDaysLeft(pairing(), START + 29.5 * DAY)).to.equal(0);
  });

  it('tells the predicates apart', () => {
    expect(code({last: null, seen: new Map()})).to.equal('no_last_seen_account');
    expect(code({identity: {...IDENTITY, type: 'other'}})).to.equal(
      'reader_connection_not_available_offline',
    );
    expect(code({location: 'tml_2'})).to.equal('reader_connection_offline_location_mismatch');
    expect(code({identity: {...IDENTITY, firmware: 'V2'}})).to.equal(
      'reader_connection_offline_needs_update',
    );
    expect(code({identity: {...IDENTITY, serial_number: 'R2'}})).to.equal(
      'reader_connection_offline_pairing_unseen_disabled',
    );
    const disabled = pairing({configuration: {id: 'tmc_1', offline_enabled: false}});
    expect(code({seen: seenAfter(disabled), last: disabled})).to.equal('not_connected_to_internet');
  });

  it('believes in software only as far as the location approves of it', () => {
    const at = (...approved_firmware: string[]): string => {
      const known = pairing({configuration: {id: 'tmc_1', offline_enabled: true, approved_firmware}});
      return code({seen: seenAfter(known), last: known});
    };
    expect(at('V0', 'V1')).to.equal('connected');
    expect(at('V*')).to.equal('connected');
    expect(at('V', 'V1.0')).to.equal('reader_connection_offline_needs_update');
    // What was approved of before and is no longer does not count, however young it is.
    const before = pairing();
    const now = pairing({configuration: {id: 'tmc_1', offline_enabled: true, approved_firmware: ['V2']}});
    expect(code({seen: seenAfter(before, now), last: now})).to.equal(
      'reader_connection_offline_needs_update',
    );
  });

  it('counts the days of the predicate that lapses first', () => {
    const known = pairing();
    const later = pairing({
      at: new Date(START + 10 * DAY).toISOString(),
      location: {id: 'tml_2', display_name: '', country: null},
    });
    // Its software was seen again elsewhere; that its type was connected here was not.
    expect(offlineDaysLeft(known, seenAfter(known, later), START + 20 * DAY)).to.equal(10);
    expect(offlineDaysLeft(later, seenAfter(known, later), START + 20 * DAY)).to.equal(20);
    const unapproved = pairing({
      configuration: {id: 'tmc_1', offline_enabled: true, approved_firmware: ['V2']},
    });
    expect(offlineDaysLeft(unapproved, seenAfter(unapproved), START)).to.equal(0);
    const born = pairing({how: 'provisioned'});
    const offline = pairing({how: 'offline', at: new Date(START + 2 * DAY).toISOString()});
    expect(offlineDaysLeft(offline, seenAfter(born), START + 2 * DAY)).to.equal(28);
  });

  it('lets a sandbox device be born with its past', () => {
    const born = pairing({how: 'provisioned'});
    expect(
      code({seen: seenAfter(born), last: born, identity: {...IDENTITY, serial_number: 'R9', firmware: 'V9'}}),
    ).to.equal('connected');
  });
});
