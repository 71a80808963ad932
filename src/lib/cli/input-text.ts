import type {ReaderInput, ReaderInputOption} from '../core/reader-input.js';

/** What the customer should do, in words. */
export function inputText({display_message, input_options: options}: ReaderInput): string {
  switch (display_message) {
    case 'present_card':
      return `${waysText(options, 'the card')}.`;
    case 'retry_card':
      return `The card could not be read. ${waysText(options, 'it')} again.`;
    case 'insert_card':
      return 'Insert the card.';
    case 'swipe_card':
      return 'The chip cannot be read. Swipe the card.';
    case 'try_another_read_method':
      return `The card cannot be taken this way. ${waysText(options, 'it')}.`;
    case 'try_another_card':
      return `This card cannot be taken. ${waysText(options, 'another card')}.`;
    case 'multiple_contactless_cards_detected':
      return 'More than one card was there. Present one card only.';
    case 'check_mobile_device':
      return 'Look at the phone, then hold it to the reader again.';
    case 'card_removed_too_early':
      return `The card was taken out too early. ${waysText(options, 'it')} again, and leave an inserted card in until asked.`;
    case 'enter_pin':
      return 'Enter the PIN on the reader.';
    case 'processing':
      return 'Please wait. Leave an inserted card where it is.';
    case 'remove_card':
      return 'Remove the card.';
  }
}

const VERBS: Readonly<Record<ReaderInputOption, string>> = {
  tap_card: 'tap',
  insert_card: 'insert',
  swipe_card: 'swipe',
};

/** `Tap, insert or swipe the card`. */
function waysText(options: readonly ReaderInputOption[], what: string): string {
  const verbs = (Object.keys(VERBS) as ReaderInputOption[])
    .filter((option) => options.includes(option))
    .map((option) => VERBS[option]);
  const last = verbs.pop() ?? 'present';
  const text = verbs.length === 0 ? last : `${verbs.join(', ')} or ${last}`;
  return `${text[0]?.toUpperCase()}${text.slice(1)} ${what}`;
}
