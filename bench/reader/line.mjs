// What is seen of the line from outside.
const HEADER = Buffer.from('ViVOtech2\0', 'latin1');
const ACTIVATE = 0x02;
const FINAL = [0x00, 0x23];

/** True when the last frame in these bytes is a card's. */
export function isFinalAnswer(chunk) {
  const at = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).lastIndexOf(HEADER);
  return at !== -1 && chunk[at + 10] === ACTIVATE && FINAL.includes(chunk[at + 11]);
}
