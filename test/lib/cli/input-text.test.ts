import {expect} from 'chai';
import {inputText} from '../../../src/lib/cli/input-text.js';
import type {ReaderDisplayMessage, ReaderInputOption} from '../../../src/lib/core/reader-input.js';

const ALL: readonly ReaderInputOption[] = ['insert_card', 'tap_card', 'swipe_card'];

/** Every message, with what it says where every way is open. */
const TEXTS: Readonly<Record<ReaderDisplayMessage, string>> = {
  present_card: 'Tap, insert or swipe the card.',
  retry_card: 'The card could not be read. Tap, insert or swipe it again.',
  insert_card: 'Insert the card.',
  swipe_card: 'The chip cannot be read. Swipe the card.',
  try_another_read_method: 'The card cannot be taken this way. Tap, insert or swipe it.',
  try_another_card: 'This card cannot be taken. Tap, insert or swipe another card.',
  multiple_contactless_cards_detected: 'More than one card was there. Present one card only.',
  check_mobile_device: 'Look at the phone, then hold it to the reader again.',
  card_removed_too_early:
    'The card was taken out too early. Tap, insert or swipe it again, and leave an inserted card in until asked.',
  enter_pin: 'Enter the PIN on the reader.',
  processing: 'Please wait. Leave an inserted card where it is.',
  remove_card: 'Remove the card.',
};

describe('what a customer should do, in words', () => {
  it('names only the ways that are open', () => {
    const say = (...input_options: ReaderInputOption[]): string =>
      inputText({display_message: 'present_card', input_options});
    expect(say('insert_card', 'tap_card')).to.equal('Tap or insert the card.');
    expect(say('insert_card')).to.equal('Insert the card.');
    expect(say()).to.equal('Present the card.');
  });

  for (const [message, text] of Object.entries(TEXTS)) {
    it(`is said for "${message}"`, () => {
      const display_message = message as ReaderDisplayMessage;
      expect(inputText({display_message, input_options: ALL})).to.equal(text);
    });
  }
});
