/** What the next card, or the reader when it comes, does. One line each, as the command line prints it. */
export const BEHAVIORS = {
  approve: 'contactless chip that asks its issuer (ARQC): the ordinary sale',
  approve_offline: 'contactless chip that approves by itself (TC)',
  phone: 'phone with its own check of the holder (CDCVM)',
  contact: 'chip inserted: first response, start, authentication, ARQC',
  contact_approve_offline: 'chip inserted that approves by itself (TC)',
  contact_decline: 'chip inserted that declines (AAC)',
  chip_removed_early: 'chip inserted and taken out before it was authenticated',
  chip_seated_late: 'chip inserted at the last moment: the reader answers after its own time',
  chip_unreadable: 'chip inserted that cannot be read: the reader asks for the stripe',
  decline_by_card: 'chip that declines (AAC)',
  no_card: 'nobody presents a card: the reader times out',
  swipe: 'magnetic stripe',
  fallback: 'magnetic stripe after the chip failed',
  msd: 'contactless card in mag-stripe mode',
  expired: 'card that expired in December 2020',
  online_pin: 'card that wants its PIN checked by the issuer',
  signature: 'card that wants a signature',
  wrong_amount: 'cryptogram over one unit more than was asked',
  missing_emv: 'sealed card number without a cryptogram',
  unencrypted: 'reader that sends the card number readable',
  repeated_ksn: 'the key serial number of the sale before, again',
  old_output: 'older firmware: masked and encrypted values marked alike',
  strict_output: 'strict BER: ciphertext with a plain length, masked copies apart',
  collision: 'two cards at once',
  tap_again: 'card not held long enough',
  removed_early: 'card taken away too early',
  torn: 'card taken away in the middle of the payment',
  see_phone: 'phone that wants its holder to look at it first, and then be held again',
  use_contact: 'card that wants to be inserted',
  use_other_interface: 'card that cannot be read this way',
  over_limit: 'above what the card allows contactless',
  blocked: 'blocked card',
  unsupported: 'card of a kind the reader does not know',
  reader_says_expired: 'card the reader itself finds expired',
  offline_only: 'reader set never to ask the issuer',
  tamper: 'reader that was opened',
  key_missing: 'reader without a key',
  key_exhausted: 'reader whose key is used up',
  reboot: 'reader that restarts in the middle of the read',
  silent: 'reader that stops answering in the middle of the read',
} as const;

export type Behavior = keyof typeof BEHAVIORS;

export function isBehavior(name: unknown): name is Behavior {
  return typeof name === 'string' && Object.hasOwn(BEHAVIORS, name);
}
