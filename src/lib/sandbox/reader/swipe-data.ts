import {writeTlv} from '../../reader/wire/tlv.js';
import {encryptTag} from '../dukpt.js';
import {expiry, masked, type Presentation, tag} from './card-data.js';

/** A magnetic stripe as the reader reports it: both tracks masked and, with a key, encrypted. */
export function swipeData(it: Presentation): Buffer {
  return Buffer.concat([
    tag('DFEE25', '0011'),
    writeTlv('DFEE23', swipeBlock(it)),
    tag('9F39', it.behavior === 'fallback' ? '80' : '90'),
  ]);
}

function swipeBlock(it: Presentation): Buffer {
  const {pan, name} = it.card;
  const rest = `${expiry(it)}2010000000000`;
  const {text: mask, shows_expiry} = it.masking;
  const hidden = `${shows_expiry ? expiry(it) : mask.repeat(4)}${mask.repeat(rest.length - 4)}`;
  const shownPan = masked(pan, it.masking, mask);
  const clear = [`%B${pan}^${name}^${rest}?`, `;${pan}=${rest}?`].map(ascii);
  const shown = [`%${mask}${shownPan}^${name}^${hidden}?`, `;${shownPan}=${hidden}?`].map(ascii);
  const {use} = it;
  const body = Buffer.concat([
    Buffer.from([0x80, 0x1f, ...clear.map((track) => track.length), 0]),
    // Which tracks are shown and which sealed; a key serial number follows when they are.
    Buffer.from(use === null ? [0x03, 0x00] : [0x03, 0x83]),
    ...(use === null ? clear : shown),
    ...(use === null ? [] : clear.map((track) => encryptTag(use.key, track))),
    ...(use === null ? [] : [use.ksn]),
  ]);
  return enveloped(body);
}

function enveloped(body: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(body.length);
  const lrc = body.reduce((check, byte) => check ^ byte, 0);
  const sum = body.reduce((total, byte) => total + byte, 0) & 0xff;
  return Buffer.concat([Buffer.from([0x02]), length, body, Buffer.from([lrc, sum, 0x03])]);
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
