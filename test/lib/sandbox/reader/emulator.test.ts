import {expect} from 'chai';
import type {CardAnswer} from '../../../../src/lib/core/card.js';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import type {Reader} from '../../../../src/lib/core/ports.js';
import {MOST_CARDS} from '../../../../src/lib/reader/dialogue.js';
import {readerOverLine} from '../../../../src/lib/reader/open.js';
import {encodeCommand, ResponseDecoder, type ResponseFrame} from '../../../../src/lib/reader/wire/frame.js';
import {TEST_CARDS} from '../../../../src/lib/sandbox/cards.js';
import {dataRequestKey, decryptTag, TEST_BDK} from '../../../../src/lib/sandbox/dukpt.js';
import {BEHAVIORS, type Behavior} from '../../../../src/lib/sandbox/reader/behaviors.js';
import {memoryCable} from '../../../../src/lib/sandbox/reader/cable.js';
import {attachEmulator, type EmulatorOptions} from '../../../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../../../src/lib/sandbox/reader/memory-world.js';
import {answerPlain, readerNow} from '../../../../src/lib/sandbox/reader/plain-commands.js';
import {OUTPUTS, type ReaderMemory} from '../../../../src/lib/sandbox/reader/world.js';
import {inVirtualTime} from '../../../support/virtual-time.js';

const REQUEST = {amount: 1250, currency: 'usd', currency_numeric: '840', timeout_s: 1, stripe: true};
const QUICK: EmulatorOptions = {card_delay_ms: 2, frame_delay_ms: 1};

type World = ReturnType<typeof memoryWorld>;

async function reader(world: World = memoryWorld(), options: EmulatorOptions = QUICK): Promise<Reader> {
  const [host, far] = memoryCable();
  attachEmulator(far, world, options);
  const opened = await readerOverLine(host, 'memory:', undefined, {late_answer: 60, retry_pause: 0});
  await opened.prepare(new Date());
  return opened;
}

async function present(behavior: Behavior, pan?: string): Promise<CardAnswer> {
  const world = memoryWorld();
  const card = pan === undefined ? {behavior} : {behavior, pan};
  // The same card as often as it is asked for.
  world.cards.push(...Array.from({length: MOST_CARDS}, () => card));
  const opened = await reader(world);
  try {
    return await opened.collect(REQUEST, () => {});
  } finally {
    await opened.close();
  }
}

describe('the emulated reader and the driver', () => {
  for (const {pan, brand, exp_year} of TEST_CARDS) {
    it(`sell with the card that ends in ${pan.slice(-4)}, sealed under the test key`, async () => {
      for (const behavior of ['approve', 'contact', 'old_output', 'strict_output', 'msd'] as const) {
        const answer = await present(behavior, pan);
        if (answer.kind !== 'card') throw new Error(`${behavior}: ${answer.kind}`);
        const {card} = answer;
        expect(card).to.deep.include({
          brand,
          last4: pan.slice(-4),
          leading_digits: pan.slice(0, 6),
          exp_year,
        });
        expect(card.amount_authorized).to.equal(1250);
        expect(card.currency_numeric).to.equal('840');
        const key = dataRequestKey(TEST_BDK, Buffer.from(card.sealed.ksn, 'hex'));
        const [tag, cipher] = Object.entries(card.sealed.tags)[0] ?? ['', ''];
        const plain = decryptTag(key, Buffer.from(cipher, 'hex')).toString('hex').toUpperCase();
        expect(plain.startsWith(tag) && plain.includes(pan), behavior).to.equal(true);
        expect(JSON.stringify(card)).not.to.include(pan);
      }
    });
  }

  const expected: Readonly<Record<Behavior, string>> = {
    approve: 'contactless_emv arqc none',
    approve_offline: 'contactless_emv tc none',
    phone: 'contactless_emv arqc approval',
    contact: 'contact_emv arqc none',
    contact_approve_offline: 'contact_emv tc none',
    contact_decline: 'contact_emv aac none',
    chip_removed_early: 'failed card_error',
    chip_seated_late: 'contact_emv arqc none',
    chip_unreadable: 'failed use_magstripe',
    torn: 'failed torn',
    see_phone: 'failed see_phone',
    use_other_interface: 'failed use_other_interface',
    unsupported: 'failed card_unsupported',
    reader_says_expired: 'failed card_expired',
    decline_by_card: 'contactless_emv aac none',
    aac_despite_ok: 'contactless_emv aac none',
    no_card: 'no_card timeout',
    swipe: 'magnetic_stripe_track2 null null',
    fallback: 'magnetic_stripe_fallback null null',
    msd: 'contactless_magstripe_mode null null',
    expired: 'contactless_emv arqc none 2020',
    online_pin: 'contactless_emv arqc online_pin',
    signature: 'contactless_emv arqc signature',
    wrong_amount: 'contactless_emv arqc none 2034 1251 840',
    wrong_currency: 'contactless_emv arqc none 2034 1250 978',
    two_amounts: 'contactless_emv arqc none 2034 null 840',
    missing_emv: 'contactless_emv null none',
    unencrypted: 'unsealed visa 4242',
    half_clear: 'unsealed visa 4242',
    no_ksn: 'failed unusable_encryption',
    number_in_label: 'unsealed visa 4242',
    repeated_ksn: 'contactless_emv arqc none',
    old_output: 'contactless_emv arqc none',
    strict_output: 'contactless_emv arqc none',
    collision: 'failed collision',
    tap_again: 'failed tap_again',
    removed_early: 'failed card_error',
    use_contact: 'failed use_contact',
    use_another: 'failed use_another_card',
    insert_or_swipe: 'failed use_contact',
    communication: 'failed card_error',
    not_authentic: 'failed authentication_failed',
    restricted: 'failed restricted',
    cvm_failed: 'failed verification_failed',
    unreadable: 'failed unreadable',
    chip_error: 'failed card_error',
    over_limit: 'failed over_contactless_limit',
    blocked: 'failed card_blocked',
    offline_only: 'failed reader_offline_only',
    tamper: 'reader_tampered',
    key_missing: 'reader_key_missing',
    key_exhausted: 'reader_key_exhausted',
    reboot: 'reader_fault',
    silent: 'no_card timeout',
  };
  for (const behavior of Object.keys(BEHAVIORS) as Behavior[]) {
    it(`agree on "${behavior}"`, async () => {
      const answer = await inVirtualTime(() => present(behavior)).catch((error: StowpayError) => error.code);
      expect(summary(answer)).to.satisfy(
        (text: string) => text.startsWith(expected[behavior]),
        summary(answer),
      );
    });
  }

  it('count the key up with every card, and end with the last', async () => {
    const world = memoryWorld();
    world.memory.save({...world.memory.load(), ksn: 'FFFF9876543210FFF7FE'});
    const opened = await reader(world);
    expect((await opened.identify()).key).to.deep.equal({state: 'valid', ksn: 'FFFF9876543210FFF7FE'});
    const first = await opened.collect(REQUEST, () => {});
    expect(first.kind === 'card' && first.card.sealed.ksn).to.equal('FFFF9876543210FFF800');
    expect((await opened.identify()).key.state).to.equal('end_of_life');
    const error = await opened.collect(REQUEST, () => {}).catch((caught: StowpayError) => caught.code);
    expect(error).to.equal('reader_key_exhausted');
    await opened.close();
  });

  it('agree that a reader without encryption is one', async () => {
    const opened = await reader(memoryWorld({encryption_off: true}));
    expect((await opened.identify()).encryption_enabled).to.equal(false);
    for (const behavior of ['approve', 'swipe'] as const) {
      const world = memoryWorld({encryption_off: true});
      world.cards.push({behavior});
      const plain = await reader(world);
      expect((await plain.collect(REQUEST, () => {})).kind).to.equal('unsealed');
      await plain.close();
    }
    await opened.close();
  });

  it('cancel, whatever the order of answers', async () => {
    for (const late_answer of ['before', 'after', 'never'] as const) {
      const opened = await reader(memoryWorld(), {card_delay_ms: 10_000, late_answer});
      const started = performance.now();
      const answer = await opened.collect(REQUEST, () => {}, AbortSignal.timeout(20));
      expect(answer).to.deep.equal({kind: 'no_card', reason: 'canceled'});
      expect(performance.now() - started).to.be.below(500);
      await opened.close();
    }
  });

  it('talk no faster than 115200 baud, when paced', async () => {
    const [host, far] = memoryCable();
    const world = memoryWorld({paced: true});
    world.memory.save({...world.memory.load(), poll_on_demand: true});
    attachEmulator(far, world, {card_delay_ms: 0, frame_delay_ms: 0});
    const decoder = new ResponseDecoder();
    let bytes = 0;
    const began = performance.now();
    const ended = new Promise<number>((resolve) => {
      host.onData((chunk) => {
        bytes += chunk.length;
        if (decoder.push(chunk).some(({status}) => status === 0x23)) resolve(performance.now());
      });
    });
    host.write(encodeCommand({command: 2, sub: 0x40, data: Buffer.from('1E', 'hex')}));
    const took = (await ended) - began;
    expect(bytes).to.be.above(250);
    expect(bytes / took, 'bytes a millisecond').to.be.at.most(11.53);
    await host.close();
    const opened = await reader(memoryWorld(), {...QUICK, paced: true});
    expect((await opened.collect(REQUEST, () => {})).kind).to.equal('card');
    await opened.close();
  });

  it('agree on how much of a number is shown', async () => {
    for (const [mask, leading, last4, year] of [
      ['00042A0C30', '', '4242', 2034],
      ['06002A0C31', '424242', null, 2034],
      ['0604230A31', '424242', '4242', 2034],
    ] as const) {
      for (const behavior of ['approve', 'swipe'] as const) {
        const world = memoryWorld();
        world.cards.push({behavior});
        const opened = await reader(world);
        world.memory.save({...world.memory.load(), ...maskOf(mask)});
        const answer = await opened.collect(REQUEST, () => {});
        if (answer.kind !== 'card') throw new Error(`${behavior} ${mask}: ${answer.kind}`);
        expect(answer.card, `${behavior} ${mask}`).to.deep.include({leading_digits: leading, last4});
        if (behavior === 'approve') expect(answer.card.exp_year).to.equal(year);
        await opened.close();
      }
    }
  });

  it('agree on a firmware that knows no settings, and on a reader without a number', async () => {
    const opened = await reader(
      memoryWorld({refuses_settings: true, serial_number: null, firmware: 'Old V0.9'}),
    );
    expect(await opened.identify()).to.deep.include({serial_number: '', firmware: 'Old V0.9'});
    expect((await opened.collect(REQUEST, () => {})).kind).to.equal('card');
    await opened.close();
  });

  it('sell in every notation, and with every way of saying which key', async () => {
    for (const output of OUTPUTS) {
      for (const {pan} of TEST_CARDS) {
        const world = memoryWorld({output});
        world.cards.push({pan});
        const opened = await reader(world, {card_delay_ms: 0, frame_delay_ms: 0});
        const answer = await opened.collect(REQUEST, () => {});
        expect(answer.kind === 'card' && answer.card.last4, `${output} ${pan}`).to.equal(pan.slice(-4));
        await opened.close();
      }
    }
  });
});

describe('the emulated reader on the wire', () => {
  async function exchange(...writes: readonly Buffer[]): Promise<ResponseFrame[]> {
    const [host, far] = memoryCable();
    const emulator = attachEmulator(far, memoryWorld(), {...QUICK, card_delay_ms: 5000});
    const decoder = new ResponseDecoder();
    const answers: ResponseFrame[] = [];
    host.onData((chunk) => answers.push(...decoder.push(chunk)));
    for (const bytes of writes) host.write(bytes);
    await new Promise((resolve) => setTimeout(resolve, 15));
    emulator.detach();
    await host.close();
    return answers;
  }
  const command = (code: number, sub: number, data = ''): Buffer =>
    encodeCommand({command: code, sub, data: Buffer.from(data, 'hex')});
  const statuses = (answers: readonly ResponseFrame[]): string[] =>
    answers.map(({command: code, status}) => `${code.toString(16)}:${status.toString(16)}`);

  it('refuses what a reader refuses', async () => {
    const swapped = command(0x18, 0x01);
    swapped.swap16();
    const wrongOrder = Buffer.concat([command(0x18, 0x01).subarray(0, 14), Buffer.from('CDB3', 'hex')]);
    expect(statuses(await exchange(wrongOrder))).to.deep.equal(['18:4']);
    expect(statuses(await exchange(command(0x77, 0x01), command(0x18, 0x07)))).to.deep.equal([
      '77:2',
      '18:3',
    ]);
    expect(statuses(await exchange(command(0x01, 0x01, '0102')))).to.deep.equal(['1:5']);
    expect(statuses(await exchange(command(0x02, 0x40, '1E')))).to.deep.equal(['2:b']);
    expect(await exchange(swapped)).to.deep.equal([]);
  });

  it('hangs on half a command, and takes what follows for its rest', async () => {
    const half = command(0x04, 0x00, 'DFEE1D0506042A0C31').subarray(0, 20);
    expect(statuses(await exchange(half, command(0x18, 0x01)))).to.deep.equal(['4:4']);
  });

  it('takes any command for a cancel while it waits for a card', async () => {
    const answers = await exchange(
      command(1, 1, '01'),
      command(2, 0x40, '1E'),
      command(0x18, 1),
      command(5, 1),
    );
    expect(statuses(answers)).to.deep.equal(['1:0', '18:0', '5:0']);
  });

  it('tells its settings as they were made, and refuses what it does not take', async () => {
    const answers = await exchange(
      command(4, 0, 'DFEE1D0506032D0B30' + 'DFED590100'),
      command(3, 2),
      command(4, 0, 'DFEE1D0507032D0B30'),
      command(4, 0, 'DFED590102'),
      command(4, 0, 'DFAA0100'),
      command(4, 0),
    );
    expect(statuses(answers)).to.deep.equal(['4:0', '3:0', '4:5', '4:5', '4:6', '4:7']);
    expect(answers[1]?.data.toString('hex').toUpperCase()).to.equal('DFEE1D0506032D0B30DFED590100');
  });

  it('has a clock that is wrong as told, until it is set, and drifts from then on', () => {
    const ahead = memoryWorld({clock_offset_s: 3600, clock_drift_s: 86_400});
    const lead = (): number => Math.round((readerNow(ahead).getTime() - Date.now()) / 1000);
    expect(lead()).to.equal(3600);
    const now = new Date();
    const digits = now.toISOString().slice(11, 16).replace(':', '');
    const set = {kind: 'command', command: 0x25, sub: 1, data: Buffer.from(digits, 'hex')} as const;
    expect(answerPlain(set, ahead).status).to.equal(0);
    expect(Math.abs(lead())).to.be.at.most(60);
    const memory = ahead.memory.load();
    ahead.memory.save({...memory, clock_set_at: Number(memory.clock_set_at) - 3_600_000});
    // A second a second: an hour ago it was right.
    expect(Math.abs(lead() - 3600)).to.be.at.most(61);
  });

  it('keeps its clock', async () => {
    const set = [command(0x25, 0x03, '20191201'), command(0x25, 0x01, '2359')];
    const answers = await exchange(
      ...set,
      command(0x25, 0x04),
      command(0x25, 0x02),
      command(0x25, 0x01, '2460'),
    );
    expect(answers.slice(2, 4).map(({data}) => data.toString('hex'))).to.deep.equal(['20191201', '2359']);
    expect(answers[4]?.status).to.equal(0x05);
  });
});

/** As the reader keeps what the data of DFEE1D says. */
function maskOf(hex: string): Partial<ReaderMemory> {
  const [leading = 0, trailing = 0, text = 0, nibble = 0, expiry = 0] = Buffer.from(hex, 'hex');
  const mask = {
    text: String.fromCharCode(text),
    nibble: nibble.toString(16).toUpperCase(),
    shows_expiry: expiry === 0x31,
  };
  return {masking: [leading, trailing], mask};
}

function summary(answer: CardAnswer | string): string {
  if (typeof answer === 'string') return answer;
  switch (answer.kind) {
    case 'card': {
      const {read_method, cryptogram, receipt, exp_year, amount_authorized, currency_numeric} = answer.card;
      const method = receipt.cardholder_verification_method;
      return `${read_method} ${cryptogram} ${method} ${exp_year} ${amount_authorized} ${currency_numeric}`;
    }
    case 'unsealed':
      return `unsealed ${answer.brand} ${answer.last4}`;
    case 'failed':
    case 'no_card':
      return `${answer.kind} ${answer.reason}`;
  }
}
