import type {ReaderInput} from '../core/card.js';

/** What the customer should do, in words. */
export function inputText(input: ReaderInput): string {
  switch (input) {
    case 'present_card':
      return 'Tap or insert the card.';
    case 'insert_card':
      return 'Insert the card.';
    case 'tap_again':
      return 'Tap the card again.';
    case 'remove_card':
      return 'Remove the card.';
    case 'other_card':
      return 'Try another card.';
    case 'wait':
      return 'Please wait.';
  }
}
