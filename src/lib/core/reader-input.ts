/** Ways a customer can give a card; Stripe's names (ReaderInputOptions). */
export type ReaderInputOption = 'insert_card' | 'tap_card' | 'swipe_card';

/** What a customer should do or know now; Stripe's names (ReaderDisplayMessage) and three of our own. */
export type ReaderDisplayMessage =
  /** Own. The options say how. */
  | 'present_card'
  /** The same card again; the options say how. */
  | 'retry_card'
  | 'insert_card'
  | 'swipe_card'
  /** What was tried will not do; the options say what may. */
  | 'try_another_read_method'
  | 'try_another_card'
  | 'multiple_contactless_cards_detected'
  /** The phone wants its holder's consent first; then it is held to the reader again. */
  | 'check_mobile_device'
  | 'card_removed_too_early'
  /** Own. On the reader, which asks for it by itself. */
  | 'enter_pin'
  /** Own. A card was seen: an inserted one stays where it is. */
  | 'processing'
  | 'remove_card';

/** What the customer should do now. */
export interface ReaderInput {
  readonly display_message: ReaderDisplayMessage;
  /** How a card may be presented now; empty while none is awaited. */
  readonly input_options: readonly ReaderInputOption[];
}
