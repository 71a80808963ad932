import {ATTRIBUTION, chipData, type Presentation, tag} from './card-data.js';
import {attributed, type Outcome, response} from './outcome.js';

const ACTIVATE = 0x02;
const CONTACT = 0x60;
const AUTHENTICATE = 0x11;

/** A chip is started first; its data comes when the host asks for authentication. */
export function contactOutcome(it: Presentation): Outcome {
  return {
    frames: [response(ACTIVATE, 0x00, attributed(it, ATTRIBUTION.contact, tag('DFEE25', '0010')))],
    next: ({sub}) =>
      sub === AUTHENTICATE
        ? {
            frames: [
              response(CONTACT, 0x63),
              response(CONTACT, 0x00, attributed(it, ATTRIBUTION.contact, chipData(it))),
            ],
          }
        : {frames: [response(CONTACT, 0x03)]},
  };
}

/** A contact command (60-xx) that comes while no chip is started. */
export function contactUnstarted(sub: number): Outcome {
  return {frames: [response(CONTACT, sub === AUTHENTICATE ? 0x0b : 0x03)]};
}
